"""Joint position errors, and the alignment behind the reconstruction error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core_eval import InputError, score
from core_eval.mpjpe import mpjpe, mpjpe_errors, n_mpjpe, n_mpjpe_errors, p_mpjpe, p_mpjpe_errors
from core_eval.procrustes import similarity_error, similarity_errors

SEEDS = st.integers(0, 2**32 - 1)


def poses(seed: int = 0, count: int = 50, joints: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """Bodies about as long and flat as people, 5 m from the origin, in mm, and estimates of them."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(count, joints, 3)) * [150, 450, 90] + [300, -200, 5000]
    rotation = Rotation.random(count, rng).as_matrix()
    guess = 0.8 * np.einsum("nij,nkj->nki", rotation, target - 5000) + rng.normal(size=target.shape) * 40
    return guess, target


def kabsch(guess: np.ndarray, truth: np.ndarray) -> float:
    """By scipy's rotation fitting, with the scale in closed form: the independent implementation."""
    x, y = guess - guess.mean(axis=0), truth - truth.mean(axis=0)
    rotation, _ = Rotation.align_vectors(y, x)
    x = rotation.apply(x)
    scale = (x * y).sum() / (x * x).sum()
    return float(np.linalg.norm(scale * x - y, axis=1).mean())


@pytest.mark.parametrize("joints", [3, 4, 16, 17, 32])
def test_reconstruction_error_agrees_with_scipy_and_with_the_plain_form(joints: int) -> None:
    guess, target = poses(joints, 200, joints)
    errors = p_mpjpe_errors(guess, target)
    np.testing.assert_allclose(errors, [kabsch(g, t) for g, t in zip(guess, target, strict=True)], rtol=1e-7)
    naive = [similarity_error(g, t) for g, t in zip(guess, target, strict=True)]
    np.testing.assert_allclose(errors, naive, rtol=1e-9)


def test_rms_after_alignment_agrees_with_scipy_procrustes() -> None:
    # scipy.spatial.procrustes standardises and reports squared error; on poses that need no reflection it is the same.
    guess, target = poses(3, 40)
    for g, t in zip(guess, target, strict=True):
        first, second, disparity = scipy.spatial.procrustes(t, g)
        if np.linalg.det(np.linalg.lstsq(g - g.mean(0), second, rcond=None)[0]) < 0:
            continue
        size = np.linalg.norm(t - t.mean(axis=0))
        assert similarity_error(g, t) == pytest.approx(size * np.linalg.norm(first - second, axis=1).mean())
        assert size * np.sqrt(disparity / 17) >= similarity_error(g, t)


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3), st.integers(3, 20))
def test_similarities_cost_nothing_and_reflections_cost_much(seed: int, scale: float, joints: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(4, joints, 3)) * [150, 450, 90]
    rotation = Rotation.random(rng=rng).as_matrix()
    moved = scale * target @ rotation.T + rng.normal(size=3) * 1000
    np.testing.assert_allclose(similarity_errors(moved, target), 0, atol=1e-8)
    guess = target + 30 * rng.normal(size=target.shape)
    base = similarity_errors(guess, target)
    np.testing.assert_allclose(similarity_errors(scale * guess @ rotation.T - 7, target), base, rtol=1e-6)
    np.testing.assert_allclose(similarity_errors(guess, scale * target @ rotation.T), scale * base, rtol=1e-6)
    if joints > 4:
        mirrored = target * [-1, 1, 1]
        assert (similarity_errors(mirrored, target) > 1).all()
    order = rng.permutation(joints)
    np.testing.assert_allclose(similarity_errors(guess[:, order], target[:, order]), base, rtol=1e-6)


def test_a_reflection_by_hand() -> None:
    # Points at distance 3, 2 and 1 on the axes, and back: the mirror image in z differs only in the last pair. The best
    # rotation leaves it, the best scale is (18 + 8 - 2) / 28 = 6/7.
    target = np.array([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]], float)
    expected = (2 * 3 * (1 / 7) + 2 * 2 * (1 / 7) + 2 * (1 + 6 / 7)) / 6
    assert p_mpjpe_errors((target * [1, 1, -1])[None], target[None])[0] == pytest.approx(expected)
    _, _, absorbed = scipy.spatial.procrustes(target, target * [1, 1, -1])
    assert absorbed == pytest.approx(0, abs=1e-12)


def test_no_similarity_does_better() -> None:
    guess, target = poses(5, 6)
    rng = np.random.default_rng(0)

    def squares(scale: float, rotation: np.ndarray, shift: np.ndarray, g: np.ndarray, t: np.ndarray) -> float:
        return float((((scale * g @ rotation.T + shift) - t) ** 2).sum())

    for g, t in zip(guess, target, strict=True):
        x, y = g - g.mean(axis=0), t - t.mean(axis=0)
        best, _ = Rotation.align_vectors(y, x)
        scale = (best.apply(x) * y).sum() / (x**2).sum()
        least = squares(scale, best.as_matrix(), np.zeros(3), x, y)
        aligned = scale * best.apply(x)
        assert similarity_error(g, t) == pytest.approx(np.linalg.norm(aligned - y, axis=1).mean())
        for _ in range(20):
            other = Rotation.from_rotvec(0.01 * rng.normal(size=3)) * best
            assert squares(scale * (1 + 0.01 * rng.normal()), other.as_matrix(), rng.normal(size=3), x, y) >= least


LINE = np.linspace(0, 1, 17)[:, None] * [100.0, 200.0, -50.0] + [3.0, 4.0, 5.0]
BODY = poses()[1][0]
TRIPOD = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1], [-2, 0, 0], [0, -1, 0], [0, 0, -1]], float)


DEGENERATE = {
    "line, body": (LINE, BODY),
    "body, line": (BODY, LINE),
    "line, line": (LINE, LINE),
    "same line, rounded to float32": (LINE.astype(np.float32), BODY),
    "a point, body": (np.full((17, 3), 7.0), BODY),
    "zeros, body": (np.zeros((17, 3)), BODY),
    "body, a point": (BODY, np.zeros((17, 3))),
    "nan": (np.where(np.arange(17)[:, None] == 3, np.nan, BODY), BODY),
    "infinity": (np.where(np.arange(17)[:, None] == 3, np.inf, BODY), BODY),
    "two joints": (BODY[:2], BODY[:2] * 2),
    "one joint": (BODY[:1], BODY[:1]),
    "mirror image with a symmetry": (TRIPOD * [1, 1, -1], TRIPOD),
}


@pytest.mark.parametrize(("guess", "target"), DEGENERATE.values(), ids=DEGENERATE.keys())
def test_degenerate_poses_are_flagged_never_scored(guess: np.ndarray, target: np.ndarray) -> None:
    assert np.isnan(p_mpjpe_errors(guess[None], target[None])[0])
    assert np.isnan(similarity_error(guess, target))
    result = score(p_mpjpe(), [("a", {"joints_mm": guess}, {"joints_mm": target})])
    assert list(result.failures) == ["a"]
    assert result.value == np.inf, "an infinite error can never be published"


def test_both_paths_agree_on_small_lattice_poses_full_of_symmetries() -> None:
    rng = np.random.default_rng(7)
    for joints in (3, 4, 6):
        guess, target = rng.integers(-1, 2, (2, 1500, joints, 3)).astype(float)
        naive = np.array([similarity_error(g, t) for g, t in zip(guess, target, strict=True)])
        np.testing.assert_allclose(p_mpjpe_errors(guess, target), naive, rtol=1e-9, atol=1e-12)  # NaN where NaN
        assert 0 < np.isnan(naive).mean() < 0.5


def test_planar_poses_are_not_degenerate() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(9, 17, 3)) * [100, 300, 0]
    guess = flat + rng.normal(size=flat.shape) * [5, 5, 0]
    errors = p_mpjpe_errors(guess, flat)
    naive = [similarity_error(g, t) for g, t in zip(guess, flat, strict=True)]
    np.testing.assert_allclose(errors, naive, rtol=1e-9)
    assert (errors > 0).all()


def test_nearly_degenerate_poses_take_the_careful_path_and_agree() -> None:
    rng = np.random.default_rng(0)
    for width in (1e-1, 1e-2, 1e-3, 1e-4):
        target = LINE + width * 200 * rng.normal(size=(30, 17, 3))
        guess = target + width * 20 * rng.normal(size=target.shape)
        naive = np.array([similarity_error(g, t) for g, t in zip(guess, target, strict=True)])
        np.testing.assert_allclose(p_mpjpe_errors(guess, target), naive, rtol=1e-5)
        assert (naive > 0).all()


def test_single_precision_and_blocks_make_no_difference() -> None:
    guess, target = poses(1, 9000)
    errors = p_mpjpe_errors(guess, target)
    np.testing.assert_array_equal(errors[5000:5005], p_mpjpe_errors(guess[5000:5005], target[5000:5005]))
    np.testing.assert_allclose(p_mpjpe_errors(guess.astype(np.float32), target.astype(np.float32)), errors, rtol=1e-4)
    transposed = np.asfortranarray(guess)
    np.testing.assert_array_equal(p_mpjpe_errors(transposed, target), errors)
    assert p_mpjpe_errors(guess[:0], target[:0]).shape == (0,)


def test_mpjpe_by_hand() -> None:
    target = np.array([[[0, 0, 0], [100, 0, 0], [0, 100, 0]]], float)
    guess = np.array([[[10, 0, 0], [113, 4, 0], [10, 112, 0]]], float)
    assert mpjpe_errors(guess, target)[0] == pytest.approx((0 + 5 + 12) / 3)
    assert mpjpe_errors(guess, target, root=None)[0] == pytest.approx((10 + np.hypot(13, 4) + np.hypot(10, 12)) / 3)
    assert mpjpe_errors(guess, target, root=1)[0] == pytest.approx((5 + 0 + np.hypot(3, 8)) / 3)
    assert n_mpjpe_errors(3 * target + 5, target)[0] == pytest.approx(0, abs=1e-12)
    # Twice as large and 30 mm off in one joint: s = (2e4 + 2e4) / (4e4 + 4e4 + 900).
    off = 2 * target
    off[0, 1, 1] = 30
    scale = 4e4 / 80900
    expected = (0 + np.hypot(100 - 200 * scale, 30 * scale) + abs(100 - 200 * scale)) / 3
    assert n_mpjpe_errors(off, target)[0] == pytest.approx(expected)


def test_each_alignment_removes_more() -> None:
    guess, target = poses(2, 300)
    guess = target + np.random.default_rng(0).normal(size=target.shape) * 50
    means = [float(f(guess, target).mean()) for f in (mpjpe_errors, n_mpjpe_errors, p_mpjpe_errors)]
    assert means[0] >= means[1] >= means[2] > 0


FACTORIES: list[Callable[..., object]] = [mpjpe, n_mpjpe, p_mpjpe]


@pytest.mark.parametrize("factory", FACTORIES)
def test_metrics_score_truth_as_perfect_and_leave_out_missing_joints(factory: Callable[..., object]) -> None:
    guess, target = poses(4, 3)
    metric = factory(joints=17)
    perfect = score(metric, [(str(i), {"joints_mm": t}, {"joints_mm": t}) for i, t in enumerate(target)])
    assert perfect.value == pytest.approx(0, abs=1e-9)
    sparse = target[0].copy()
    sparse[5] = np.nan
    sparse[9, 2] = np.nan
    keep = np.setdiff1d(np.arange(17), [5, 9])
    whole, part = (
        score(factory(), [("a", {"joints_mm": g}, {"joints_mm": t})]).value
        for g, t in ((guess[0][keep], target[0][keep]), (guess[0], sparse))
    )
    assert part == pytest.approx(whole)
    assert metric.unit == "mm"
    assert "|joints:17|" in metric.signature


def test_metrics_refuse_other_shapes_and_missing_roots() -> None:
    guess, target = poses(4, 1)
    for g, t in ((guess[0][:16], target[0]), (guess[0], target[0][:, :2]), (guess[0], target[0][None])):
        with pytest.raises(InputError, match=r"sample a, field joints_mm"):
            score(p_mpjpe(), [("a", {"joints_mm": g}, {"joints_mm": t})])
    with pytest.raises(InputError, match="expected \\(16, 3\\)"):
        score(mpjpe(joints=16), [("a", {"joints_mm": guess[0]}, {"joints_mm": target[0]})])
    rootless = target[0].copy()
    rootless[0] = np.nan
    result = score(mpjpe(), [("a", {"joints_mm": guess[0]}, {"joints_mm": rootless})])
    assert result.failures == {"a": "the root joint 0 is not annotated"}
    assert not score(mpjpe(root=None), [("a", {"joints_mm": guess[0]}, {"joints_mm": rootless})]).failures
    lost = np.where(np.arange(17)[:, None] == 16, np.nan, guess[0])
    assert score(mpjpe(), [("a", {"joints_mm": lost}, {"joints_mm": target[0]})]).failures == {"a": "not finite"}
    for function in (mpjpe_errors, n_mpjpe_errors, p_mpjpe_errors):
        with pytest.raises(InputError, match=r"\(N, J, 3\)"):
            function(guess[0], target[0])
    with pytest.raises(InputError, match="root"):
        mpjpe_errors(guess, target, root=17)


def test_signatures_differ() -> None:
    metrics = [mpjpe(), mpjpe(root=None), mpjpe(root=3), n_mpjpe(), n_mpjpe(root=None), p_mpjpe(), p_mpjpe(joints=16)]
    assert len({metric.signature for metric in metrics}) == len(metrics)
