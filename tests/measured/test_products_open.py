"""Products of every technique with measured data can be opened again as runs, with the numbers they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.model import TECHNIQUES
from adapters.registry import open_run
from flows.recipe import reductions

pytestmark = pytest.mark.measured
LENS = {"spherical_aberration_mm": 2.7, "amplitude_contrast": 0.1}
BEAM = {"scan_columns": 4, "center_y_px": 142, "center_x_px": 26, "disc_radius_px": 25}
RINGS = {"dark_inner_px": 60, "dark_outer_px": 110}
CORD = "correlative/spinal_cord_errsm30/mt"
# Recipe, files, and what must be said.
CASES: list[tuple[str, list[str], dict[str, Any]]] = [
    ("em-map", ["em/emdb/EMD-3197.map"], {}),
    ("em-micrograph", ["em/micrograph/fei-extended_crop2048.mrc.bz2"], {"micrograph": LENS}),
    ("em-particles", ["em/empiar_10076/empiar_10076_7.mrc"], {}),
    ("stem4d", ["em/stem_4d/merlin/001_4x2_6bit.mib"], {"patterns": BEAM | RINGS}),
    ("imaging-ms", ["ms/imzml/Example_Processed.imzML"], {}),
    ("hdx", ["ms/hdx_secb/ecSecB_apo.csv"], {}),
    ("crosslinks", ["ms/xlms_polii/PolII_XiVersion1.6.742_PSM_xiFDR1.1.27.csv"], {}),
    ("charge-detection", ["ms/cdms/BgalGroEL_rawdata.npz"], {}),
    ("mri-maps", ["mri/t1_mapping/t1_brain_data.csv"], {"maps": {"method": "t1_flip_angle"}}),
    ("mrs", ["mri/mrs_siemens/SVS_30.rda"], {"spectrum": {"carrier_ppm": 4.7}}),
    ("nmr-spectrum", ["nmr/cyclosporin_1h"], {}),
]


@pytest.mark.parametrize(("name", "paths", "said"), CASES, ids=[each[0] for each in CASES])
def test_a_product_opens_as_a_run_of_its_technique(measured, tmp_path, name, paths, said):
    for library in ("nibabel", "gemmi", "nmrglue", "zstandard"):
        pytest.importorskip(library)
    reduction = reductions()[name]
    asked = reduction.parameters.model_validate(said)
    answer = reduction.flow.fn([measured / path for path in paths], asked, results=tmp_path)
    product = Path(answer["product"])
    run = open_run(product)

    assert run.metadata.technique in TECHNIQUES
    assert run.metadata.technique in (answer["technique"], "curve")
    kept = _numbers(product)
    read = [
        np.asarray(each.values, float) for each in run.data.variables.values() if each.dtype.kind in "iuf"
    ]
    found = [each for each in read if each.size > 1 and any(_same(each, stored) for stored in kept)]
    assert found, "nothing that was read is a number of the product"


def _numbers(product: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = []

    def keep(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.size > 1:
            found.append(np.asarray(item[()], float))

    with h5py.File(product) as file:
        file.visititems(keep)
    return found


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.size == other.size and np.allclose(one.ravel(), other.ravel(), equal_nan=True)
