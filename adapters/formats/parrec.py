"""Philips PAR/REC: a table in text with one line an image, and the images beside it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, MissingExtraError, TruncatedFileError
from adapters.formats.blob import Blob
from adapters.formats.nifti import nibabel, translated
from adapters.formats.volumes import stacked
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
MARK = "# === DATA DESCRIPTION FILE"
MILLI = 1e-3


@dataclass(frozen=True)
class ParRec:
    """A reader of the header and its images; either file may be named."""

    name: str = "philips_parrec"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the first line of the header."""
        if probe.suffix == ".rec":
            beside = _other(probe.path, ".par")
            return Confidence.CONTENT if beside is not None and _marked(beside) else Confidence.NO
        return Confidence.CONTENT if probe.text.lstrip().startswith(MARK) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all images of the table are there."""
        try:
            self.open(path)
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The images as volumes, in the scale of the scanner's display."""
        path = Path(path)
        table, images = _files(path)
        header = _header(table)
        with translated(table):
            order = np.asarray(header.get_sorted_slice_indices())
            shape = header.get_data_shape()
            slopes, inters = (np.atleast_1d(each).ravel() for each in header.get_data_scaling("dv"))
            affine = header.get_affine(origin="scanner")
            rows = header.image_defs
            kind = header.get_data_dtype().newbyteorder("<")
        slices, count = int(shape[2]), int(shape[3]) if len(shape) > 3 else 1
        if slices * count != len(order):
            raise CorruptFileError(table, f"{len(order)} images do not fill {count} volumes of {slices}")
        blob = Blob(str(images), 0, kind.str, (len(rows), int(shape[1]), int(shape[0])))
        blob.require()
        stack = blob.lazy()[order].astype(float)
        factors = _each(slopes, len(order)), _each(inters, len(order))
        stack = stack * factors[0][:, None, None] + factors[1][:, None, None]
        signal = stack.reshape(count, slices, int(shape[1]), int(shape[0]))
        first = rows[order].reshape(count, slices)[:, 0]
        data = stacked(signal, affine, _timing(header, first))
        flag = Flag.info(
            "display_scale",
            "values are those of the scanner's display, whose scale may differ between series",
        )
        provenance = Provenance(str(path), self.name, VERSION, (str(table), str(images)))
        return Measurement(data, Metadata(technique="mri"), provenance, (flag,))


def _each(values: Any, count: int) -> Any:
    return np.broadcast_to(values, (count,)) if len(values) in (1, count) else np.resize(values, count)


def _timing(header: Any, first: Any) -> dict[str, Any]:
    general = header.general_info
    names = first.dtype.names
    timing = {"echo_time": first["echo_time"] * MILLI, "flip_angle": first["image_flip_angle"]}
    repetition = np.atleast_1d(general.get("repetition_time", np.nan))
    timing["repetition_time"] = float(repetition[0]) * MILLI if len(repetition) == 1 else None
    if "diffusion_b_factor" in names and general.get("diffusion", 0):
        timing["b_value"] = first["diffusion_b_factor"]
    if "Inversion delay" in names and (first["Inversion delay"] > 0).all():
        timing["inversion_time"] = first["Inversion delay"] * MILLI
    return timing


def _files(path: Path) -> tuple[Path, Path]:
    table = path if path.suffix.lower() == ".par" else _other(path, ".par")
    if table is None:
        raise LayoutError(path, "there is no PAR file beside it, so its images cannot be told apart")
    images = _other(table, ".rec")
    if images is None:
        raise TruncatedFileError(path, "there is no REC file beside it, and the images are in that")
    return table, images


def _other(path: Path, suffix: str) -> Path | None:
    found = (path.with_suffix(each) for each in (suffix, suffix.upper()))
    return next((each for each in found if each.is_file()), None)


def _marked(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(200).decode("latin-1").lstrip().startswith(MARK)


def _header(path: Path) -> Any:
    from adapters.formats import text

    text.text(path)
    library = nibabel()
    from nibabel.parrec import PARRECError, PARRECHeader

    assert library is not None
    with translated(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with path.open(encoding="latin-1") as file:
                return PARRECHeader.from_fileobj(file, permit_truncated=False)
        except PARRECError as error:
            raise CorruptFileError(path, str(error)[:200]) from error


PARREC = ParRec()
