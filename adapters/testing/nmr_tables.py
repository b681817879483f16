"""Small tables of NMR as its archives keep them: assignments, shifts, series of peak heights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Heights = Mapping[int, float]
PEAK_TAGS = (
    "peak_id", "height", "position_1", "position_2", "chain_code_1", "sequence_code_1", "residue_name_1",
    "atom_name_1", "chain_code_2", "sequence_code_2", "residue_name_2", "atom_name_2",
)  # fmt: skip


def write_nmredata(
    path: Path, shifts: Mapping[str, float], couplings: Sequence[tuple[str, str, float]]
) -> Path:
    """Shifts (ppm) by label, and couplings (Hz) between labels."""
    assigned = "".join(
        f"{label}, {value:.4f}, {number}\\\n" for number, (label, value) in enumerate(shifts.items(), 1)
    )
    coupled = "".join(f"{one}, {two}, {value:.2f}\\\n" for one, two, value in couplings)
    path.write_text(
        "sample\n  made by a test\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"
        ">  <NMREDATA_VERSION>\n1.1\\\n\n>  <NMREDATA_SOLVENT>\nCDCl3\\\n\n"
        f">  <NMREDATA_ASSIGNMENT>\n{assigned}\n>  <NMREDATA_J>\n{coupled}\n"
        ">  <NMREDATA_1D_1H>\nLarmor=500.13\\\nSpectrum_Location=file:sample/10/pdata/1/\\\n\n$$$$\n"
    )
    return path


def write_nmr_star(path: Path, shifts: Sequence[tuple[int, str, str, float, float | None]]) -> Path:
    """Residue number and name, atom, shift (ppm) and its uncertainty."""
    rows = "".join(
        f"      {number} 1 {residue} {name} {atom} {atom[0]} {value} {'.' if error is None else error} 1\n"
        for number, (residue, name, atom, value, error) in enumerate(shifts, start=1)
    )
    tags = "".join(
        f"      _Atom_chem_shift.{tag}\n"
        for tag in ("ID", "Entity_assembly_ID", "Comp_index_ID", "Comp_ID", "Atom_ID", "Atom_type", "Val",
                    "Val_err", "Assigned_chem_shift_list_ID")
    )  # fmt: skip
    path.write_text(
        "data_99999\n\nsave_entry_information\n   _Entry.Sf_category  entry_information\n"
        "   _Entry.Sf_framecode  entry_information\n   _Entry.ID  99999\n"
        "   _Entry.NMR_STAR_version  3.2.1.1\n   loop_\n      _Entry_author.Given_name\n"
        "      _Entry_author.Family_name\n      J. Doe\n   stop_\nsave_\n\n"
        "save_conditions\n   _Sample_condition_list.Sf_category  sample_conditions\n"
        "   _Sample_condition_list.Sf_framecode  conditions\n   loop_\n"
        "      _Sample_condition_variable.Type\n"
        "      _Sample_condition_variable.Val\n      _Sample_condition_variable.Val_units\n"
        "      temperature 298 K\n      pH 6.5 pH\n   stop_\nsave_\n\n"
        "save_shifts\n   _Assigned_chem_shift_list.Sf_category  assigned_chemical_shifts\n"
        f"   _Assigned_chem_shift_list.Sf_framecode  shifts\n   loop_\n{tags}{rows}   stop_\nsave_\n"
    )
    return path


def write_nef(path: Path, series: Mapping[str, tuple[str, Sequence[tuple[float, Heights]]]]) -> Path:
    """Series by name: what it measures; of each spectrum delay (ms) or saturation, and heights by residue."""
    frames, lists = "", ""
    for name, (kind, spectra) in series.items():
        points = ""
        for number, (variable, heights) in enumerate(spectra):
            label = f"{name}_{number}"
            points += f"      nef_nmr_spectrum_{label} {variable}\n"
            peaks = "".join(
                f"      {k} {height} 8.{residue} 12{residue % 10}.5 A {residue} GLY H A {residue} GLY N\n"
                for k, (residue, height) in enumerate(heights.items(), start=1)
            )
            frames += _frame(
                "nef_nmr_spectrum",
                f"nef_nmr_spectrum_{label}",
                {"num_dimensions": 2},
                _loop(
                    "nef_spectrum_dimension",
                    ("dimension_id", "axis_unit", "axis_code", "spectrometer_frequency", "is_acquisition"),
                    "      1 ppm 1H 600.0 true\n      2 ppm 15N 60.8 false\n",
                )
                + _loop(
                    "nef_peak",
                    PEAK_TAGS,
                    peaks,
                ),
            )  # fmt: skip
        timed = kind != "heteronuclear_NOEs"
        lists += _frame(
            "nefpls_series_list",
            f"nefpls_series_list_{name}",
            {
                "experiment_type": kind,
                "series_variable_type": "time" if timed else "saturation",
                "series_variable_unit": "ms" if timed else "bool",
            },
            _loop("nefpls_series_experiment", ("nmr_spectrum_id", "series_variable"), points),
        )
    shifts = _frame(
        "nef_chemical_shift_list",
        "nef_chemical_shift_list_default",
        {},
        _loop(
            "nef_chemical_shift",
            ("chain_code", "sequence_code", "residue_name", "atom_name", "value", "value_uncertainty"),
            "      A 1 GLY H 8.1 0.01\n      A 1 GLY N 121.5 0.1\n",
        ),
    )
    head = _frame("nef_nmr_meta_data", "nef_nmr_meta_data", {"format_name": "nmr_exchange_format"}, "")
    path.write_text(f"data_sample\n\n{head}{shifts}{frames}{lists}")
    return path


def _frame(category: str, name: str, tags: Mapping[str, Any], loops: str) -> str:
    said = {"sf_category": category, "sf_framecode": name, **tags}
    body = "".join(f"   _{category}.{tag}  {value}\n" for tag, value in said.items())
    return f"save_{name}\n{body}{loops}save_\n\n"


def _loop(category: str, tags: Sequence[str], rows: str) -> str:
    return "   loop_\n" + "".join(f"      _{category}.{tag}\n" for tag in tags) + rows + "   stop_\n"
