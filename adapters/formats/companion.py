"""Files that lie beside runs and are none: claimed only to say what they are and where they are wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import h5py

from adapters.errors import AdapterError, LayoutError, NoSuchRunError, PathError
from adapters.formats import hdf5, packed
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe

# What the first text of a file shows, and what that means for its owner.
KINDS: tuple[tuple[str, str], ...] = (
    (
        r"^(# Nota: C-Order|# == pyFAI calibration|poni_version:|PixelSize1:)",
        "a detector geometry (PONI), not a run; give it with images, as --set images.files.calibration=...",
    ),
    (
        r"^\s*data_\S*\s*$[\s\S]*^\s*_(cell|space_group|atom_site)[._]",
        "a crystal structure (CIF) of a small cell, not a run; the recipe powder takes a cell as parameters",
    ),
    (
        r"^<\?xml[\s\S]*<xrdMeasurements[\s\S]*measurementType=\"Area measurement\"",
        "a reciprocal space map of a single crystal (XRDML); no recipe of HALOS reduces one",
    ),
    (
        r"^\{\s*\"ATSASDir\"",
        "settings of BioXTAS RAW, not a run; its geometry can be given with --set images.geometry...",
    ),
    (
        r"^#Instrument:\s*BioCAT",
        "the log that BioCAT writes beside its frames, not a run; open the frames, and it is read with them",
    ),
    (
        r"^\s*\{[\s\S]*\"(beamtimeId|beamline)\"\s*:[\s\S]*\"(beamline|beamtimeId|proposalId)\"\s*:",
        "the description of a beamtime at PETRA III, not a run; it is read with the runs below its folder",
    ),
    (
        r"^\s*\{[\s\S]*\"hdx_id\"\s*:",
        "the description of a data set of hydrogen exchange, not a run; open its tables of states",
    ),
    (
        r"^\s*\[\s*\{[\s\S]*\"(filename|train_ids|control_sources|suspect_train_indices)\"\s*:",
        "the list of a run's files that EXtra-data keeps beside them, not a run; open the folder",
    ),
    (
        r"^HDR,\s",
        "the settings of a Merlin detector, not a run; open the .mib beside it, and they are read with it",
    ),
    (
        r"^\s*\{[\s\S]*\"(EchoTime|RepetitionTime|FlipAngle)\"\s*:",
        "what a scanner was set to (BIDS), not a run; open the image beside it, and it is read with it",
    ),
    (
        r"^#\|num\|weight\|mean\|covariance",
        "a density as a sum of Gaussians (IMP), not a run; give the map that was made of it",
    ),
    (
        r"^run type: *(regular|screening)",
        "notes that P11 writes beside its frames, not a run; open the master file, and they are read with it",
    ),
)
PATTERNS = tuple((re.compile(pattern, re.MULTILINE), said) for pattern, said in KINDS)
POSITIONS = (
    "what a position box (PandA) of Diamond recorded during a scan, not a run; "
    "open the scan's .nxs file, and it is read with it"
)
SPECTRA = "the spectra of an image by mass spectrometry; open the .imzML beside it, and they are read with it"
GRADIENTS = (
    "the gradients of a diffusion series (bval, bvec), not a run; "
    "open the image beside them, and they are read with it"
)
IMAGES = ("*.nii", "*.nii.gz")
PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
PICTURE = (
    "a picture for the eye ({kind}), whose values have no unit and whose pixels no size; "
    "give what it was made from"
)
PANDA = re.compile(r"\w+\.\w+$")
# A pattern integrated by pyFAI begins like its geometry, but has columns.
COLUMNS = re.compile(r"^# *(2th|q_|r_mm)\S*\s+I\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Companion:
    """The reader of none of these: opening and checking say what the file is."""

    name: str = "companion"

    def probe(self, probe: Probe) -> Confidence:
        """SIGNATURE by the first text or bytes."""
        return Confidence.SIGNATURE if _meaning(probe) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Never ready, for a reason."""
        refusal = self._refusal(path)
        return Readiness.broken(refusal.detail or str(refusal))

    def open(self, path: Path) -> Measurement:
        """Raise what the file is."""
        raise self._refusal(path)

    def _refusal(self, path: Path) -> PathError:
        if not path.exists():
            return NoSuchRunError(path)
        said = _meaning(Probe(path))
        return LayoutError(
            path, f"it is {said}" if said else "it is no run, and nothing that stands beside one"
        )


def _meaning(probe: Probe) -> str | None:
    if probe.head.startswith(hdf5.MAGIC):
        return _inside(probe.path)
    if probe.suffix == ".ibd" and any(probe.path.with_suffix(each).exists() for each in (".imzML", ".imzml")):
        return SPECTRA
    picture = next((kind for magic, kind in PICTURES.items() if probe.head.startswith(magic)), None)
    if picture is not None:
        return PICTURE.format(kind=picture)
    if _gradients(probe):
        return GRADIENTS
    head = packed.head(probe)
    if not head or COLUMNS.search(head):
        return None
    return next((said for pattern, said in PATTERNS if pattern.search(head)), None)


def _gradients(probe: Probe) -> bool:
    """A table of b values or directions by its name, beside an image."""
    if not probe.path.name.lower().endswith((".bval", ".bvec", "bvals.txt", "bvecs.txt", "bvals", "bvecs")):
        return False
    return any(next(probe.path.parent.glob(pattern), None) is not None for pattern in IMAGES)


def _inside(path: Path) -> str | None:
    """A file of positions: one group, and in it one dataset of the same name."""
    try:
        with hdf5.opened(path) as file:
            entry = file.get("entry")
            names = list(entry) if isinstance(entry, h5py.Group) and set(file) == {"entry"} else []
            return (
                POSITIONS
                if names and all(PANDA.match(name) and f"{name}/{name}" in entry for name in names)
                else None
            )
    except AdapterError:
        return None


COMPANION = Companion()
