"""The SAXS flow: a known particle comes back, the second request is the first result, and nothing is half."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.formats.nxcansas import groups, read_group
from adapters.registry import open_run
from adapters.stores.errors import BesideRawDataError
from flows.saxs import SaxsParameters, saxs


def parameters(beamtime, **integration):
    return SaxsParameters.model_validate(
        {
            "buffer": [beamtime.buffer],
            "images": beamtime.images(**integration),
            "shape": {"concentration_mg_ml": 8.0},
        }
    )


@pytest.fixture(scope="module")
def answered(beamtime, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    return results, saxs.fn([beamtime.sample], parameters(beamtime), results=results)


def found(answer, quantity, method):
    return next(
        each for each in answer["findings"] if each["quantity"] == quantity and each["method"] == method
    )


@pytest.mark.parametrize(
    ("quantity", "method", "truth"),
    [
        ("radius_of_gyration", "Guinier", lambda particle: particle.radius_of_gyration),
        ("radius_of_gyration", "P(r)", lambda particle: particle.radius_of_gyration),
        ("maximum_dimension", "P(r)", lambda particle: particle.maximum_dimension),
        ("molecular_mass", "absolute I(0)", lambda particle: particle.mass_kda),
    ],
)
def test_what_was_simulated_comes_back_within_its_uncertainty(answered, beamtime, quantity, method, truth):
    finding = found(answered[1], quantity, method)

    assert abs(finding["value"] - truth(beamtime.particle)) < 3 * finding["uncertainty"]


def test_the_curve_is_the_simulated_one_on_the_absolute_scale(answered, beamtime):
    run = open_run(answered[1]["product"])
    q, measured = run.data.q.values, run.data.intensity.values[0]
    errors = run.data.intensity_errors.values[0]
    truth = beamtime.particle.intensity(q, 8.0)

    assert run.data.intensity.attrs["units"] == "1/cm"
    pulls = ((measured - truth) / errors)[np.isfinite(measured) & (errors > 0)]
    assert abs(pulls.mean()) < 0.5
    assert 0.7 < pulls.std() < 1.5


def test_the_second_request_is_the_first_result(answered, beamtime):
    results, first = answered
    second = saxs.fn([beamtime.sample], parameters(beamtime), results=results)

    assert second["cached"]
    assert {**second, "cached": False} == first


def test_the_same_files_elsewhere_have_the_same_key(answered, beamtime, tmp_path):
    moved = tmp_path / "data" / "visitors" / "cosaxs" / "elsewhere" / "raw"
    shutil.copytree(beamtime.sample.parent, moved)
    copied = SaxsParameters.model_validate(
        {**parameters(beamtime).model_dump(), "buffer": [moved / beamtime.buffer.name]}
    )
    again = saxs.fn([moved / beamtime.sample.name], copied, results=answered[0])

    assert again["key"] == answered[1]["key"]
    assert again["cached"]


def test_another_parameter_has_another_key(answered, beamtime):
    other = saxs.fn([beamtime.sample], parameters(beamtime, q_max=0.3), results=answered[0])

    assert other["key"] != answered[1]["key"]
    assert not other["cached"]


def test_worker_processes_give_the_numbers_of_threads(answered, beamtime, tmp_path):
    local = tmp_path / "local.yaml"
    local.write_text("kind: local\nworkers: 2\nthreads_below_mib: 0\n")
    other = saxs.fn([beamtime.sample], parameters(beamtime), results=tmp_path / "out", cluster=str(local))

    assert other["key"] == answered[1]["key"]
    assert other["findings"] == answered[1]["findings"]


def test_the_product_holds_the_curves_it_was_made_of(answered):
    product = answered[1]["product"]

    assert {"sample", "buffer", "guinier", "distances", "fit", "kratky"} <= set(groups(product))
    sample, buffer = read_group(product, "sample"), read_group(product, "buffer")
    curve = open_run(product).data.intensity.values[0]
    np.testing.assert_allclose(sample["I"].values - buffer["I"].values, curve, rtol=1e-9, atol=1e-12)


def test_the_manifest_names_every_input_by_content(answered, beamtime):
    manifest = json.loads(Path(answered[1]["manifest"]).read_text())
    roles = {(each["role"], each["path"].rsplit("/", 1)[-1]) for each in manifest["inputs"]}

    assert roles == {
        ("sample", "scan-0002.h5"),
        ("sample", "scan-0002_eiger.h5"),
        ("buffer", "scan-0001.h5"),
        ("buffer", "scan-0001_eiger.h5"),
    }
    assert all(len(each["sha256"]) == 64 for each in manifest["inputs"])
    assert manifest["versions"]["code"]


def test_every_plot_is_a_picture_beside_the_product(answered):
    names = [path.rsplit("/", 1)[-1] for path in answered[1]["plots"]]

    assert names == ["01-detector.png", "02-curve.png", "03-guinier.png", "04-kratky.png", "05-distances.png"]
    assert all(Path(path).read_bytes()[:4] == b"\x89PNG" for path in answered[1]["plots"])


def test_flags_of_the_files_reach_the_answer(answered):
    assert "unit_assumed" in {flag["code"] for flag in answered[1]["flags"]}


def test_what_is_missing_is_asked_for_and_nothing_stays_behind(beamtime, tmp_path):
    silent = parameters(beamtime).model_dump()
    silent["images"]["geometry"]["distance_m"] = None

    with pytest.raises(MissingMetadataError, match="distance_m"):
        saxs.fn([beamtime.sample], SaxsParameters.model_validate(silent), results=tmp_path / "out")
    left = {path.name for path in (tmp_path / "out").rglob("*")}
    assert left == {".staging", "ledger.sqlite"}


def test_results_among_the_frames_are_refused_before_anything_is_computed(beamtime):
    before = sorted(beamtime.sample.parent.iterdir())

    with pytest.raises(BesideRawDataError):
        saxs.fn([beamtime.sample], parameters(beamtime), results=beamtime.sample.parent / "results")
    assert sorted(beamtime.sample.parent.iterdir()) == before


def test_an_uncertain_absolute_scale_enters_what_follows_from_it(answered, beamtime):
    unsure = parameters(beamtime).model_dump()
    unsure["images"]["normalization"]["absolute_scale_uncertainty"] = 0.2
    other = saxs.fn([beamtime.sample], SaxsParameters.model_validate(unsure), results=answered[0])

    for quantity, method in (("forward_intensity", "Guinier"), ("molecular_mass", "absolute I(0)")):
        sure, doubted = found(answered[1], quantity, method), found(other, quantity, method)
        expected = np.hypot(sure["uncertainty"], 0.2 * sure["value"])
        assert doubted["uncertainty"] == pytest.approx(expected, rel=0.02)
    radius = ("radius_of_gyration", "Guinier")
    assert found(other, *radius)["uncertainty"] == found(answered[1], *radius)["uncertainty"]


def test_the_product_keeps_the_fit_beside_the_points_it_fits(answered):
    group = read_group(answered[1]["product"], "guinier")

    assert group["fit"].attrs["units"] == "1/cm"
    assert group["fit"].shape == group["I"].shape
