"""`halos demo`: one sample at two sites, reduced where its data lie, fused at a hub, the truth beside it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.model import rounded
from halos.commands.output import Output, table
from halos.commands.status import DONE

if TYPE_CHECKING:
    from deployments.neighbours import Around
    from halos.commands.demo_data import Measured

NAME = "demo"
HELP = "the whole story on one machine, in a few minutes at most"
CAMPAIGN = """\
# Written by `halos demo`: one sample, measured at two sites; paths are root/path below the roots of a site.
sample:
  name: simulated protein
runs:
  - name: images
    site: lund
    paths: [raw/{sample}]
    recipe: saxs
    parameters:
      buffer: [raw/{buffer}]
      images:
        files: {{calibration: calibration/geometry.poni}}
        # The simulated counts have no polarisation in them, and lost nothing in the sample.
        integration: {{q_min: 0.008, q_max: 0.4, polarization: 0.0}}
        normalization: {{by: nothing, transmission: 1.0, absolute_scale: {scale},
                         absolute_scale_uncertainty: 0.0}}
      # An ellipsoid has no inner structure, so what is calibrated on real proteins does not know its mass.
      shape: {{particle: other, concentration_mg_ml: {lund}, concentration_error_mg_ml: 0.1}}
  - name: curve
    site: hamburg
    paths: [measured/{curve}]
    recipe: saxs
    parameters: {{shape: {{particle: other}}}}
  - name: spectrum
    site: hamburg
    paths: [measured/{spectrum}]
    recipe: native-ms
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("--out", type=Path, default=Path("halos-demo"), help="folder (default: halos-demo)")


def run(args: argparse.Namespace, output: Output) -> int:
    """Measure, calibrate, start a hub and two sites, run the campaign, compare with what was put in."""
    from deployments.neighbours import Neighbour, neighbours
    from halos.commands import demo_data

    began = time.monotonic()
    output.say("1 writing what was measured: images at lund; a curve in 1/nm and a mass spectrum at hamburg")
    data = demo_data.measured(args.out / "data")
    output.say("2 lund calibrates its detector with silver behenate, from a distance that is 0.7 % off")
    calibration = calibrated(data, args.out / "calibration", output)
    roots = {"raw": data.lund.resolve(), "calibration": Path(calibration["product"]).parent.resolve()}
    sites = (
        Neighbour("lund", roots, ["saxs"]),
        Neighbour("hamburg", {"measured": data.hamburg.resolve()}, ["saxs", "native-ms"]),
    )
    output.say("3 starting a hub and the two sites, each in processes of its own")
    with neighbours(args.out, sites, output.say, os.environ) as around:
        output.say("4 running the campaign: signed requests out, products back, no raw data on the way")
        answer = campaigned(campaign(args.out / "campaign.yaml", data), around)
    document = {
        "comparison": beside_truth(answer, data),
        "calibration": calibration,
        "campaign": answer,
        "measured": real_data(args.out / "measured", output),
        "seconds": round(time.monotonic() - began, 1),
    }
    output.result(document, _lines(document))
    return DONE


def calibrated(data: Measured, results: Path, output: Output) -> dict[str, Any]:
    """Refine the geometry from a start that is a little wrong, as headers are."""
    from flows.calibration import CalibrantParameters, calibration
    from halos.commands.reduce import performed

    bench = data.bench
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
    scan = data.lund / data.scan("calibrant")
    return performed(calibration, output, [scan], parameters=parameters, results=results)


def campaign(path: Path, data: Measured) -> Path:
    """Write the campaign, to be looked at and tried again."""
    from halos.commands import demo_data

    path.write_text(
        CAMPAIGN.format(
            sample=data.scan("sample"),
            buffer=data.scan("buffer"),
            scale=1.0 / data.bench.counts_for_1_cm,
            lund=demo_data.LUND_MG_ML,
            curve=demo_data.CURVE,
            spectrum=demo_data.SPECTRUM,
        )
    )
    return path


def campaigned(path: Path, around: Around) -> dict[str, Any]:
    """The answer of `halos run --json`, asked as anybody would: by the command, through the hub."""
    command = [sys.executable, "-m", "halos", "run", str(path), "--json", "--wait", "300"]
    done = subprocess.run(
        command, env=dict(around.environment), stdout=subprocess.PIPE, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    if done.returncode != DONE:
        raise CampaignFailedError(done.returncode, answer)
    return answer


class CampaignFailedError(Exception):
    """The demo's own campaign did not come to its end."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(status, dict(answer))
        self.status, self.answer = status, answer

    def __str__(self) -> str:
        runs = [f"  {each['name']}: {each['state']} {each['reason']}" for each in self.answer.get("runs", [])]
        said = self.answer.get("error", {}).get("message", "")
        return "\n".join([f"the demo's campaign ended with status {self.status} {said}", *runs])


def beside_truth(answer: Mapping[str, Any], data: Measured) -> list[dict[str, Any]]:
    """Each consensus whose truth is known, with the truth and the distance in standard uncertainties."""
    truth = {
        "radius_of_gyration": data.particle.radius_of_gyration,
        "maximum_dimension": data.particle.maximum_dimension,
        "molecular_mass": data.particle.mass_kda,
    }
    found = {name: answer["quantities"][name] for name in truth if name in answer["quantities"]}
    return [
        {
            "quantity": name,
            **{key: said[key] for key in ("consensus", "uncertainty", "unit", "verdict", "chi2")},
            "claims": len(said["claims"]),
            "truth": truth[name],
            "sigmas": _sigmas(said, truth[name]),
        }
        for name, said in found.items()
    ]


def _sigmas(said: Mapping[str, Any], truth: float) -> float | None:
    if said["consensus"] is None or not said["uncertainty"]:
        return None
    return float((said["consensus"] - truth) / said["uncertainty"])


def real_data(results: Path, output: Output) -> dict[str, Any] | None:
    """A measured curve where a small package that ships one is installed; None where not."""
    if importlib.util.find_spec("sasdata") is None:
        output.say("5 no measured data here: install the package sasdata to see a real curve too")
        return None
    from importlib.resources import files

    from flows.saxs import SaxsParameters, saxs
    from halos.commands.reduce import performed

    curve = Path(str(files("sasdata"))) / "example_data" / "1d_data" / "apoferritin.txt"
    output.say("5 reducing a measured curve: apoferritin, neutrons, ISIS SANS2D")
    return performed(saxs, output, [curve], parameters=SaxsParameters(), results=results)


def _lines(document: Mapping[str, Any]) -> list[str]:
    rows = [("found", "", "truth", "off by", "verdict", "claims")]
    rows += [
        (
            each["quantity"].replace("_", " "),
            f"{rounded(each['consensus'], each['uncertainty'])} {each['unit']}",
            f"{each['truth']:.4g}",
            "" if each["sigmas"] is None else f"{each['sigmas']:+.1f} σ",
            each["verdict"],
            str(each["claims"]),
        )
        for each in document["comparison"]
    ]
    answer, real = document["campaign"], document["measured"]
    said = ["", "simulated protein (an ellipsoid that fills its volume like a dry protein)", *table(rows)]
    said += ["", "reduced where the data lie, sent as products", *table(_runs(answer))]
    remarks = [*document["calibration"]["flags"], *answer["flags"]]
    said += ["", "to mind", *(f"  {flag['severity']}: {flag['message']}" for flag in remarks)]
    if real is not None:
        said += ["", "measured apoferritin (one shell has Rg near 53 angstrom; this sample is mixed)"]
        said += [_line(each) for each in real["findings"][:1]]
        grave = [flag for flag in real["flags"] if flag["severity"] == "invalid"]
        said += [f"  {flag['severity']}: {flag['message']}" for flag in grave]
    said += ["", "passport: open it in a browser", f"  {answer['report']}"]
    return [*said, f"done in {document['seconds']:.0f} s"]


def _runs(answer: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"  {each['name']}", each["site"], each["recipe"], each["state"], f"{each['seconds']:.1f} s")
        for each in answer["runs"]
    ]


def _line(finding: Mapping[str, Any]) -> str:
    value = rounded(finding["value"], finding["uncertainty"])
    return f"  {finding['quantity'].replace('_', ' ')} {value} {finding['unit']}"
