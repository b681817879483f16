"""Every measured NMR file is read as its row says, or refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.registry import open_run
from tasks.nmr.parameters import PeakParameters, ProcessingParameters
from tasks.nmr.peaks import peak_list
from tasks.nmr.spectrum import spectrum

pytestmark = pytest.mark.measured

# Path, sizes, the least and the largest value of variables, and metadata as they must be found.
READ = [
    ("cyclosporin_1h/1", {"row": 1}, {"frequency": (500.13, 500.13)}, {"nucleus": "1H"}),
    ("cyclosporin_1h/1/pdata/1", {"row": 1}, {}, {"nucleus": "1H"}),
    ("cyclosporin_hsqc/3", {"row": 256, "time": 512}, {}, {"indirect": "echo_antiecho"}),
    ("cyclosporin_hsqc/3/pdata/1", {"shift_1": 1024, "shift_2": 1024}, {}, {"indirect_nucleus": "13C"}),
    ("jcamp/TESTFID.DX", {"row": 1, "time": 16384}, {"frequency": (100.4, 100.4)}, {"nucleus": "13C"}),
    ("jcamp/TESTSPEC.DX", {"row": 1, "shift": 16384}, {"shift": (0, 24038.5 / 100.4)}, {"field_mhz": 100.4}),
    (
        "jcamp/ethanol_nmr.jdx",
        {"row": 1, "shift": 16384},
        {"shift": (-1.9611, 13.9995), "intensity": (-140926.625, 35174796)},
        {"nucleus": "1H", "solvent": "CHLOROFORM-d"},
    ),
    (
        "jeol/Rutin_3080ug200uL_DMSOd6_13CNMR_400MHz_Jeol.jdf",
        {"row": 1, "time": 32768},
        {"frequency": (100.5253, 100.5253), "carrier": (100, 100), "group_delay": (18.998, 18.998)},
        {"nucleus": "13C", "solvent": "DMSO-D6", "scans": 4096},
    ),
    ("menthol_nmredata/AN-menthol", {"row": 1, "time": 32768}, {"group_delay": (67.986, 67.986)}, {}),
    ("menthol_nmredata/AN-menthol/10/pdata/1", {"row": 1, "shift": 32768}, {}, {"solvent": "CDCl3"}),
    (
        "menthol_nmredata/compound1.nmredata.sdf",
        {"atom": 24, "pair": 22},
        {"coupling": (-13.0, 12.8)},
        {"solvent": "CDCl3", "larmor_mhz_1h": 500.133088507, "spectrum": "AN-menthol/10/pdata/1/"},
    ),
    ("mtbls1_urine/ADG10003u_007", {"row": 1, "time": 32768}, {}, {"scans": 128}),
    ("mtbls1_urine/ADG10003u_007/10/pdata/1", {"row": 1, "shift": 65536}, {}, {"nucleus": "1H"}),
    (
        "nef/GB1_T1_Relaxation_series_fitted_short.nef",
        {"row": 22, "peak": 5, "atom": 8},
        {"delay": (0.0036, 0.96), "saturation": (0, 1), "chemical_shift": (8.513550532, 126.488149)},
        {"nucleus": "1H", "indirect_nucleus": "15N", "field_mhz": 600.0529785},
    ),
    (
        "nmrml/HMDB00005.nmrML",
        {"row": 1, "time": 28800},
        {"multiplet_shift": (1.07, 2.76)},
        {"compound": "2-oxobutanoic acid"},
    ),
    ("nmrpipe_1d/1d_data.ft", {"row": 1, "shift": 16384}, {"shift": (-97.618, 300.190)}, {"nucleus": "C13"}),
    ("nmrstar/bmr15283.str", {"atom": 341}, {}, {"ph": 6.5, "field_mhz": [500.0]}),
    ("nmrstar/bmr17769.str", {"atom": 1001}, {}, {"ph": 6.5, "field_mhz": [600.0]}),
    ("nmrstar/bmr18531.str", {"atom": 625}, {}, {"ph": 6.5, "field_mhz": [700.0, 900.0]}),
    (
        "sod1_hsqc/128_0_FT.ft2",
        {"shift_1": 256, "shift_2": 513},
        {"shift_1": (104.63, 132.16), "shift_2": (5.996, 10.997)},
        {"nucleus": "H1", "indirect_nucleus": "N15"},
    ),
    ("sod1_hsqc/128_FT.ser", {"row": 19, "peak": 3}, {"position": (8.525, 125.904)}, {}),
    ("t1_inversion_recovery/1", {"row": 10, "time": 4096}, {"delay": (0.01, 10)}, {"quantity": "t1"}),
    ("t1_inversion_recovery/1/pdata/1", {"row": 10, "shift": 8192}, {"delay": (0.01, 10)}, {}),
    *(
        (f"t2_sparky_lists/T2_ncyc{name}_ave.list", {"row": 1, "peak": count}, {}, {})
        for name, count in zip(
            ("1", "1b", "2", "4", "4b", "6", "9", "9b", "11", "11b"), (14,) * 9 + (13,), strict=True
        )
    ),
]
# 1.4826 times the median of the absolute values, which its row gives.
SOD1_NOISE = 7514


@pytest.mark.parametrize(
    ("name", "sizes", "ends", "said"), READ, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_file_is_read_as_its_row_says(measured, name, sizes, ends, said):
    pytest.importorskip("pynmrstar")
    run = open_run(measured / "nmr" / name)

    assert run.metadata.technique == "nmr"
    assert {dim: run.data.sizes[dim] for dim in sizes} == sizes
    assert {key: run.metadata.raw.get(key) for key in said} == said
    for variable, (low, high) in ends.items():
        values = run.data[variable].values
        assert float(np.nanmin(values)) == pytest.approx(low, rel=1e-4, abs=1e-9), variable
        assert float(np.nanmax(values)) == pytest.approx(high, rel=1e-4, abs=1e-9), variable


def test_every_file_is_read_or_refused_in_words_of_ours(measured):
    pytest.importorskip("pynmrstar")
    read = {measured / "nmr" / name for name, *_ in READ}
    unsaid = []
    for path in sorted((measured / "nmr").rglob("*")):
        if not path.is_file() or path in read:
            continue
        try:
            run = open_run(path)
        except AdapterError as error:
            # Files that lie in an experiment say whose they are.
            assert str(error).strip()
            continue
        # What opens without a row of its own is a file by which its experiment is opened.
        if not any(parent in read for parent in path.parents):
            unsaid.append(f"{path.name} as {run.provenance.adapter}")
    assert not unsaid


@pytest.mark.parametrize(
    ("entry", "atoms"),
    [
        ("bmr17769", {(3, "H"): 8.32, (3, "N"): 115.34, (46, "H"): 8.81, (46, "N"): 132.20, (47, "N"): 102.34,
                      (68, "H"): 9.23, (68, "N"): 118.38, (76, "H"): 7.92, (76, "N"): 114.68}),
        ("bmr18531", {(3, "H"): 9.07, (3, "N"): 124.0}),
    ],
)  # fmt: skip
def test_entries_of_bmrb_assign_their_shifts(measured, entry, atoms):
    pytest.importorskip("pynmrstar")
    data = open_run(measured / f"nmr/nmrstar/{entry}.str").data
    found = {
        (int(number), str(atom)): float(value)
        for number, atom, value in zip(
            data["residue_number"].values,
            data["atom_name"].values,
            data["chemical_shift"].values,
            strict=True,
        )
    }

    assert {atom: found[atom] for atom in atoms} == pytest.approx(atoms, abs=0.005)


@pytest.mark.parametrize(
    ("entry", "counts"),
    [("bmr17769", (570, 348, 83)), ("bmr15283", (0, 272, 69)), ("bmr18531", (None, None, 54))],
)
def test_entries_of_bmrb_are_read_whole(measured, entry, counts):
    pytest.importorskip("pynmrstar")
    element = open_run(measured / f"nmr/nmrstar/{entry}.str").data["element"].values

    for symbol, count in zip("HCN", counts, strict=True):
        assert count is None or (element == symbol).sum() == count, symbol


def test_menthol_is_assigned_as_published(measured):
    data = open_run(measured / "nmr/menthol_nmredata/compound1.nmredata.sdf").data
    found = dict(zip(data["atom_name"].values.tolist(), data["chemical_shift"].values.tolist(), strict=True))
    coupled = [set(pair) for pair in zip(data["coupling_1"].values, data["coupling_2"].values, strict=True)]

    for label, shift in (("H4", 3.4302), ("H9", 2.1895), ("H5eq", 1.9844), ("Me11", 0.9493)):
        assert found[label] == shift
    assert float(data["coupling"][coupled.index({"H3", "H4"})]) == 9.90


def test_the_noise_of_sod1_is_that_of_its_row(measured):
    values = open_run(measured / "nmr/sod1_hsqc/128_0_FT.ft2").data["intensity"].values

    spread = 1.4826 * np.median(np.abs(values))
    assert spread == pytest.approx(SOD1_NOISE, rel=0.001)


def test_peaks_of_sod1_are_where_its_table_has_them(measured):
    plane = open_run(measured / "nmr/sod1_hsqc/128_0_FT.ft2")
    listed = open_run(measured / "nmr/sod1_hsqc/128_FT.ser").data
    found = peak_list(plane, spectrum(plane, ProcessingParameters()), PeakParameters()).peaks
    places = found["position"].values
    values = plane.data["intensity"].values
    steps = [abs(float(np.diff(plane.data[axis].values).mean())) for axis in ("shift_1", "shift_2")]

    for (nitrogen, proton), published, top in zip(
        listed["position"].values, listed["height"].values[0], (166086, 858915, 483545), strict=True
    ):
        away = np.hypot((places[:, 0] - nitrogen) / steps[0], (places[:, 1] - proton) / steps[1])
        nearest = int(away.argmin())
        assert away[nearest] < 1.3
        row = int(np.abs(plane.data["shift_1"].values - places[nearest, 0]).argmin())
        column = int(np.abs(plane.data["shift_2"].values - places[nearest, 1]).argmin())
        assert values[row - 1 : row + 2, column - 1 : column + 2].max() == pytest.approx(top, abs=1)
        # The table has heights at the points of the grid next to its places, a list those of tops nearby.
        there = plane.data["intensity"].sel(shift_1=nitrogen, shift_2=proton, method="nearest")
        assert float(there) == pytest.approx(published, rel=1e-6)
        assert float(found["height"].values[0, nearest]) == pytest.approx(published, rel=0.12)


# Lines of spectra as their rows give them, in ppm, those above a share of the highest.
LISTED = [
    ("jcamp/ethanol_nmr.jdx", 0.15, (1.225, 1.248, 1.271, 1.809, 3.686, 3.710, 3.733, 3.757)),
    (
        "nmrpipe_1d/1d_data.ft",
        0.1,
        (24.91, 28.79, 30.74, 32.82, 34.79, 42.71, 44.60, 58.22, 177.54, 179.61, 179.97),
    ),
]


@pytest.mark.parametrize(("name", "share", "lines"), LISTED)
def test_lines_of_a_spectrum_are_those_of_its_row(measured, name, share, lines):
    run = open_run(measured / "nmr" / name)
    found = peak_list(run, spectrum(run, ProcessingParameters()), PeakParameters()).peaks
    height = found["height"].values[0]
    listed = np.sort(found["position"].values[height > share * height.max(), 0])

    # The steps of the carbon spectrum are 0.024 ppm.
    np.testing.assert_allclose(listed, lines, atol=0.02 if lines[-1] > 20 else 0.002)


def test_the_decay_of_nmrml_has_the_multiplets_that_its_file_lists(measured):
    run = open_run(measured / "nmr/nmrml/HMDB00005.nmrML")
    found = peak_list(run, spectrum(run, ProcessingParameters()), PeakParameters()).peaks
    place, height = found["position"].values[:, 0], found["height"].values[0]

    for centre, weights in ((2.76, 4), (1.07, 3)):
        near = np.abs(place - centre) < 0.03
        strong = place[near & (height > 0.1 * height[near].max())]
        assert len(strong) == weights
        assert strong.mean() == pytest.approx(centre, abs=0.002)


def test_the_decay_and_the_spectrum_of_ethylbenzene_agree(measured):
    decay, made = (open_run(measured / f"nmr/jcamp/{name}.DX") for name in ("TESTFID", "TESTSPEC"))
    asked = PeakParameters(threshold=30)
    lists = [
        peak_list(run, spectrum(run, ProcessingParameters()), asked).peaks["position"].values[:4, 0]
        for run in (decay, made)
    ]
    # The carrier is in the middle of the spectrum, whose scale runs from 0 to its width.
    middle = 24038.5 / 100.4 / 2

    np.testing.assert_allclose(np.sort(lists[0] + middle), np.sort(lists[1]), atol=0.03)


def test_the_carbons_of_rutin_are_found_with_one_phase(measured):
    run = open_run(measured / "nmr/jeol/Rutin_3080ug200uL_DMSOd6_13CNMR_400MHz_Jeol.jdf")
    # The middle line of the solvent is at 39.52 ppm.
    asked = ProcessingParameters(line_broadening_hz=3.0, reference_shift_ppm=39.52 - 40.04)
    found = peak_list(run, spectrum(run, asked), PeakParameters(threshold=8)).peaks
    place = found["position"].values[:, 0]

    assert (found["height"].values > 0).all()
    # Its carbons 4, 7, 5, 4', 3', 3, 10, 1'', 8 and the methyl group, as textbooks list them.
    for carbon in (177.4, 164.1, 161.2, 148.4, 144.8, 133.3, 104.0, 101.2, 93.6, 17.8):
        assert np.abs(place - carbon).min() < 0.2
