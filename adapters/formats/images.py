"""Detector images in files of their own: the header is checked here, the pixels are decoded by fabio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, NoSuchRunError, StillWritingError
from adapters.formats import cbf_header, image_headers, pilatus_header, tiff_header
from adapters.formats.by_path import FramesByPath
from adapters.formats.frames import SIGNED_SENTINELS, dataset, located
from adapters.formats.promise import Promise
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"


@dataclass(frozen=True)
class Described:
    """What a header means: metadata, how bad pixels are marked, remarks, and other files it was read from."""

    metadata: Metadata
    sentinels: Mapping[str, int] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFile:
    """The reader of one kind of image file, made of a few functions.

    `recognises` looks at the first bytes, `promise` reads the header and checks the
    size, `describe` says what the header means, `verify` compares a checksum.
    """

    name: str
    recognises: Callable[[Probe], Confidence]
    promise: Callable[[Path], Promise]
    describe: Callable[[Path, Promise], Described]
    verify: Callable[[Path, Promise], None] | None = None

    def probe(self, probe: Probe) -> Confidence:
        """How sure this reader is that the file is its own."""
        return self.recognises(probe)

    def check(self, path: Path) -> Readiness:
        """Whether the file holds all that its header promises."""
        try:
            promise = self.promise(path)
            if self.verify is not None:
                self.verify(path, promise)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The frames of the file, decoded when computed."""
        promise = self.promise(path)
        described = self.describe(path, promise)
        data = dataset(lazy(path, promise), sentinels=described.sentinels)
        metadata = located(described.metadata)
        provenance = Provenance(str(path), self.name, VERSION, described.files)
        return Measurement(data, metadata, provenance, described.flags)


def lazy(path: Path, promise: Promise) -> da.Array:
    """The frames as a dask array, one block a frame."""
    import dask.array as da

    source = ImageSource(str(path), promise.shape, promise.dtype)
    chunks = (1, promise.rows, promise.columns)
    array: da.Array = da.from_array(
        source, chunks=chunks, name=False, asarray=True, meta=np.empty((0, 0, 0), promise.dtype)
    )
    return array


class ImageSource(FramesByPath):
    """The frames of an image file."""

    def read(self, numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        """Decoded by the library that knows the format."""
        frames = _decoded(Path(self.path), list(numbers))
        if frames.shape[1:] != self.shape[1:]:
            raise CorruptFileError(self.path, f"its frames are {frames.shape[1:]}, not {self.shape[1:]}")
        return frames.astype(self.dtype, copy=False)


def _decoded(path: Path, indices: list[int]) -> np.ndarray[Any, Any]:
    import fabio

    # fabio raises whatever its many readers stumble on, bare Exceptions among them.
    try:
        with fabio.open(str(path)) as image:
            frames = [image.get_frame(index).data if image.nframes > 1 else image.data for index in indices]
            return np.stack(frames)
    except FileNotFoundError as error:
        raise NoSuchRunError(path) from error
    except Exception as error:
        raise CorruptFileError(path, f"its pixels do not decode ({type(error).__name__}: {error})") from error


def pilatus_metadata(
    text: str, shape: tuple[int, int], source: str, technique: str = "image"
) -> tuple[Metadata, tuple[Flag, ...]]:
    """What the header lines of a Pilatus detector say of an image of `shape`.

    The header's Filter_transmission is that of the attenuator before the sample,
    so the transmission of the sample stays unsaid.
    """
    said = pilatus_header.parse(text, shape, source)
    pixel, beam = said.pixel_size_m or (None, None), said.beam_px or (None, None)
    metadata = Metadata(
        technique=technique,
        wavelength_angstrom=said.wavelength_angstrom,
        distance_m=said.distance_m,
        beam_center_x_px=beam[0],
        beam_center_y_px=beam[1],
        pixel_size_x_m=pixel[0],
        pixel_size_y_m=pixel[1],
        exposure_s=said.exposure_s,
        raw=said.lines,
    )
    return metadata, said.flags


def describe_tiff(path: Path, promise: Promise) -> Described:
    """A TIFF file: what a Pilatus wrote into it, or nothing."""
    description, model = promise.header.get("description", ""), promise.header.get("model", "")
    if not is_pilatus_text(description):
        return Described(Metadata("image", raw=dict(promise.header)))
    metadata, flags = pilatus_metadata(description, promise.shape[1:], str(path))
    stamped = {name: promise.header[name] for name in ("model", "date") if name in promise.header}
    metadata = replace(metadata, instrument=model or None, raw={**metadata.raw, **stamped})
    sentinels = SIGNED_SENTINELS if promise.dtype.kind == "i" else {}
    return Described(metadata, sentinels, flags)


def describe_cbf(path: Path, promise: Promise) -> Described:
    """A CBF file: the mini header of a Pilatus or Eiger, if it has one."""
    text = promise.header["mini_header"]
    metadata, flags = pilatus_metadata(text, promise.shape[1:], str(path))
    metadata = replace(metadata, instrument=metadata.raw.get("Detector"))
    known = promise.header["convention"].startswith(("PILATUS", "SLS", "DECTRIS", "EIGER"))
    sentinels = SIGNED_SENTINELS if known and promise.dtype.kind == "i" else {}
    return Described(metadata, sentinels, flags)


def describe_plain(_: Path, promise: Promise) -> Described:
    """A header whose entries have no unit or no agreed meaning: kept as they stand."""
    return Described(Metadata("image", raw=dict(promise.header)))


def describe_ccd(_: Path, promise: Promise) -> Described:
    """A camera that integrates: its digital units are not photons, their variance not their value."""
    flag = Flag.caution(
        "not_photon_counting", "the camera's digital units are not photons: no Poisson errors"
    )
    return Described(Metadata("image", raw=dict(promise.header)), flags=(flag,))


def is_pilatus_text(text: str) -> bool:
    """Whether these are the header lines of a Pilatus detector."""
    return "# Pixel_size" in text and "# Exposure_time" in text


def is_tiff(probe: Probe) -> Confidence:
    """A TIFF file, more surely so if a detector wrote its header into it."""
    if not probe.head.startswith(tuple(tiff_header.MAGICS)):
        return Confidence.NO
    try:
        said = tiff_header.promise(probe.path).header
    except AdapterError:
        return Confidence.SIGNATURE
    return Confidence.CONTENT if is_pilatus_text(said.get("description", "")) else Confidence.SIGNATURE


def is_cbf(probe: Probe) -> Confidence:
    """A CBF file by its first line."""
    return Confidence.CONTENT if probe.head.startswith(cbf_header.MAGIC) else Confidence.NO


def is_edf(probe: Probe) -> Confidence:
    """An EDF file by its header in braces."""
    return _braced(probe, b"Dim_1", b"DataType")


def is_adsc(probe: Probe) -> Confidence:
    """An ADSC or d*TREK file by its header in braces."""
    return _braced(probe, b"HEADER_BYTES", b"SIZE1")


def _braced(probe: Probe, *words: bytes) -> Confidence:
    braced = probe.head.lstrip().startswith(b"{") and all(word in probe.head for word in words)
    return Confidence.CONTENT if braced else Confidence.NO


def is_hipic(probe: Probe) -> Confidence:
    """A HiPic file by its two letters and the comment that follows."""
    known = probe.head.startswith(b"IM") and b"[Application]" in probe.head
    return Confidence.CONTENT if known else Confidence.NO


def is_oxford(probe: Probe) -> Confidence:
    """An Oxford Diffraction image by its first line."""
    return Confidence.CONTENT if probe.head.startswith(b"OD SAPPHIRE") else Confidence.NO


def is_spe(probe: Probe) -> Confidence:
    """An SPE file by its name alone: the format has no magic number."""
    named = probe.suffix == ".spe" and b"\0" in probe.head
    return Confidence.EXTENSION if named else Confidence.NO


TIFF = ImageFile("tiff", is_tiff, tiff_header.promise, describe_tiff)
CBF = ImageFile("cbf", is_cbf, cbf_header.promise, describe_cbf, cbf_header.verify)
EDF = ImageFile("edf", is_edf, image_headers.edf, describe_plain)
ADSC = ImageFile("adsc", is_adsc, image_headers.adsc, describe_plain)
SPE = ImageFile("princeton_spe", is_spe, image_headers.spe, describe_ccd)
HIPIC = ImageFile("hamamatsu_hipic", is_hipic, image_headers.hipic, describe_ccd)
OXFORD = ImageFile("oxford_diffraction", is_oxford, image_headers.oxford, describe_plain)
