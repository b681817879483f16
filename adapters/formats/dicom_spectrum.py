"""Decays of a voxel as Siemens writes them into DICOM files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adapters.errors import LayoutError, TruncatedFileError
from adapters.formats.dicom_csa import csa_header
from adapters.formats.dicom_part import Part
from adapters.formats.dicom_volume import MILLI
from adapters.formats.siemens_voxel import voxel_affine
from adapters.formats.volumes import decays
from adapters.model import Flag

if TYPE_CHECKING:
    import xarray as xr

CSA_SPECTRUM, SPECTRUM = (0x0029, 0x1110), (0x7FE1, 0x1010)
NANO = 1e-9


def spectrum(part: Part) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """The decays of a file, with the voxel they come from."""
    said = csa_header(part, CSA_SPECTRUM)
    if SPECTRUM not in part.said:
        raise LayoutError(part.path, "there is no decay in it")
    # Numbers of the maker's header are lists; those that are needed have one.
    points = int(said["DataPointColumns"][0])
    data = part.said[SPECTRUM].value
    if points < 2 or len(data) % (8 * points) or not data:
        raise TruncatedFileError(part.path, f"{len(data)} bytes are there for decays of {points} points")
    # Written so that frequencies run against the shift; here they run with it.
    fid = np.conj(np.frombuffer(data, "<c8")).reshape(-1, points).astype(complex)
    found = decays(
        fid,
        float(said["RealDwellTime"][0]) * NANO,
        float(said["ImagingFrequency"][0]),
        echo_time=float(said["EchoTime"][0]) * MILLI,
        repetition_time=float(said["RepetitionTime"][0]) * MILLI,
    )
    turned = [float(each) for each in said["ImageOrientationPatient"]]
    sides = [float(each) for each in (*reversed(said["PixelSpacing"]), said["SliceThickness"][0])]
    affine = voxel_affine(turned[:3], turned[3:], [float(each) for each in said["VoiPosition"]], sides)
    found["affine"] = (("to_axis", "axis"), affine, {"units": "mm"})
    return found, ()
