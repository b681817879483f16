"""NMR experiments as flows, from folders to products, on written and on measured data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.registry import open_run
from adapters.stores.products import read_manifest
from adapters.testing.nmr import Line, Magnet, write_topspin
from flows.nmr_relaxation import SeriesParameters, nmr_relaxation
from flows.nmr_spectrum import SpectrumParameters, nmr_spectrum
from flows.replay import replay
from tasks.nmr.spectrum import ResonanceError

MAGNET = Magnet()
POINTS = 2048
# Published with the data by the program of the spectrometer, in s by ppm.
MENTHOL_T1 = {
    4.338: 1.397, 3.156: 1.260, 2.509: 11.416, 2.172: 1.656, 1.809: 0.857, 1.586: 0.805, 1.499: 0.736,
    1.328: 1.431, 0.972: 1.271, 0.904: 0.788, 0.857: 0.867, 0.767: 0.797, 0.729: 0.918,
}  # fmt: skip
N_METHYL = ((2.70, 30.5), (2.95, 29.7), (3.05, 29.2), (3.08, 30.2), (3.19, 38.8), (3.33, 31.3), (3.83, 33.6))
DELAYS = (0.01, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5, 5.0)


def noisy(decays, seed=0, sigma=300.0):
    random = np.random.default_rng(seed)
    return decays + random.normal(0, sigma, decays.shape) + 1j * random.normal(0, sigma, decays.shape)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    decay = MAGNET.decay([Line(2.0, 3e5), Line(7.5, 1e5)], POINTS)[None]
    return write_topspin(tmp_path_factory.mktemp("single") / "1", noisy(decay), MAGNET)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    rows = [
        MAGNET.decay(
            [Line(2.0, 3e5 * (1 - 2 * np.exp(-t / 0.8))), Line(7.5, 1e5 * (1 - 1.9 * np.exp(-t / 1.6)))],
            POINTS,
        )
        for t in DELAYS
    ]
    folder = tmp_path_factory.mktemp("series") / "4"
    return write_topspin(folder, noisy(np.array(rows)), MAGNET, delays_s=DELAYS, PULPROG="<t1ir>")


def quantity(answer, name):
    return [each for each in answer["findings"] if each["quantity"] == name]


def test_an_experiment_gives_its_lines_and_a_product_that_opens(single, tmp_path):
    answer = nmr_spectrum.fn([single], SpectrumParameters(), results=tmp_path)
    shifts = sorted(each["value"] for each in quantity(answer, "chemical_shift"))
    again = open_run(answer["product"])

    assert shifts == pytest.approx([2.0, 7.5], abs=0.001)
    assert again.metadata.technique == "nmr"
    assert "intensity_errors" in again.data
    assert len(answer["plots"]) == 1


def test_peaks_lie_beside_the_product_in_the_format_of_the_field(single, tmp_path):
    pynmrstar = pytest.importorskip("pynmrstar")
    answer = nmr_spectrum.fn([single], SpectrumParameters(), results=tmp_path)
    written = Path(answer["manifest"]).parent / "peaks.nef"
    entry = pynmrstar.Entry.from_file(str(written))
    (frame,) = entry.get_saveframes_by_category("nef_nmr_spectrum")
    again = open_run(written).data

    assert "peaks.nef" in read_manifest(written.parent).files
    assert sorted(again["position"].values[:, -1]) == pytest.approx([2.0, 7.5], abs=0.001)
    assert float(frame["_nef_spectrum_dimension"].get_tag("spectrometer_frequency")[0]) == MAGNET.frequency
    assert frame["_nef_spectrum_dimension"].get_tag("axis_code") == ["1H"]
    assert np.isfinite(again["height_errors"].values).all()


def test_nobody_who_measured_is_named_in_a_product(single, tmp_path):
    answer = nmr_spectrum.fn([single], SpectrumParameters(), results=tmp_path)
    folder = Path(answer["manifest"]).parent

    assert not [path.name for path in folder.iterdir() if MAGNET.owner.encode() in path.read_bytes()]


def test_integrals_of_regions_stand_as_the_protons(single, tmp_path):
    asked = SpectrumParameters.model_validate({"peaks": {"regions": ((1.5, 2.5), (7.0, 8.0))}})
    answer = nmr_spectrum.fn([single], asked, results=tmp_path)
    import h5py

    with h5py.File(answer["product"]) as file:
        integral = file["entry/regions/integral"][()]
        errors = file["entry/regions/integral_errors"][()]
    assert integral[0] / integral[1] == pytest.approx(3.0, rel=0.03)
    assert (errors > 0).all()


def test_a_product_of_a_folder_replays_to_equal_numbers(single, tmp_path):
    answer = nmr_spectrum.fn([single], SpectrumParameters(), results=tmp_path / "one")

    assert replay(Path(answer["manifest"]).parent, tmp_path / "two").verdict == "equal"


def test_a_series_gives_the_times_it_was_made_with(series, tmp_path):
    answer = nmr_relaxation.fn([series], SeriesParameters(), results=tmp_path)
    found = {float(each["method"].split()[-2]): each for each in quantity(answer, "relaxation_time_t1")}

    assert len(answer["plots"]) == 3
    for place, truth in ((2.0, 0.8), (7.5, 1.6)):
        nearest = found[min(found, key=lambda each: abs(each - place))]
        assert nearest["value"] == pytest.approx(truth, abs=4 * nearest["uncertainty"])


def test_a_series_whose_quantity_nobody_says_is_refused(tmp_path):
    rows = np.array([MAGNET.decay([Line(2.0, 3e5 * np.exp(-t))], POINTS) for t in DELAYS])
    path = write_topspin(tmp_path / "5", noisy(rows), MAGNET, delays_s=DELAYS)

    with pytest.raises(MissingMetadataError, match=r"relaxation\.quantity"):
        nmr_relaxation.fn([path], SeriesParameters(), results=tmp_path / "out")


def test_a_series_is_no_single_spectrum(series, tmp_path):
    with pytest.raises(ResonanceError, match="recipe nmr-relaxation"):
        nmr_spectrum.fn([series], SpectrumParameters(), results=tmp_path)


@pytest.mark.measured
def test_measured_recoveries_are_those_of_the_spectrometer(measured, tmp_path):
    asked = SeriesParameters.model_validate(
        {
            "relaxation": {"positions_ppm": tuple(MENTHOL_T1)},
            "processing": {"line_broadening_hz": 0.5, "zero_fill": 1},
            "peaks": {"claims": 20},
        }
    )
    answer = nmr_relaxation.fn([measured / "nmr/t1_inversion_recovery/1"], asked, results=tmp_path)
    found = {
        float(each["method"].split()[-2]): each["value"] for each in quantity(answer, "relaxation_time_t1")
    }

    assert len(found) == len(MENTHOL_T1)
    for place, published in MENTHOL_T1.items():
        nearest = min(found, key=lambda each: abs(each - place))
        assert abs(nearest - place) < 0.01
        assert found[nearest] == pytest.approx(published, rel=0.07)


@pytest.mark.measured
def test_measured_raw_plane_shows_the_seven_n_methyl_groups(measured, tmp_path):
    answer = nmr_spectrum.fn([measured / "nmr/cyclosporin_hsqc/3"], SpectrumParameters(), results=tmp_path)
    import h5py

    with h5py.File(answer["product"]) as file:
        place, height = file["entry/peaks/position"][()], file["entry/peaks/height"][0]
    for proton, carbon in N_METHYL:
        away = np.hypot((place[:, 0] - carbon) / 10, place[:, 1] - proton)
        assert away.min() < 0.03
        assert height[away.argmin()] > 0
    # CH2 groups of an edited spectrum are negative.
    assert (height < 0).sum() > 10


@pytest.mark.measured
def test_measured_spectra_have_the_lines_of_the_record(measured, tmp_path):
    asked = SpectrumParameters.model_validate({"peaks": {"claims": 300}})
    urine = nmr_spectrum.fn([measured / "nmr/mtbls1_urine/ADG10003u_007"], asked, results=tmp_path)
    found = np.array([each["value"] for each in quantity(urine, "chemical_shift")])
    for line in (-0.0001, 3.0476, 4.0584, 2.549):
        assert np.abs(found - line).min() < 0.001
    # Of carbon-13 in the reference, 118 Hz apart, and half a percent as high as it.
    for satellite in (-118 / 2 / 699.87, 118 / 2 / 699.87):
        assert np.abs(found - satellite).min() < 0.002

    amides = SpectrumParameters.model_validate(
        {"peaks": {"claims": 300, "shift_min_ppm": 7.4, "threshold": 500}}
    )
    cyclosporin = nmr_spectrum.fn([measured / "nmr/cyclosporin_1h/1"], amides, results=tmp_path)
    found = sorted(each["value"] for each in quantity(cyclosporin, "chemical_shift"))
    centres = np.array(found).reshape(-1, 2).mean(axis=1)
    np.testing.assert_allclose(centres, [7.577, 7.739, 8.130, 8.376], atol=0.002)

    menthol = SpectrumParameters.model_validate(
        {"peaks": {"regions": ((3.38, 3.48), (2.1, 2.26), (1.93, 2.03), (1.57, 1.72))}}
    )
    answer = nmr_spectrum.fn([measured / "nmr/menthol_nmredata/AN-menthol/10"], menthol, results=tmp_path)
    import h5py

    with h5py.File(answer["product"]) as file:
        integral = file["entry/regions/integral"][()]
    np.testing.assert_allclose(integral[1:] / integral[0], [1.0, 1.01, 2.42], atol=0.04)
    assert read_manifest(Path(answer["manifest"]).parent).technique == "nmr"


@pytest.mark.measured
@pytest.mark.parametrize(
    "name", ["cyclosporin_1h/1", "mtbls1_urine/ADG10003u_007", "menthol_nmredata/AN-menthol"]
)
def test_measured_lists_hold_no_wiggles_of_the_baseline(measured, tmp_path, name):
    answer = nmr_spectrum.fn([measured / "nmr" / name], SpectrumParameters(), results=tmp_path)
    import h5py

    with h5py.File(answer["product"]) as file:
        place, height = file["entry/peaks/position"][:, 0], file["entry/peaks/height"][0]
    # All lines of protons point up, and none lies where no proton resonates.
    assert (height > 0).all()
    assert place.min() > -0.3
    assert place.max() < 9.6
