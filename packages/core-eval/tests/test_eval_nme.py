"""Point errors and their normalisers."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError, UnscorableError, scheme, score
from core_eval.nme import PointProtocol, nme, normalised_error, point_error
from core_eval.normalisers import NORMALISERS, normaliser_of

FACE = scheme("ibug68")
FACIAL = [name for name in NORMALISERS if name != "wrist-width"]


def face(seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(20, 80, (68, 2))
    points[:4] = [(0, 10), (100, 90), (50, 10), (50, 90)]  # the box: 100 x 80
    points[36], points[45] = (20, 50), (80, 50)  # outer corners: 60 px
    points[39], points[42] = (40, 50), (60, 50)  # inner corners: 20 px
    points[[37, 38, 40, 41]] = (30, 50)
    points[[43, 44, 46, 47]] = (70, 50)  # centres at 30 and 70: 40 px
    return points


def target(points: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
    return {"points": points, "box": np.array([5.0, 10.0, 35.0, 50.0]), **more}


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "outer-eye-corners": 60.0,
        "inner-eye-corners": 20.0,
        "eye-centres": 40.0,
        "eyelid-centres": 40.0,
        "box": np.sqrt(100 * 80),
        "box-diagonal": np.hypot(100, 80),
        "box-mean-side": 90.0,
        "external-box": np.sqrt(30 * 40),
        "external-box-diagonal": 50.0,
        "external-box-mean-side": 35.0,
    }.items(),
)
def test_normalisers_by_hand(name: str, expected: float) -> None:
    assert normaliser_of(target(face()), FACE, name) == pytest.approx(expected)
    # Every point 6 px off: the error is 6 / normaliser, whatever the directions.
    angles = np.linspace(0, 7, 68)
    guess = face() + 6 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    metric = nme(normaliser=name)
    result = score(metric, [("a", {"points": guess}, target(face()))])
    assert result.value == pytest.approx(600 / expected)
    assert f"norm:{name}|" in metric.signature


def test_the_wrist_of_a_hand() -> None:
    hand = np.random.default_rng(0).uniform(0, 60, (25, 2))
    hand[0], hand[24] = (10, 50), (34, 57)
    assert normaliser_of({"points": hand}, scheme("hgr1"), "wrist-width") == pytest.approx(25.0)
    result = score(
        nme(normaliser="wrist-width", layout="hgr1"), [("a", {"points": hand + np.array([3.0, 4.0])}, {"points": hand})]
    )
    assert result.value == pytest.approx(20.0)


def test_eye_centres_differ_from_lid_centres_and_outer_corners() -> None:
    points = face()
    points[39] += (5, 0)
    sizes = {name: normaliser_of(target(points), FACE, name) for name in ("eye-centres", "eyelid-centres")}
    assert sizes["eye-centres"] == pytest.approx(40 - 5 / 6)
    assert sizes["eyelid-centres"] == 40.0


@pytest.mark.parametrize("name", FACIAL)
def test_truth_is_perfect_and_errors_follow_similarities(name: str) -> None:
    rng = np.random.default_rng(1)
    truth, guess = face(2), face(2) + rng.normal(size=(68, 2))

    def error(scale: float, shift: np.ndarray) -> float:
        moved = {"points": scale * truth + shift, "box": scale * target(truth)["box"] + np.tile(shift, 2)}
        return normalised_error({"points": scale * guess + shift}, moved, PointProtocol(name))

    assert normalised_error({"points": truth}, target(truth), PointProtocol(name)) == 0.0
    base = error(1.0, np.zeros(2))
    assert error(1.0, np.array([100.0, -40.0])) == pytest.approx(base, rel=1e-9)
    assert error(2.5, np.array([3.0, 9.0])) == pytest.approx(base, rel=1e-9)
    # A mirrored face with mirrored labels has the same error.
    flip = np.array([-1.0, 1.0])
    order = list(FACE.mirror)
    mirrored = {"points": (truth * flip)[order], "box": target(truth)["box"][[2, 1, 0, 3]] * [-1, 1, -1, 1]}
    assert normalised_error({"points": (guess * flip)[order]}, mirrored, PointProtocol(name)) == pytest.approx(base)


def test_mean_and_rms_distance_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth, guess = face(4), face(4) + rng.normal(size=(68, 2))
    result = score(point_error(layout="ibug68"), [("a", {"points": guess}, {"points": truth})])
    distances = sklearn.metrics.pairwise.paired_distances(guess, truth)
    assert result.value == pytest.approx(sklearn.metrics.mean_absolute_error(distances, np.zeros(68)))
    squares = sklearn.metrics.root_mean_squared_error(distances, np.zeros(68))
    rms = score(nme(normaliser="box", distance="rms-distance"), [("a", {"points": guess}, target(truth))])
    assert rms.value == pytest.approx(100 * squares / np.sqrt(8000))
    assert rms.value > score(nme(normaliser="box"), [("a", {"points": guess}, target(truth))]).value


def test_subsets_score_fewer_points_but_keep_the_normaliser() -> None:
    truth, guess = face(), face()
    guess[:17] += (30, 40)  # the jaw is 50 px off, the rest exact
    items = [("a", {"points": guess}, target(truth))]
    assert score(nme(normaliser="outer-eye-corners"), items).value == pytest.approx(100 * 17 * 50 / 68 / 60)
    assert score(nme(normaliser="outer-eye-corners", subset="inner51"), items).value == 0.0
    assert score(nme(normaliser="box", subset="ibug66"), items).value == pytest.approx(
        100 * 17 * 50 / 66 / np.sqrt(8000)
    )
    assert len(FACE.subset("inner49")) == 49
    assert len(FACE.subset("ibug66")) == 66
    assert {60, 64}.isdisjoint(FACE.subset("inner49"))


def test_visibility_masks_points_but_not_the_normaliser() -> None:
    truth, guess = face(), face()
    guess[30:40] += (0, 10)
    visible = np.ones(68, bool)
    visible[36:40] = False  # one of the eye corners among them
    items = [("a", {"points": guess}, target(truth, visible=visible))]
    assert score(nme(normaliser="outer-eye-corners", visible=True), items).value == pytest.approx(
        100 * 6 * 10 / 64 / 60
    )
    assert score(nme(normaliser="outer-eye-corners"), items).value == pytest.approx(100 * 10 * 10 / 68 / 60)
    guess[36] = np.nan  # where nobody looks, nobody minds
    assert not score(nme(normaliser="outer-eye-corners", visible=True), items).failures


def test_per_image_and_pooled_means_differ_with_missing_points() -> None:
    truth = face()
    sparse = truth.copy()
    sparse[10:30] = np.nan
    items = [
        ("whole", {"points": truth + np.array([6.0, 0.0])}, target(truth)),
        ("sparse", {"points": truth + np.array([12.0, 0.0])}, target(sparse)),
    ]
    per_image = score(nme(normaliser="outer-eye-corners"), items)
    pooled_metric = nme(normaliser="outer-eye-corners", pool="points")
    pooled = score(pooled_metric, items)
    assert per_image.value == pytest.approx(100 * (0.1 + 0.2) / 2)
    assert pooled.value == pytest.approx(100 * (68 * 0.1 + 48 * 0.2) / (68 + 48))
    top, bottom = pooled_metric.terms(pooled.per_sample).sum(axis=0)
    assert top / bottom == pytest.approx(pooled.value)
    assert "pool:points" in pooled_metric.signature
    rms = score(nme(normaliser="outer-eye-corners", pool="points", distance="rms-distance"), items)
    assert rms.value == pytest.approx(100 * np.sqrt((68 * 0.1**2 + 48 * 0.2**2) / 116))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 67))
def test_one_point_further_off_is_worse_and_order_does_not_matter(seed: int, point: int) -> None:
    rng = np.random.default_rng(seed)
    truth = face(seed)
    guess = truth + rng.normal(size=(68, 2))
    worse = guess.copy()
    worse[point] += 2 * (guess - truth)[point]
    errors = [normalised_error({"points": g}, target(truth), PointProtocol("box")) for g in (guess, worse)]
    assert errors[1] > errors[0]
    order = rng.permutation(68)
    shuffled = normalised_error({"points": guess[order]}, target(truth[order]), PointProtocol("box"))
    assert shuffled == pytest.approx(errors[0])


def test_zero_and_tiny_normalisers_are_failures_by_name() -> None:
    profile = face()
    profile[45] = profile[36] + 1e-3
    missing = face()
    missing[36] = np.nan
    flat = np.stack([np.linspace(0, 50, 68), np.full(68, 7.0)], axis=1)
    cases = {
        "outer-eye-corners": [profile, missing],
        "box": [flat],
        "external-box": [face()],
        "box-diagonal": [flat * 0],
    }
    for name, faces in cases.items():
        for points in faces:
            truth = target(points, box=np.array([5.0, 5.0, 5.0, 9.0]))
            result = score(nme(normaliser=name), [("a", {"points": points}, truth)])
            assert result.failures == {"a": f"the normaliser {name} is zero or not finite"}
            assert result.value == np.inf, "an infinite error can never be published"
    assert not score(nme(normaliser="box"), [("a", {"points": face()}, target(missing))]).failures


def test_lost_and_absurd_predictions_are_failures() -> None:
    for value in (np.nan, np.inf, -np.inf, 1.7e308):
        guess = face()
        guess[5] = (value, -value)
        result = score(nme(normaliser="box", distance="rms-distance"), [("a", {"points": guess}, target(face()))])
        assert list(result.failures) == ["a"]
    with pytest.raises(UnscorableError, match="no annotated point"):
        normalised_error({"points": face()}, target(np.full((68, 2), np.nan)), PointProtocol("box"))
    hidden = target(face(), visible=np.zeros(68, bool))
    with pytest.raises(UnscorableError, match="visible"):
        normalised_error({"points": face()}, hidden, PointProtocol("box", visible=True))


@pytest.mark.parametrize("shape", [(67, 2), (68, 3), (68,), (1, 68, 2), (0, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="points"):
        normalised_error({"points": np.zeros(shape)}, target(face()), PointProtocol("box"))
    with pytest.raises(InputError, match="points"):
        normalised_error({"points": face()}, target(np.zeros(shape)), PointProtocol("box"))


def test_unknown_names_are_refused_before_anything_is_scored() -> None:
    for options, message in (
        ({"normaliser": "nose"}, "unknown normaliser 'nose'"),
        ({"normaliser": "box", "layout": "ibug70"}, "unknown landmark scheme"),
        ({"normaliser": "box", "subset": "upper"}, "no subset 'upper'"),
        ({"normaliser": "box", "pool": "image"}, "field pool"),
        ({"normaliser": "box", "distance": "l1"}, "field distance"),
        ({"normaliser": "wrist-width"}, "has no wrist-width"),
        ({"normaliser": "eye-centres", "layout": "ear55"}, "has no eyes"),
        ({"normaliser": "outer-eye-corners", "layout": "hgr1"}, "has no outer-eye-corners"),
    ):
        with pytest.raises(InputError, match=message):
            nme(**options)
    with pytest.raises(InputError, match="no box"):
        score(nme(normaliser="external-box"), [("a", {"points": face()}, {"points": face()})])
    with pytest.raises(InputError, match="visibility"):
        score(nme(normaliser="box", visible=True), [("a", {"points": face()}, target(face()))])


@pytest.mark.parametrize("layout", ["ibug68", "aflw21", "ear55", "hgr1"])
def test_schemes_are_consistent(layout: str) -> None:
    table = scheme(layout)
    used = [i for pair in table.segments.values() for i in pair]
    used += [i for name in table.subsets for i in table.subset(name)] + [
        i for span in table.groups.values() for i in span
    ]
    assert all(0 <= i < table.points for i in used)
    if table.mirror:
        mirror = np.array(table.mirror)
        np.testing.assert_array_equal(mirror[mirror], np.arange(table.points))
        for first, second in table.segments.values():
            assert (mirror[first], mirror[second]) == (second, first)
    assert table.subset(None) == tuple(range(table.points))


def test_any_number_of_points_in_pixels() -> None:
    truth = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    guess = truth + np.array([[3, 4], [0, 0], [0, 1]])
    assert score(point_error(), [("a", {"points": guess}, {"points": truth})]).value == 2.0
