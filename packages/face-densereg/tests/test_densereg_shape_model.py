"""PCA shape model and planar similarity."""

import numpy as np
import pytest

from core_eval import InputError
from face_densereg.shape_model import fit_shape_model, similarity


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.fixture
def shapes():
    """Shapes of a known two-mode model under random similarities."""
    rng = np.random.default_rng(0)
    mean = rng.normal(0, 1, (20, 2))
    modes = rng.normal(0, 0.1, (2, 20, 2))
    made = mean + np.einsum("nk,kpc->npc", rng.normal(0, 1, (300, 2)), modes)
    return np.array(
        [20 * s @ rotation(rng.uniform(-1, 1)).T * rng.uniform(0.5, 2) + rng.normal(0, 50, 2) for s in made]
    )


def test_similarity_undoes_a_similarity(shapes):
    a, b = similarity(shapes[0], shapes[0] @ (3 * rotation(0.7)).T + [5, -2])
    np.testing.assert_allclose(a, 3 * rotation(0.7), atol=1e-12)
    np.testing.assert_allclose(b, [5, -2], atol=1e-10)


def test_similarity_never_reflects(shapes):
    a, _ = similarity(shapes[0], shapes[0] * [-1, 1])
    assert np.linalg.det(a) > 0


def test_shapes_of_the_model_are_their_own_reconstruction(shapes):
    model = fit_shape_model(shapes, variance=0.99999)
    for shape in shapes[:20]:
        error = np.abs(model.reconstruct(shape) - shape).max()
        assert error < 0.15 * np.ptp(shape, axis=0).max()
    inside = [np.abs(model.reconstruct(s) - s).max() / np.ptp(s, axis=0).max() for s in shapes]
    assert np.median(inside) < 0.01


def test_reconstruction_repairs_an_outlier(shapes):
    model = fit_shape_model(shapes)
    broken = shapes[0].copy()
    broken[3] += 8
    assert np.linalg.norm(model.reconstruct(broken)[3] - shapes[0][3]) < 0.5 * np.linalg.norm(broken[3] - shapes[0][3])


def test_reconstruction_moves_with_the_shape(shapes):
    model = fit_shape_model(shapes)
    turned = shapes[1] @ (2 * rotation(0.3)).T + [4, 9]
    np.testing.assert_allclose(
        model.reconstruct(turned), model.reconstruct(shapes[1]) @ (2 * rotation(0.3)).T + [4, 9], atol=1e-8
    )


def test_nothing_found_stays_nothing(shapes):
    model = fit_shape_model(shapes)
    assert np.isnan(model.reconstruct(np.full((20, 2), np.nan))).all()


def test_bad_shapes_are_refused(shapes):
    with pytest.raises(InputError, match="two finite shapes"):
        fit_shape_model(shapes[:1])
    with pytest.raises(InputError, match="coincide"):
        similarity(np.ones((4, 2)), shapes[0][:4])
