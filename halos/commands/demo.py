"""`halos demo`: from frames to an answer on one machine, with the truth beside it."""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.model import rounded
from halos.commands.output import Output, table
from halos.commands.settings import UsageError
from halos.commands.status import DONE

if TYPE_CHECKING:
    from adapters.testing.solution import Bench, Ellipsoid

NAME = "demo"
HELP = "the whole story on one machine, in a few minutes at most"

CONCENTRATION_MG_ML = 4.0
FRAMES = 10
SILVER_BEHENATE_ANGSTROM = 58.38
# An ellipsoid has no inner structure, so what is calibrated on real proteins does not know its mass.
CALIBRATED_ON_PROTEINS = ("Porod", "corrected Porod", "volume of correlation", "concentration-independent")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("--out", type=Path, default=Path("halos-demo"), help="folder (default: halos-demo)")


def run(args: argparse.Namespace, output: Output) -> int:
    """Write a small beamtime, calibrate, reduce, and compare with what was put in."""
    from adapters.testing.solution import Bench, Ellipsoid

    began = time.monotonic()
    particle, bench = Ellipsoid(), Bench()
    data, results = args.out / "data", args.out / "results"
    if data.exists() and not (data / "README.txt").exists():
        raise UsageError(f"{data} is there and was not written by the demo; choose another --out")
    output.say("1 writing a beamtime as MAX IV CoSAXS lays it out: silver behenate, buffer, protein")
    runs = beamtime(data, bench, particle)
    output.say("2 calibrating the detector with silver behenate, from a distance that is 0.7 % off")
    calibration = calibrated(runs["calibrant"], bench, results, output)
    output.say("3 reducing protein and buffer: integrate, average, subtract, size and mass")
    answer = reduced(runs, calibration, bench, results, output)
    judged = beside_truth(answer, particle)
    real = real_data(results, output)
    document = {
        "seconds": round(time.monotonic() - began, 1),
        "comparison": judged,
        "calibration": calibration,
        "simulated": answer,
        "measured": real,
    }
    output.result(document, _lines(document))
    return DONE


def beamtime(folder: Path, bench: Bench, particle: Ellipsoid) -> dict[str, Path]:
    """Write the three scans; what is there from an earlier demo is the same and stays."""
    from adapters.testing.hdf5_images import write_cosaxs

    names = {"calibrant": 1, "buffer": 2, "sample": 3}
    home = folder / "data/visitors/cosaxs/20260001/2026010108/raw"
    paths = {name: home / f"scan-{number:04d}.h5" for name, number in names.items()}
    if (folder / "README.txt").exists():
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    protein = bench.buffer() + particle.intensity(bench.q, CONCENTRATION_MG_ML)
    intensities = {
        "calibrant": (bench.rings(SILVER_BEHENATE_ANGSTROM, 7), 1),
        "buffer": (bench.buffer(), FRAMES),
        "sample": (protein, FRAMES),
    }
    for name, (intensity, frames) in intensities.items():
        counts = bench.expose(intensity, frames, stream=names[name])
        write_cosaxs(folder, counts, number=names[name])
    (folder / "README.txt").write_text("Simulated frames, written by `halos demo`. Safe to remove.\n")
    return paths


def calibrated(scan: Path, bench: Bench, results: Path, output: Output) -> dict[str, Any]:
    """Refine the geometry from a start that is a little wrong, as headers are."""
    from flows.calibration import CalibrantParameters, calibration
    from halos.commands.reduce import performed

    parameters = CalibrantParameters.model_validate(
        {
            "calibration": {"calibrant": "silver_behenate"},
            "geometry": {
                "wavelength_angstrom": bench.wavelength_angstrom,
                "distance_m": bench.distance_m * 1.007,
                "beam_center_x_px": bench.center_px[0] + 1.3,
                "beam_center_y_px": bench.center_px[1] - 0.8,
                "pixel_size_m": bench.pixel_m,
                "orientation": "as_stored",
            },
        }
    )
    return performed(calibration, output, [scan], parameters=parameters, results=results)


def reduced(
    runs: dict[str, Path], calibration: dict[str, Any], bench: Bench, results: Path, output: Output
) -> dict[str, Any]:
    """The protein with its buffer, on the scale that the simulated detector has."""
    from flows.saxs import SaxsParameters, saxs
    from halos.commands.reduce import performed

    geometry = Path(calibration["product"]).with_name("geometry.poni")
    inside = {
        "files": {"calibration": geometry},
        "integration": {"q_min": 0.008, "q_max": 0.4, "polarization": 0.0},
        # The simulated counts have no polarisation in them, and lost nothing in the sample.
        "normalization": {
            "by": "nothing",
            "transmission": 1.0,
            "absolute_scale": 1.0 / bench.counts_for_1_cm,
            "absolute_scale_uncertainty": 0.0,
        },
    }
    parameters = SaxsParameters.model_validate(
        {
            "buffer": [runs["buffer"]],
            "images": inside,
            "shape": {"concentration_mg_ml": CONCENTRATION_MG_ML, "concentration_error_mg_ml": 0.1},
        }
    )
    return performed(saxs, output, [runs["sample"]], parameters=parameters, results=results)


def beside_truth(answer: dict[str, Any], particle: Ellipsoid) -> list[dict[str, Any]]:
    """Each finding whose truth is known, with the truth and the distance in standard uncertainties."""
    truth = {
        "radius_of_gyration": particle.radius_of_gyration,
        "maximum_dimension": particle.maximum_dimension,
        "molecular_mass": particle.mass_kda,
    }
    return [
        {**each, "truth": truth[each["quantity"]], "sigmas": _sigmas(each, truth[each["quantity"]])}
        for each in answer["findings"]
        if each["quantity"] in truth and not each["method"].startswith(CALIBRATED_ON_PROTEINS)
    ]


def _sigmas(finding: dict[str, Any], truth: float) -> float | None:
    if not finding["uncertainty"]:
        return None
    return float((finding["value"] - truth) / finding["uncertainty"])


def real_data(results: Path, output: Output) -> dict[str, Any] | None:
    """A measured curve where a small package that ships one is installed; None where not."""
    if importlib.util.find_spec("sasdata") is None:
        output.say("4 no measured data here: install the package sasdata to see a real curve too")
        return None
    from importlib.resources import files

    from flows.saxs import SaxsParameters, saxs
    from halos.commands.reduce import performed

    curve = Path(str(files("sasdata"))) / "example_data" / "1d_data" / "apoferritin.txt"
    output.say("4 reducing a measured curve: apoferritin, neutrons, ISIS SANS2D")
    return performed(saxs, output, [curve], parameters=SaxsParameters(), results=results)


def _line(finding: dict[str, Any]) -> str:
    value = rounded(finding["value"], finding["uncertainty"])
    return f"  {finding['quantity'].replace('_', ' ')} {value} {finding['unit']}"


def _lines(document: dict[str, Any]) -> list[str]:
    rows = [("found", "", "truth", "off by", "method")]
    rows += [
        (
            each["quantity"].replace("_", " "),
            f"{rounded(each['value'], each['uncertainty'])} {each['unit']}",
            f"{each['truth']:.4g}",
            "" if each["sigmas"] is None else f"{each['sigmas']:+.1f} σ",
            each["method"],
        )
        for each in document["comparison"]
    ]
    said = ["", "simulated protein (an ellipsoid that fills its volume like a dry protein)", *table(rows)]
    remarks = document["calibration"]["flags"] + document["simulated"]["flags"]
    said += ["to mind", *(f"  {flag['severity']}: {flag['message']}" for flag in remarks)]
    if document["measured"] is not None:
        said += [
            "",
            "measured apoferritin (one shell has Rg near 53 angstrom; this sample is mixed)",
        ]
        said += [_line(each) for each in document["measured"]["findings"][:1]]
        grave = [flag for flag in document["measured"]["flags"] if flag["severity"] == "invalid"]
        said += [f"  {flag['severity']}: {flag['message']}" for flag in grave]
    plots = document["calibration"]["plots"] + document["simulated"]["plots"]
    said += ["", "plots", *(f"  {path}" for path in plots)]
    return [*said, "product", f"  {document['simulated']['product']}", f"done in {document['seconds']:.0f} s"]
