"""Peak lists of one delay each, joined to one series by the names of their peaks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from adapters.model import Flag, Measurement, merged
from tasks.nmr.spectrum import ResonanceError


def joined(runs: Sequence[Measurement]) -> Measurement:
    """The only run, or several peak lists as rows of one; a peak that a list lacks has no height there."""
    first = runs[0]
    if len(runs) == 1:
        return first
    lists = []
    for run in runs:
        if "height" not in run.data or "assignment" not in run.data or run.data.sizes["row"] != 1:
            raise ResonanceError(
                f"{run.provenance.path} is no list of named peaks at one delay, so it does not join others"
            )
        lists.append(_named(run))
    names = list(dict.fromkeys(name for each in lists for name in each["peak"].values))
    whole = [each.reindex(peak=names) for each in lists]
    data = xr.concat(whole, dim="row", join="outer", data_vars="all")
    missing = int(np.isnan(data["height"].values).sum())
    flags = merged(*(run.flags for run in runs))
    if missing:
        said = f"{missing} of {data['height'].size} heights are missing: some peaks are not in every list"
        flags = merged(flags, (Flag.info("peaks_missing_in_lists", said),))
    position = np.nanmean(np.stack([each["position"].values for each in whole]), axis=0)
    found = xr.Dataset(
        {
            "height": (("row", "peak"), data["height"].values, first.data["height"].attrs),
            "position": (("peak", "axis"), position, first.data["position"].attrs),
            "assignment": ("peak", np.array(names, dtype=str), {"units": "dimensionless"}),
        }
    )
    if all("height_errors" in run.data for run in runs):
        found["height_errors"] = (("row", "peak"), data["height_errors"].values, first.data["height"].attrs)
    if all("delay" in run.data for run in runs):
        delays = np.array([float(run.data["delay"].values[0]) for run in runs])
        found["delay"] = ("row", delays, {"units": "s"})
    return Measurement(found, first.metadata, first.provenance, flags)


def _named(run: Measurement) -> xr.Dataset:
    kept = [name for name in ("height", "height_errors", "position", "assignment") if name in run.data]
    data = run.data[kept].compute()
    names = data["assignment"].values
    if len(set(names)) != len(names):
        twice = sorted({str(name) for name in names if (names == name).sum() > 1})
        raise ResonanceError(f"{run.provenance.path} names {', '.join(twice)} more than once")
    return data.drop_vars("assignment").assign_coords(peak=("peak", names))
