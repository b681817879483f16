"""Writers of small curves in every text and HDF5 layout that HALOS reads, always the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class SampleCurve:
    """q in the unit of the file to be written, intensity and its uncertainty, all (n,)."""

    q: Floats
    intensity: Floats
    errors: Floats

    def rows(self, form: str) -> str:
        """The columns as lines, each number in the printf form given."""
        columns = zip(self.q, self.intensity, self.errors, strict=True)
        return "\n".join("".join(form % value for value in row) for row in columns) + "\n"


def sphere_curve(
    points: int = 40, *, first: float = 0.01, step: float = 0.005, radius: float = 20.0
) -> SampleCurve:
    """A sphere of `radius` (1/unit of q) seen from q = `first` on, with 1 % uncertainty."""
    q = first + step * np.arange(points, dtype=np.float64)
    x = q * radius
    intensity = np.asarray((3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2, np.float64)
    return SampleCurve(q, intensity, 0.01 * intensity + 1e-4)


def write_ascii(path: Path, curve: SampleCurve, label: str = "Q (1/A)  I  Error") -> Path:
    """Three columns of fixed width under one label line, none if `label` is empty."""
    path.write_text((f"# {label}\n" if label else "") + curve.rows("%16.8e"))
    return path


BIOXTAS_HEADER: dict[str, Any] = {
    "calibration_params": {
        "Beam_Center_X": 353.2,
        "Beam_Center_Y": 218.5,
        "Detector_X_Pixel_Size": 172.0,
        "Detector_Y_Pixel_Size": 172.0,
        "Sample-to-detector distance (mm)": 1500.0,
        "Wavelength (A)": 1.245,
    },
    "filename": "sample_0000.tiff",
    "imageHeader": {"Exposure_time": "1.0000000 s"},
    "load_path": "/data/somewhere/sample_0000.tiff",
    "normalizations": {"Solid_Angle_Correction": "On"},
    "raw_version": "2.1.1",
}


def write_bioxtas(path: Path, curve: SampleCurve, **header: Any) -> Path:
    """A .dat file of BioXTAS RAW; `header` adds to or replaces what its JSON says."""
    said = json.dumps({**BIOXTAS_HEADER, **header}, indent=4)
    commented = "\n".join(f"#{line}" for line in said.splitlines())
    head = f"### DATA:\n#\n# {curve.q.size}\n#      Q             I(Q)           Error\n"
    path.write_text(f"{head}{curve.rows('%.8E  ')}\n\n### HEADER:\n#\n{commented}\n")
    return path


def write_embl(path: Path, curve: SampleCurve, home: str, concentration: float = 2.61) -> Path:
    """A subtracted curve as cbf-primus writes it, its auxiliary files under `home`."""
    count = curve.q.size
    head = (
        f" 17-Feb-2013       (s_0036.dat - 1.0*Aver(s_0035.dat,s_0037.dat) /  {concentration:.4f}\n"
        f" s_0036.dat  Conc = .26E+01  N1 =    1  N2 = {count:4d}\n"
    )
    block = (
        " ========================================\n"
        "Description:                            lysozyme\n"
        f"Sample:        lysozyme  c=  {concentration:.3f} mg/ml Code:       ly68\n"
        "Processed by: cbf-primus Sun Feb 17 13:08:28 2013\n"
        f"Angular axis file: {home}/aux/saxis.dat\n"
        "BeamCenter_X:   684.000  BeamCenter_Y:  1518.000\n"
        "Exposure time (sec):    0.045\n"
        "Pin diode (mean):       0.751\n"
        " ========================================\n"
    )
    path.write_text(head + curve.rows("%14.6E") + block)
    return path


def write_bm29(path: Path, curve: SampleCurve, *, label: str = "# L q*nm  I_  stddev\n") -> Path:
    """A frame as BM29's own reduction writes it."""
    head = (
        "#\n# Sample c= 1.5 mg/ml\n#\n# PixelSize_1 = 0.000172\n# PixelSize_2 = 0.000172\n"
        "# Frame 1 of 10\n# Time per frame (s) = 0.5\n# SampleDistance = 2.869\n# WaveLength = 9.919e-11\n"
        "# Mask = /data/bm29/archive/mask.edf\n#\n# N 3\n"
        f"{label}#\n# Measurement Temperature (degrees C): 20.0\n"
    )
    path.write_text(head + curve.rows("%15.6e"))
    return path


def write_rkh(path: Path, curve: SampleCurve, instrument: str = "SANS2D") -> Path:
    """A one-dimensional RKH file of an instrument."""
    count = curve.q.size
    head = (
        f" {instrument} Wed 28-AUG-2019 15:35 Workspace: \n sphere_SANS\n"
        f"  {count}    0    0    0    1  {count}    0\n"
        "         0         0         0         0\n 3 (F12.5,2E16.6)\n"
    )
    rows = zip(curve.q, curve.intensity, curve.errors, strict=True)
    path.write_text(head + "".join(f"{q:12.5f}{i:16.6e}{e:16.6e}\n" for q, i, e in rows))
    return path


def write_gnom(path: Path, curve: SampleCurve, distances: Floats, *, version: int = 5) -> Path:
    """A GNOM output; `distances` (n, 3) holds r, P(r) and its uncertainty."""
    dmax = distances[-1, 0]
    if version == 5:
        head = (
            "\n           ####      G N O M              Version 5.0 (r10552)      ####\n\n"
            f"    Real space range:                    0.0000 to {dmax:13.4f}\n"
            "    Reciprocal space Rg:             0.1549E+02\n"
            "    Reciprocal space I(0):           0.1000E+01\n"
            "    Real space Rg:                   0.1549E+02 +-   0.1000E-01\n"
            "    Real space I(0):                 0.1000E+01 +-   0.2000E-02\n"
            "    Total Estimate:                      0.7689 (a GOOD solution)\n\n"
        )
        tail = ""
    else:
        head = (
            "\n           ####    G N O M   ---   Version 4.6                       ####\n\n"
            f"  Real space range   :     from      0.00   to {dmax:9.2f}\n"
            "           Total  estimate : 0.769  which is    A GOOD      solution\n\n"
        )
        tail = (
            "          Reciprocal space: Rg =   15.49     , I(0) =   0.1000E+01\n"
            "     Real space: Rg =   15.49 +- 0.010  I(0) =   0.1000E+01 +-  0.2000E-02\n"
        )
    table = "      S          J EXP       ERROR       J REG       I REG\n\n"
    table += f"  {0.0:14.6E}{'':48s}{1.0:14.6E}\n"
    rows = zip(curve.q, curve.intensity, curve.errors, strict=True)
    table += "".join(f"  {q:14.6E}{i:14.6E}{e:14.6E}{i:14.6E}{i:14.6E}\n" for q, i, e in rows)
    below = "\n           Distance distribution  function of particle\n\n      R          P(R)      ERROR\n\n"
    below += "".join("".join(f"{value:12.4E}" for value in row) + "\n" for row in distances)
    path.write_text(head + table + below + tail)
    return path


def write_bift(path: Path, curve: SampleCurve, distances: Floats) -> Path:
    """A result of RAW's Bayesian indirect transform."""
    rows = zip(curve.q, curve.intensity, curve.errors, strict=True)
    said = {
        "algorithm": "BIFT",
        "dmax": float(distances[-1, 0]),
        "rg": 15.49,
        "rger": 0.01,
        "i0": 1.0,
        "i0er": 0.002,
    }
    commented = "\n".join(f"#{line}" for line in json.dumps(said, indent=4).splitlines())
    path.write_text(
        "# BIFT\n#      R             P(R)           Error\n"
        + _lines(distances)
        + "\n\n#      Q             I(Q)           Error            Fit\n"
        + "".join(f"{q:.8E}  {i:.8E}  {e:.8E}  {i:.8E}\n" for q, i, e in rows)
        + "\n\n#  Q_extrap       Fit_extrap\n"
        + _lines(np.column_stack([curve.q, curve.intensity]))
        + f"\n\n### HEADER:\n#\n{commented}\n"
    )
    return path


def _lines(rows: Floats) -> str:
    return "".join("  ".join(f"{value:.8E}" for value in row) + "\n" for row in rows)


def sphere_distances(radius: float = 20.0, points: int = 41, intensity: float = 1.0) -> Floats:
    """r, P(r) and 1 % uncertainty of a homogeneous sphere, (n, 3); I(0) is `intensity`."""
    r = np.linspace(0, 2 * radius, points)
    x = r / (2 * radius)
    shape = r**2 * (1 - 1.5 * x + 0.5 * x**3)
    area = 4 * np.pi * np.trapezoid(shape, r)
    p = shape * intensity / area
    return np.column_stack([r, p, 0.01 * p])


def write_cansas_xml(
    path: Path, curve: SampleCurve, *, q_unit: str = "1/A", intensity_unit: str = "1/cm"
) -> Path:
    """A canSAS 1.1 file with one neutron curve."""
    rows = "\n".join(
        f'<Idata><Q unit="{q_unit}">{q:.8g}</Q><I unit="{intensity_unit}">{i:.8g}</I>'
        f'<Idev unit="{intensity_unit}">{e:.8g}</Idev></Idata>'
        for q, i, e in zip(curve.q, curve.intensity, curve.errors, strict=True)
    )
    path.write_text(
        '<?xml version="1.0"?>\n<SASroot version="1.1" xmlns="urn:cansas1d:1.1">\n<SASentry>\n'
        f"<Title>a sphere</Title><Run>1</Run>\n<SASdata>\n{rows}\n</SASdata>\n"
        '<SASsample><ID>sphere</ID><thickness unit="mm">1.0</thickness></SASsample>\n'
        "<SASinstrument><name>LOQ</name><SASsource><radiation>neutron</radiation>"
        '<wavelength unit="nm">0.6</wavelength></SASsource>'
        '<SASdetector><name>main</name><SDD unit="m">4.1</SDD></SASdetector></SASinstrument>\n'
        "</SASentry>\n</SASroot>\n"
    )
    return path


def write_plane_text(path: Path, qx: Sequence[float], qy: Sequence[float], intensity: Floats) -> Path:
    """A map (y, x) as Mantid writes it for NIST's programs, uncertainty a tenth of each value."""
    lines = ["Data columns Qx - Qy - I(Qx,Qy) - err(I)", "ASCII data"]
    for row, y in zip(intensity, qy, strict=True):
        lines += [f"{x:g}  {y:g}  {value:g}  {value / 10:g}" for x, value in zip(qx, row, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_raw_series(path: Path, curve: SampleCurve, scales: Sequence[float]) -> Path:
    """A series of BioXTAS RAW: the same curve once for each of `scales`."""
    with h5py.File(path, "w") as file:
        file.attrs["file_type"], file.attrs["raw_version"] = "RAW_Series", "2.0.1"
        file["frame_numbers"] = np.arange(len(scales))
        profiles = file.create_group("profiles")
        profiles["q"] = curve.q
        for number, scale in enumerate(scales):
            profile = np.column_stack([curve.intensity, curve.errors]) * scale
            profiles[f"{number:06d}"] = profile
            profiles[f"{number:06d}"].attrs["parameters"] = json.dumps(BIOXTAS_HEADER)
    return path
