"""What the demo writes is what it says; CI runs the whole of it."""

from __future__ import annotations

import pytest

from adapters.registry import open_run
from flows.campaign_reader import read
from halos.commands import demo, demo_data, main


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return demo_data.measured(tmp_path_factory.mktemp("demo") / "data")


def test_every_measurement_can_be_opened(data):
    techniques = {
        name: open_run(path).metadata.technique
        for name, path in {
            "images": data.lund / data.scan("sample"),
            "curve": data.hamburg / demo_data.CURVE,
            "spectrum": data.hamburg / demo_data.SPECTRUM,
        }.items()
    }

    assert techniques == {"images": "saxs", "curve": "curve", "spectrum": "ms"}


def test_the_campaign_asks_two_sites_for_three_runs(data, tmp_path):
    work = read(demo.campaign(tmp_path / "campaign.yaml", data))

    assert [(run.name, run.site) for run in work.away] == [
        ("images", "lund"),
        ("curve", "hamburg"),
        ("spectrum", "hamburg"),
    ]
    assert not work.jobs


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("precious")

    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "was not written by the demo" in capsys.readouterr().err
    assert (tmp_path / "data" / "thesis.txt").read_text() == "precious"
