"""Writers of runs as beamlines of PETRA III leave them, for tests; each can be told to go wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fabio.tifimage
import h5py
import numpy as np
from numpy.typing import NDArray

from adapters.testing.hdf5_images import write_dectris
from adapters.testing.images import Fault, held_open, truncate

__all__ = ["held_open", "write_beamtime", "write_hereon", "write_p11", "write_sardana"]

Numbers = NDArray[Any]
PERSONAL = ("Doe", "jane.doe@example.org", "doe42", "/home/doe/key")


def write_beamtime(
    folder: Path, *, beamline: str = "P11", number: str = "11017935", old: bool = False
) -> Path:
    """A beamtime's folder below `folder` with its description; returns the folder for raw data."""
    home = folder / f"asap3/petra3/gpfs/{beamline.lower()}/2024/data/{number}"
    raw = home / "raw"
    raw.mkdir(parents=True)
    person = {"lastname": PERSONAL[0], "email": PERSONAL[1], "username": PERSONAL[2]}
    said = {
        "id" if old else "beamtimeId": number,
        "beamline": beamline,
        "facility": "PETRA III",
        "eventStart": "2024-05-01 09:00:00",
        "eventEnd": "2024-05-03 09:00:00",
        "applicant": person,
        "leader": person,
        "pi": person,
        "contact": PERSONAL[1],
        "unixId": PERSONAL[2],
        "onlineAnalysis": {"sshPrivateKeyPath": PERSONAL[3]},
    }
    (home / f"beamtime-metadata-{number}.json").write_text(json.dumps(said))
    return raw


def write_p11(folder: Path, frames: Numbers, *, notes: bool = True, fault: Fault | None = None) -> Path:
    """A run of P11 in `folder`: a master that its software has amended, data files, and notes."""
    path = write_dectris(folder, frames, stem="lyso_1", fault=fault)
    with h5py.File(path, "r+") as file:
        file["entry/source/name"], file["entry/instrument/name"] = "PETRA III, DESY", "P11"
        file["entry/instrument/attenuator/attenuator_transmission"] = 0.5
        file["entry/sample/goniometer/omega"] = np.arange(len(frames)) * 0.1
    if notes:
        lines = [
            "run type: regular",
            f"run name: {path}",
            "frames: 4",
            "aperture: 50um",
            "focus: Flat (200x200)",
        ]
        (folder / "info.txt").write_text(
            "\n".join([*lines, "filter transmission: 0.000%", "all went well"]) + "\n"
        )
    return path


def write_sardana(
    folder: Path,
    columns: Mapping[str, Numbers],
    frames: Numbers | None = None,
    *,
    entry: str = "scan",
    energy: tuple[float, str | None] | None = (12000.0, "eV"),
    fault: Fault | None = None,
) -> Path:
    """A Sardana scan in `folder`, its detector in a folder of the scan's name."""
    path = folder / "align_00012.nxs"
    part = folder / "align_00012" / "lambda" / "align_00012_lambda.nxs"
    if frames is not None:
        part.parent.mkdir(parents=True)
        with h5py.File(part, "w") as file:
            file["entry/instrument/detector/data"] = frames
    with h5py.File(path, "w") as file:
        collection = file.create_group(f"{entry}/instrument/collection")
        data = file.create_group(f"{entry}/data")
        for name, values in columns.items():
            collection[name] = values
            data[name] = h5py.SoftLink(f"/{entry}/instrument/collection/{name}")
        if energy is not None:
            collection["mnchrmtr"] = energy[0]
            if energy[1] is not None:
                collection["mnchrmtr"].attrs["units"] = energy[1]
        if frames is not None:
            place = str(part.relative_to(folder))
            inside = "/entry/nothing" if fault is Fault.DANGLING else "/entry/instrument/detector/data"
            file[f"{entry}/instrument/lambda/data"] = h5py.ExternalLink(place, inside)
    if fault is Fault.DROP_FILE:
        part.unlink()
    if fault is Fault.TRUNCATE:
        truncate(part)
    return path


def write_hereon(
    folder: Path,
    images: Numbers,
    keys: Sequence[int],
    angles: Sequence[float],
    *,
    repeat: bool = False,
    lose_angle: int | None = None,
    fault: Fault | None = None,
    drop: int = -1,
) -> Path:
    """A scan of P05 in a new folder: TIFF images (n, y, x) with their keys, angles of the projections.

    `repeat` names the first image twice in the log, `lose_angle` leaves out the angle
    at that place among the projections; DROP_FILE deletes the image at place `drop`.
    """
    home = folder / "scan_001"
    (home / "tiff0000").mkdir(parents=True)
    kinds = {0: "img", 1: "ref", 2: "dar"}
    names = [f"tiff0000/scan_{place:05d}_{kinds[key]}.tif" for place, key in enumerate(keys)]
    for name, image in zip(names, images, strict=True):
        fabio.tifimage.TifImage(data=image.astype("u2")).write(str(home / name))
    times = 1000.0 + 200.0 * np.arange(len(names))
    turned = [place for place, key in enumerate(keys) if key == 0]
    kept = [index for index in range(len(turned)) if index != lose_angle]
    said = names + names[:1] if repeat else names
    stamps = np.append(times, times[-1] + 200.0) if repeat else times
    with h5py.File(home / "scan_001_nexus.h5", "w") as file:
        data = file.create_group("entry/scan/data")
        data["image_file/value"], data["image_file/time"] = np.array(said, "S"), stamps
        keyed = [*keys, keys[0]] if repeat else list(keys)
        data["image_key/value"], data["image_key/time"] = keyed, stamps + 3.0
        data["s_rot/value"] = np.array(angles, float)[kept]
        data["s_rot/time"] = times[[turned[index] for index in kept]] + 5.0
        file["entry/scan/setup/pos_p05_energy"], file["entry/scan/setup/o_ccd_dist"] = 25000.0, 50.0
        camera = file.create_group("entry/hardware/camera1")
        camera["pixelsize"], camera["magnification"], camera["exptime"] = 0.0046, 5.0, 120.0
    if fault is Fault.DROP_FILE:
        (home / names[drop]).unlink()
    if fault is Fault.TRUNCATE:
        truncate(home / names[drop])
    return home
