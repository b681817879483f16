"""Campaigns: what a file may say, what is told about one that cannot be run, and what a run of one does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adapters.testing.samples import SampleCurve, sphere_curve, write_ascii
from configs.load import ConfigurationError
from flows.campaign import CampaignError
from flows.campaign_reader import read
from flows.run_campaign import plan, run_campaign
from halos.commands import main

MINIMAL = """\
sample:
  name: spheres
runs:
  - name: one
    paths: [curves/one.dat]
    recipe: saxs
    parameters: {shape: {particle: other}}
  - name: two
    paths: [curves/two.dat]
    recipe: saxs
    parameters: {shape: {particle: other}}
"""


@pytest.fixture
def home(tmp_path):
    """A folder with two measurements of the same spheres."""
    (tmp_path / "curves").mkdir()
    truth = sphere_curve(200, first=0.01, step=0.0015, radius=20.0)
    for stream, name in enumerate(("one", "two")):
        errors = 4 * truth.errors
        noise = np.random.default_rng(stream).normal(0, errors)
        write_ascii(tmp_path / f"curves/{name}.dat", SampleCurve(truth.q, truth.intensity + noise, errors))
    return tmp_path


def written(home, text):
    path = home / "campaign.yaml"
    path.write_text(text)
    return path


def faults_of(home, text):
    with pytest.raises(CampaignError) as caught:
        read(written(home, text))
    return caught.value.faults


def test_a_name_that_is_used_twice_is_told_with_both_lines(home):
    faults = faults_of(home, MINIMAL.replace("name: two", "name: one"))

    assert [fault.split(",")[0] for fault in faults] == ["line 4", "line 8"]
    assert all("'one' is used twice" in fault for fault in faults)


def test_an_unknown_recipe_is_told_with_the_known_ones(home):
    (fault,) = faults_of(home, MINIMAL.replace("recipe: saxs", "recipe: saxophone", 1))

    assert fault.startswith("line 6, runs.0.recipe: saxophone")
    assert "sec-saxs" in fault


def test_an_unknown_parameter_is_told_with_its_line(home):
    (fault,) = faults_of(
        home,
        MINIMAL + "  - name: three\n    paths: [curves/two.dat]\n    recipe: saxs\n"
        "    parameters:\n      shape:\n        roundness: 3\n",
    )

    assert fault.startswith("line 17, runs.2.parameters.shape.roundness")


def test_a_missing_file_is_told_with_where_it_was_looked_for(home):
    (fault,) = faults_of(home, MINIMAL.replace("curves/two.dat", "curves/lost.dat"))

    assert fault.startswith("line 9, runs.1.paths.0")
    assert str(home / "curves/lost.dat") in fault


def test_a_missing_file_among_the_parameters_is_told_too(home):
    (fault,) = faults_of(home, MINIMAL.replace("{shape", "{buffer: [curves/water.dat], shape", 1))

    assert str(home / "curves/water.dat") in fault


AWAY = MINIMAL.replace(
    "name: one\n    paths: [curves/one.dat]", "name: one\n    site: petra\n    paths: [raw/one.dat]"
)


def test_a_run_at_a_site_is_told_to_the_site_as_it_stands(home):
    work = read(written(home, AWAY.replace("name: spheres", "name: spheres\n  concentration_mg_ml: 4.5")))
    (away,) = work.away

    assert [job.name for job in work.jobs] == ["two"]
    assert (away.site, away.recipe, away.paths) == ("petra", "saxs", ("raw/one.dat",))
    assert away.parameters["shape"]["particle"] == "other"
    assert away.parameters["shape"]["concentration_mg_ml"] == 4.5
    assert work.joins[0].runs == ("two", "one")


def test_parameters_for_a_site_are_checked_here_too(home):
    (fault,) = faults_of(home, AWAY.replace("particle: other", "roundness: 3", 1))

    assert fault.startswith("line 8, runs.0.parameters.shape.roundness")


def test_a_site_is_asked_for_its_own_recipes_only(home):
    (fault,) = faults_of(home, AWAY.replace("recipe: saxs", "recipe: mine.yaml", 1))

    assert "petra runs its own recipes only" in fault


def test_sites_cannot_be_asked_without_a_hub(home, capsys):
    status = main(["run", str(written(home, AWAY)), "--out", str(home / "results")])

    assert status == 2
    assert "runs lie at petra" in capsys.readouterr().err
    assert not (home / "results").exists()


def test_a_fusion_of_an_unknown_run_is_told_with_the_known_ones(home):
    (fault,) = faults_of(home, MINIMAL + "fusions:\n  - name: all\n    runs: [one, three]\n")

    assert "no run is called 'three'; known are: one, two" in fault


def test_all_faults_are_told_together(home):
    text = MINIMAL.replace("recipe: saxs", "recipe: saxophone", 1).replace("two.dat", "lost.dat")

    assert len(faults_of(home, text)) == 2


def test_an_unknown_key_is_told_with_its_line(home):
    with pytest.raises(ConfigurationError, match=r"line 3, sample\.colour"):
        read(written(home, MINIMAL.replace("spheres\n", "spheres\n  colour: red\n")))


def test_a_campaign_without_anything_to_reduce_is_refused(home):
    with pytest.raises(ConfigurationError, match="nothing to reduce"):
        read(written(home, "sample: {name: nothing}\n"))


def test_paths_start_where_the_campaign_file_lies(home, tmp_path_factory, monkeypatch):
    path = written(home, MINIMAL.replace("{shape", "{buffer: [curves/two.dat], shape", 1))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    job = read(path).jobs[0]

    assert job.paths == (home / "curves/one.dat",)
    assert job.parameters.buffer == (home / "curves/two.dat",)


def test_the_concentration_of_the_sample_is_that_of_runs_that_give_none(home):
    text = MINIMAL.replace("name: spheres", "name: spheres\n  concentration_mg_ml: 4.5")
    own = text.replace("particle: other", "concentration_mg_ml: 2", 1)

    found = [job.parameters.shape.concentration_mg_ml for job in read(written(home, own)).jobs]

    assert found == [2, 4.5]


def test_the_second_time_all_is_there(home):
    path, results = written(home, MINIMAL), home / "results"

    first = run_campaign.fn(path, results)
    planned = plan(read(path), results)
    second = run_campaign.fn(path, results)

    assert [each["cached"] for each in first["runs"]] == [False, False]
    assert [each.state for each in planned] == ["done", "done"]
    assert [each["cached"] for each in second["runs"]] == [True, True]
    assert second["fusions"][0]["answer"]["cached"]
    assert second["quantities"] == first["quantities"]


def test_the_answer_joins_what_each_run_found(home):
    found = run_campaign.fn(written(home, MINIMAL), home / "results")["quantities"]["radius_of_gyration"]

    assert {claim["source"] for claim in found["claims"]} == {"one.dat", "two.dat"}
    assert found["consensus"] == pytest.approx(np.sqrt(3 / 5) * 20.0, abs=4 * found["uncertainty"])


def test_a_run_that_fails_does_not_stop_the_others(home, capsys):
    (home / "curves/two.dat").write_text("the beam was down\n")

    status = main(["run", str(written(home, MINIMAL)), "--out", str(home / "results"), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert status == 4
    assert [each["state"] for each in said["runs"]] == ["done", "quarantined"]
    assert "two.dat" in said["runs"][1]["reason"]
    assert said["quantities"]["radius_of_gyration"]["consensus"] > 0
    assert "run_without_product" in {flag["code"] for flag in said["flags"]}


def test_when_every_run_fails_there_is_no_answer_and_the_reasons_are_told(home, capsys):
    for name in ("one", "two"):
        write_ascii(home / f"curves/{name}.dat", sphere_curve(), label="")

    status = main(["run", str(written(home, MINIMAL)), "--out", str(home / "results"), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert status == 5
    assert said["passport"] is None
    assert all("q_unit" in each["reason"] for each in said["runs"])


def test_the_plan_is_said_before_the_work(home, capsys):
    main(["run", str(written(home, MINIMAL)), "--out", str(home / "results")])
    remarks = capsys.readouterr().err.splitlines()

    assert remarks[0] == "plan"
    assert remarks[1].split() == ["one", "saxs", "to", "do"]


def test_a_campaign_that_is_not_there_is_wrong_usage(home):
    assert main(["run", str(home / "nowhere.yaml")]) == 2


def test_errors_of_a_campaign_survive_the_way_back_from_a_worker(home):
    import pickle

    error = CampaignError("campaign.yaml", ("line 3: no", "line 4: no"))
    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.faults) == (str(error), error.faults)


@pytest.mark.measured
def test_lysozyme_at_two_instruments_and_in_two_crystals_is_one_molecule(measured, tmp_path):
    pytest.importorskip("gemmi")
    text = f"""\
sample:
  name: lysozyme
  structure: {measured}/structures/6lyz.pdb
  stoichiometry: 1
runs:
  - name: CHESS
    paths: [{measured}/biosaxs/lysozyme-chess/lys_saxs.dat]
    recipe: saxs
  - name: SASDA96
    paths: [{measured}/biosaxs/lysozyme-sasda96/SASDA96.dat]
    recipe: saxs
  - name: two molecules
    paths: [{measured}/biosaxs/lysozyme-bioxolver/1lys.pdb]
    recipe: structure
"""

    found = run_campaign.fn(written(tmp_path, text), tmp_path / "results")

    mass = found["quantities"]["molecular_mass"]
    codes = {flag["code"] for flag in found["flags"]}
    assert mass["verdict"] == "agree"
    assert abs(mass["consensus"] - 14.305) < 3 * mass["uncertainty"]
    assert "several_molecules_in_asymmetric_unit" in codes
    assert "stoichiometry_differs" not in codes


@pytest.mark.measured
def test_glucose_isomerase_is_the_tetramer_of_its_crystal(measured, tmp_path):
    pytest.importorskip("gemmi")
    folder = measured / "biosaxs/glucose-isomerase-chess"
    text = f"""\
sample:
  name: glucose isomerase
  structure: {folder}/model/1XIB_4mer.pdb
  stoichiometry: 4
runs:
  - name: curve
    paths: [{folder}/subtracted/glucose_isomerase.dat]
    recipe: saxs
"""

    found = run_campaign.fn(written(tmp_path, text), tmp_path / "results")

    said = found["quantities"]
    assert said["oligomeric_state"]["consensus"] == 4
    assert said["radius_of_gyration"]["verdict"] == said["maximum_dimension"]["verdict"] == "agree"
    assert abs(said["molecular_mass"]["consensus"] - 173) < 0.1 * 173


@pytest.mark.measured
def test_the_batch_of_albumin_is_the_odd_one_beside_its_column_and_its_spectrum(measured, tmp_path):
    text = f"""\
sample: {{name: bovine serum albumin}}
runs:
  - {{name: native, paths: [{measured}/ms/native/BSA.txt], recipe: native-ms}}
  - {{name: column, paths: [{measured}/biosaxs/bsa-sec-bioxolver/frames], recipe: sec-saxs}}
  - {{name: batch, paths: [{measured}/biosaxs/embl-hamburg/bsa-sub.dat], recipe: saxs}}
"""

    said = run_campaign.fn(written(tmp_path, text), tmp_path / "results")["quantities"]

    assert said["molecular_mass"]["verdict"] == "agree"
    assert abs(said["molecular_mass"]["consensus"] - 66.43) < 3 * said["molecular_mass"]["uncertainty"]
    assert said["radius_of_gyration"]["verdict"] == "conflict"
    assert said["radius_of_gyration"]["consensus"] is None
    why = " ".join(said["radius_of_gyration"]["why"])
    assert "bsa-sub.dat is larger than the others in every size" in why and "dimers" in why
