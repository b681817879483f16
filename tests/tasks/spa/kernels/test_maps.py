"""Symmetry, size and placement on maps whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tasks.spa.kernels import envelope, placing, symmetry
from tasks.spa.kernels.turning import even_rotations

BOX, VOXEL = 36, 4.0


def helix(count=300, seed=4):
    """Points along a wound and lopsided path: no symmetry, and not its own mirror image."""
    random = np.random.default_rng(seed)
    t = np.linspace(0, 3.5 * np.pi, count)
    path = np.stack([26 * np.cos(t) + 2 * t, 18 * np.sin(t), 5.0 * t - 27], axis=1)
    return path + random.normal(0, 2, path.shape)


def ring(fold, count=200):
    unit = helix(count) * 0.3 + np.array([30.0, 0, 0])
    turns = [Rotation.from_euler("z", 360 * k / fold, degrees=True) for k in range(fold)]
    return np.concatenate([turn.apply(unit) for turn in turns])


def map_of(points, shift=BOX * VOXEL / 2):
    return placing.simulated(points + shift, np.ones(len(points)), (BOX,) * 3, VOXEL, 12.0)


@pytest.mark.parametrize("fold", [2, 3, 4, 7])
def test_a_ring_has_its_symmetry_about_z(fold):
    found = symmetry.turns(map_of(ring(fold)))

    assert symmetry.point_group(found, 0.9) == f"C{fold}"


def test_an_axis_beside_the_middle_is_found_too():
    found = symmetry.turns(map_of(ring(2), BOX * VOXEL / 2 + 2.0))

    assert symmetry.point_group(found, 0.9) == "C2"


def test_a_ring_and_its_half_turn_are_dihedral():
    points = ring(3)
    both = np.concatenate([points, Rotation.from_euler("x", 180, degrees=True).apply(points)])

    assert symmetry.point_group(symmetry.turns(map_of(both)), 0.9) == "D3"
    assert symmetry.point_group(symmetry.turns(map_of(helix())), 0.9) == "C1"


def test_a_ball_has_its_diameter_and_volume():
    axis = (np.arange(48) - 24) * 2.0
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    found = envelope.envelope((radius < 30).astype(float), np.full(3, 2.0), 0.5)

    assert found is not None
    assert found.longest == pytest.approx(60, abs=2.5)
    assert found.volume == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.02)
    assert (found.parts, found.share) == (1, 1.0)


def test_otsu_parts_two_heaps():
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 1, 9000), random.normal(10, 1, 1000)])

    assert 3 < envelope.otsu(values) < 7


def test_rotations_are_as_dense_as_asked():
    turns = even_rotations(np.radians(20))
    random = Rotation.random(200, rng=1)
    nearest = [float((turns.inv() * each).magnitude().min()) for each in random]

    assert np.degrees(max(nearest)) < 20


def test_points_are_shared_out_without_loss():
    random = np.random.default_rng(0)
    points, weights = random.uniform(-50, 200, (100, 3)), random.uniform(1, 2, 100)
    total = placing.splatted(points, weights, (10, 12, 14), 3.0)
    one = placing.splatted(np.array([[4.5, 6.0, 3.0]]), np.ones(1), (4, 4, 4), 3.0)

    assert total.sum() == pytest.approx(weights.sum())
    assert one[1, 2, 1] == pytest.approx(0.5)
    assert one[1, 2, 2] == pytest.approx(0.5)


@pytest.fixture(scope="module")
def hidden():
    """A model, and a noisy map of it in a pose that the search is not told."""
    model = helix()
    pose = Rotation.random(rng=11)
    where = pose.apply(model) + np.array([68.0, 75.0, 79.0])
    density = map_of(where, 0.0)
    noisy = density + np.random.default_rng(1).normal(0, 0.15 * density.max(), density.shape)
    strange = model + np.array([500.0, -300.0, 20.0])
    poses = [
        placing.place(each, VOXEL, strange, np.ones(len(model)), 12.0, step_rad=np.radians(20))[0]
        for each in (noisy, placing.mirrored(noisy))
    ]
    return strange, where, poses


def test_a_hidden_model_is_found_to_a_fraction_of_a_voxel(hidden):
    model, where, (best, _) = hidden

    away = np.linalg.norm(best.of(model) - where, axis=1)
    assert away.max() < 0.5 * VOXEL
    assert np.linalg.det(best.rotation) == pytest.approx(1.0)


def test_the_mirror_image_fits_worse(hidden):
    _, _, (best, mirror) = hidden

    assert best.correlation > mirror.correlation + 0.05
