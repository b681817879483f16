"""What a flow is started with, beside the science: which files, and where the result goes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks.common.parameters import GeometryParameters, IntegrationParameters, NormalizationParameters, Values


class ReadingParameters(Values):
    """How the runs are opened, where the files leave it open."""

    adapter: str | None = Field(None, description="Reader to use; empty finds the one that knows the files")
    q_unit: Literal["1/angstrom", "1/nm"] | None = Field(
        None, description="Unit of q in curve files that do not say it; empty refuses such files"
    )

    scan: str | None = Field(None, description="Number of the scan to read from a file that holds several")

    def assumed(self) -> dict[str, str]:
        """What readers are told that files leave out."""
        told = {"q_unit": self.q_unit, "scan": self.scan}
        return {name: value for name, value in told.items() if value}


class DetectorFiles(Values):
    """Files that belong to the detector; images only."""

    calibration: Path | None = Field(None, description="PONI file with the detector geometry")
    mask: Path | None = Field(
        None, description="Mask image (EDF, TIFF, CBF or NPY): not 0 where a pixel is bad"
    )
    dark: tuple[Path, ...] = Field((), description="Dark frames of the same exposure")
    flat: Path | None = Field(None, description="Flat field image: relative response of each pixel")


class ImageParameters(Values):
    """How detector images become curves; runs that are curves already pass by."""

    files: DetectorFiles = DetectorFiles()
    geometry: GeometryParameters = GeometryParameters()
    integration: IntegrationParameters = IntegrationParameters()
    normalization: NormalizationParameters = NormalizationParameters()
    buffer_normalization: NormalizationParameters | None = Field(
        None,
        description="For the buffer, where it was measured otherwise; empty takes the same as for the sample",
    )
