"""A quantity that a step needs: as given, else as the file says it, else an error."""

from __future__ import annotations

from adapters.errors import MissingMetadataError
from adapters.model import Measurement


def needed(run: Measurement, name: str, given: float | None) -> float:
    """The quantity as given, else from `voxel` or the file's own words; the error names the parameter."""
    if given is not None:
        return given
    if name == "pixel_angstrom" and "voxel" in run.data:
        return float(run.data["voxel"].values.mean())
    said = run.metadata.raw.get(name)
    if said is None:
        raise MissingMetadataError(name, run.provenance.path, f"micrograph.{name}")
    return float(said)
