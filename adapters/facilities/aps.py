"""Advanced Photon Source: 12-ID-B (areaDetector HDF5 with PVs) and BioCAT (Eiger data files with a log)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adapters.formats.dectris import DECTRIS_DATA
from adapters.formats.nexus import Array, NexusLayout, Number, Text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

PVS = "entry/Metadata"

# Units are those that the descriptions of the PVs name. The thickness is left out:
# its description says that it is a density.
TWELVE_ID_B = NexusLayout(
    name="aps_12idb",
    technique="saxs",
    facility="aps",
    instrument="12-ID-B",
    marker="entry/instrument/source/facility_beamline",
    marker_says="12-ID-B",
    arrays={"counts": Array("entry/data/data", ("frame", "y", "x"), "count")},
    dectris=True,
    numbers={
        "wavelength_angstrom": Number(f"{PVS}/Wavelength", unit="angstrom", to="angstrom", unset=(0.0,)),
        "distance_m": Number(f"{PVS}/SDD", unit="mm", to="m", unset=(0.0,)),
        "beam_center_x_px": Number(f"{PVS}/Beam_x_pixel", unit="pixel", to="pixel"),
        "beam_center_y_px": Number(f"{PVS}/Beam_y_pixel", unit="pixel", to="pixel"),
        "pixel_size_x_m": Number(f"{PVS}/pixel_size", unit="mm", to="m", unset=(0.0,)),
        "pixel_size_y_m": Number(f"{PVS}/pixel_size", unit="mm", to="m", unset=(0.0,)),
        "exposure_s": Number(f"{PVS}/ExposureTime", unit="s", to="s", unset=(0.0,)),
        "monitor_counts": Number(f"{PVS}/IC1_phd", unit="count", to="count", unset=(0.0,)),
    },
    texts={"sample_name": Text(f"{PVS}/Sample_Name")},
    raw=(
        "entry/start_time",
        f"{PVS}/It_phd",
        f"{PVS}/SAXS_phd",
        f"{PVS}/SRcurrent",
        f"{PVS}/Energy",
        f"{PVS}/monoE",
        f"{PVS}/Detector_tilt_y",
        f"{PVS}/Sample_Description",
        f"{PVS}/AbsIntCoeff",
        "entry/sample/thickness",
    ),
)

FRAMES_OF = re.compile(r"(.+)_data_\d+$")
SAYS_BIOCAT = "BioCAT (Sector 18, APS)"
NUMBERED = re.compile(r"_(\d+)$")


@dataclass(frozen=True, slots=True)
class BioCat:
    """The reader of BioCAT's Eiger data files, with the log that the beamline writes beside them."""

    name: str = "aps_biocat"

    def probe(self, probe: Probe) -> Confidence:
        """A data file whose log names the beamline."""
        try:
            said, _ = log_of(probe.path)
        except OSError:
            return Confidence.NO
        if not said.get("Instrument", "").startswith(SAYS_BIOCAT):
            return Confidence.NO
        return Confidence.INSTRUMENT if DECTRIS_DATA.probe(probe) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the data file opens and holds frames."""
        return DECTRIS_DATA.check(path)

    def open(self, path: Path) -> Measurement:
        """The frames with exposure and incident intensity from the log, joined by image number."""
        run = DECTRIS_DATA.open(path)
        said, rows = log_of(path)
        temperature = _number(said.get("Temperature [C]"))
        metadata = Metadata(
            technique="saxs",
            facility="aps",
            instrument="biocat",
            sample_name=said.get("Sample") or None,
            exposure_s=_number(said.get("Exposure time/frame [s]")),
            concentration_mg_ml=_number(said.get("Concentration [mg/ml]")),
            temperature_k=None if temperature is None else temperature + 273.15,
            raw=said,
        )
        data, flags = run.data, run.flags
        if "frame" in data.coords:
            monitor = np.array([rows.get(int(number), np.nan) for number in data["frame"].values])
            unit = {"units": "arbitrary", "long_name": "I0 of the log"}
            data = data.assign(monitor=("frame", monitor, unit))
            if np.isnan(monitor).any():
                lost = f"{int(np.isnan(monitor).sum())} frames have no line in the log"
                flags = (*flags, Flag.caution("monitor_missing", lost))
        provenance = Provenance(str(path), self.name, "1", (str(log_path(path)),))
        return replace(run, data=data, metadata=metadata, provenance=provenance, flags=flags)


def log_path(path: Path) -> Path:
    """Where the log of a data file lies."""
    match = FRAMES_OF.match(path.stem)
    return path.with_name(f"{match[1] if match else path.stem}.log")


def log_of(path: Path) -> tuple[dict[str, str], dict[int, float]]:
    """The log's entries, and I0 by image number; both empty where there is no log."""
    log = log_path(path)
    if not FRAMES_OF.match(path.stem) or not log.is_file():
        return {}, {}
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = dict(line[1:].split(":\t", 1) for line in lines if line.startswith("#") and ":\t" in line)
    header = next((line[1:].split("\t") for line in lines if line.startswith("#Filename\t")), [])
    if "I0" not in header:
        return entries, {}
    column = header.index("I0")
    table = (line.split("\t") for line in lines if line and not line.startswith("#"))
    named = ((NUMBERED.search(row[0]), row[column]) for row in table if len(row) == len(header))
    rows = {int(match[1]): _number(said) for match, said in named if match}
    known = {number: value for number, value in rows.items() if value is not None}
    return {name: value.strip() for name, value in entries.items()}, known


def _number(said: Any) -> float | None:
    try:
        return float(said)
    except (TypeError, ValueError):
        return None


BIOCAT = BioCat()
