"""DICOM magnetic resonance: a file or the only series of a folder, mosaics, enhanced files, spectra."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.errors import AdapterError, LayoutError, MissingExtraError, NoSuchRunError
from adapters.formats.dicom_enhanced import enhanced
from adapters.formats.dicom_mosaic import mosaic
from adapters.formats.dicom_part import Part, files_in, header, marked, series, whole_numbers
from adapters.formats.dicom_slices import slices
from adapters.formats.dicom_spectrum import spectrum
from adapters.formats.dicom_volume import joined
from adapters.formats.nifti import translated
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
MR, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
SIEMENS_SPECTRUM = "1.3.12.2.1107.5.9.1"
KNOWN = (MR, ENHANCED, SIEMENS_SPECTRUM)


@dataclass(frozen=True)
class Dicom:
    """A reader of magnetic resonance in DICOM; who was measured, when and by whom stays in the files."""

    name: str = "dicom_mr"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the mark behind the preamble, in a file or in the first files of a folder."""
        try:
            if probe.path.is_dir():
                found = any(marked(each) for each in files_in(probe.path)[:3])
                return Confidence.CONTENT if found else Confidence.NO
            return Confidence.CONTENT if marked(probe.path) else Confidence.NO
        except OSError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the series is whole: no slice missing or twice, all pixels there."""
        try:
            self.open(path).data.load()
        except MissingExtraError:
            # That a package is absent here says nothing against the file; opening it tells.
            return Readiness.ready()
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Volumes or decays, with the timing of the sequence."""
        path = Path(path)
        if not path.exists():
            raise NoSuchRunError(path)
        # Values are decoded when they are first asked for, so any of them may raise.
        with translated(path), whole_numbers(path):
            parts = series(path) if path.is_dir() else [Part(path, header(path))]
            first = parts[0].said
            kind = str(first.get("SOPClassUID", ""))
            if kind not in KNOWN:
                raise LayoutError(path, "it is no magnetic resonance image or spectrum that is known here")
            if kind == SIEMENS_SPECTRUM:
                data, flags = spectrum(parts[0])
            else:
                data, flags = _images(path, parts, kind)
            metadata = _metadata(first)
        files = tuple(str(part.path) for part in parts)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION, files), flags)


def _metadata(said: Any) -> Metadata:
    """What may leave the file: words on the machine and its sequence, by an allow-list."""
    words = {"manufacturer": "Manufacturer", "nucleus": "ImagedNucleus", "sequence": "SequenceName"}
    numbers = {"frequency_mhz": "ImagingFrequency", "field_t": "MagneticFieldStrength"}
    raw: dict[str, Any] = {name: str(said.get(key)) for name, key in words.items() if said.get(key)}
    raw |= {name: float(said.get(key)) for name, key in numbers.items() if said.get(key) is not None}
    model = said.get("ManufacturerModelName")
    return Metadata(technique="mri", instrument=str(model) if model else None, raw=raw)


def _images(path: Path, parts: list[Part], kind: str) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    first = parts[0].said
    if kind == ENHANCED or "MOSAIC" in list(first.get("ImageType", [])):
        found = [enhanced(part) if kind == ENHANCED else mosaic(part) for part in parts]
        return joined(path, found)
    return slices(path, parts)


DICOM = Dicom()
