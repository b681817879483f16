"""NXmx files: one HDF5 file that holds, or draws together, the frames of a crystallography detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import h5py

from adapters.errors import AdapterError
from adapters.formats import hdf5, late
from adapters.formats.nexus import Array, NexusLayout, Number, Text, text
from adapters.formats.pilatus_header import DEFAULT
from adapters.model import Flag, Metadata, Readiness, State
from adapters.protocol import Confidence

DETECTOR = "entry/instrument/detector"
UNSET = (0.0,)

# Units in the third place are those of Dectris' documentation, for files that state none.
NUMBERS: Mapping[str, Number] = {
    "wavelength_angstrom": Number(
        ("entry/instrument/beam/incident_wavelength", "entry/sample/beam/incident_wavelength"),
        to="angstrom",
        unit="angstrom",
        unset=UNSET,
    ),
    "distance_m": Number(
        (f"{DETECTOR}/detector_distance", f"{DETECTOR}/distance"), to="m", unit="m", unset=UNSET
    ),
    "beam_center_x_px": Number(f"{DETECTOR}/beam_center_x", to="pixel", unit="pixel"),
    "beam_center_y_px": Number(f"{DETECTOR}/beam_center_y", to="pixel", unit="pixel"),
    "pixel_size_x_m": Number(f"{DETECTOR}/x_pixel_size", to="m", unit="m", unset=UNSET),
    "pixel_size_y_m": Number(f"{DETECTOR}/y_pixel_size", to="m", unit="m", unset=UNSET),
    "exposure_s": Number(f"{DETECTOR}/count_time", to="s", unit="s", unset=UNSET),
}
TEXTS: Mapping[str, Text] = {"sample_name": Text("entry/sample/name")}
START = ("entry/start_time", f"{DETECTOR}/detectorSpecific/data_collection_date")
MASKS = (f"{DETECTOR}/pixel_mask", f"{DETECTOR}/detectorSpecific/pixel_mask")
RAW = (
    "entry/definition",
    "entry/start_time",
    "entry/end_time",
    "entry/instrument/attenuator/attenuator_transmission",
    "entry/instrument/beam/total_flux",
    f"{DETECTOR}/bit_depth_image",
    f"{DETECTOR}/description",
    f"{DETECTOR}/detector_number",
    f"{DETECTOR}/frame_time",
    f"{DETECTOR}/saturation_value",
    f"{DETECTOR}/sensor_material",
    f"{DETECTOR}/sensor_thickness",
    f"{DETECTOR}/threshold_energy",
    f"{DETECTOR}/detectorSpecific/countrate_correction_count_cutoff",
    f"{DETECTOR}/detectorSpecific/data_collection_date",
    f"{DETECTOR}/detectorSpecific/nimages",
    f"{DETECTOR}/detectorSpecific/ntrigger",
    f"{DETECTOR}/detectorSpecific/photon_energy",
    f"{DETECTOR}/detectorSpecific/trigger_mode",
)


def is_dectris_master(file: h5py.File) -> bool:
    """Whether the detector's own software wrote this, rather than a beamline's."""
    if "DECTRIS_lab_geometry" in file.get("entry", file).attrs:
        return True
    if (text(file, "entry/program_name") or "").startswith("DECTRIS"):
        return True
    data = file.get("entry/data")
    return isinstance(data, h5py.Group) and "data_000001" in data and not hdf5.has(file, "entry/data/data")


def aware(said: str | None) -> datetime | None:
    """A moment written with its time zone; None for one without, which could be any of 24."""
    try:
        moment = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def completed(metadata: Metadata, file: h5py.File) -> tuple[Metadata, tuple[Flag, ...]]:
    """With the start, if its zone is stated, and without a beam centre nobody set."""
    started = (aware(text(file, place)) for place in START)
    metadata = replace(metadata, start_time=next((moment for moment in started if moment), None))
    if metadata.beam_center_x_px == 0 and metadata.beam_center_y_px == 0:
        metadata = replace(metadata, beam_center_x_px=None, beam_center_y_px=None, geometry=None)
        return metadata, (Flag.caution(DEFAULT, "the beam centre (0, 0) looks never set, and is not used"),)
    return metadata, ()


@dataclass(frozen=True)
class NxmxLayout(NexusLayout):
    """The reader of NXmx files; sources of a fresh file may still arrive, those of an old one are lost."""

    late_s: float = late.LATE_S

    def marked(self, file: h5py.File) -> bool:
        """NXmx by its definition, unless it is a master of the detector's own software."""
        return (
            super().marked(file) and text(file, "entry/definition") == "NXmx" and not is_dectris_master(file)
        )

    def described(self, file: h5py.File, path: Path) -> tuple[Metadata, tuple[Flag, ...]]:
        """As the table says, with start time and beam centre looked at."""
        metadata, flags = super().described(file, path)
        metadata, more = completed(metadata, file)
        return metadata, (*flags, *more)

    def check(self, path: Path) -> Readiness:
        """Whether all frames are there; names the source files that are not."""
        judged = super().check(path)
        if judged.state is not State.BROKEN:
            return judged
        try:
            with hdf5.opened(path) as file:
                lost = hdf5.missing_sources(file)
        except AdapterError:
            return judged
        if not lost:
            return judged
        missing = f"{path} has a virtual dataset whose sources are missing: {', '.join(lost)}"
        return late.judged(missing, [path], late_s=self.late_s)


NXMX = NxmxLayout(
    name="nxmx",
    technique="mx",
    marker="entry/definition",
    arrays={"counts": Array("entry/data/data", ("frame", "y", "x"), "count")},
    numbers=NUMBERS,
    texts={**TEXTS, "instrument": Text(("entry/instrument/name", "entry/instrument@short_name"))},
    mask=MASKS,
    dectris=True,
    raw=RAW,
    confidence=Confidence.CONTENT,
)
