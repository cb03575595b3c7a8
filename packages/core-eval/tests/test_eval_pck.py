"""PCK and PCKh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError, Metric, Score, score
from core_eval.pck import AUC_CONVENTIONS, joint_rates, pck, pck_auc, pckh, pckh_auc
from core_eval.skeletons import skeleton

COLUMNS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def people(seed: int = 0, count: int = 60, joints: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predictions (N, J, 2), truth with missing joints, head boxes (N, 4), visibility (N, J)."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 300, (count, joints, 2))
    guess = truth + rng.normal(size=truth.shape) * rng.gamma(1.0, 12.0, (count, joints, 1))
    truth[rng.random((count, joints)) < 0.1] = np.nan
    truth[:, [2, 3, 12, 13]] = np.where(np.isnan(truth), 100.0, truth)[:, [2, 3, 12, 13]]
    corner = rng.uniform(0, 200, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 60, (count, 2))], axis=1)
    return guess, truth, boxes, rng.random((count, joints)) < 0.7


def measure(metric: Metric, guess: np.ndarray, truth: np.ndarray, boxes: np.ndarray, visible: np.ndarray) -> Score:
    return score(
        metric,
        (
            (str(i), {"points": g}, {"points": t, "head_box": b, "visible": v})
            for i, (g, t, b, v) in enumerate(zip(guess, truth, boxes, visible, strict=True))
        ),
    )


def hrnet(guess: np.ndarray, truth: np.ndarray, boxes: np.ndarray, threshold: float) -> dict[str, float]:
    """MPII evaluation as in the HRNet repository: joints first, one matrix of scaled errors, masked counts."""
    missing = np.isnan(truth).any(axis=2).T
    error = np.linalg.norm(np.nan_to_num(guess - truth).transpose(1, 2, 0), axis=1)
    head = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1) * 0.6
    scaled = error / head * (1 - missing)
    count = (1 - missing).sum(axis=1)
    rate = 100.0 * ((scaled <= threshold) * (1 - missing)).sum(axis=1) / count
    masked = np.ma.array(rate, mask=False)
    masked.mask[6:8] = True
    total = np.ma.array(count, mask=False)
    total.mask[6:8] = True
    ratio = total / total.sum().astype(np.float64)
    pairs = {"shoulder": (12, 13), "elbow": (11, 14), "wrist": (10, 15), "hip": (2, 3), "knee": (1, 4), "ankle": (0, 5)}
    columns = {name: 0.5 * (masked[a] + masked[b]) for name, (a, b) in pairs.items()}
    return {"head-top": masked[9], "total": float(np.sum(masked * ratio)), **columns}


@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_pckh_agrees_with_a_public_evaluator(threshold: float) -> None:
    guess, truth, boxes, visible = people()
    for column, expected in hrnet(guess, truth, boxes, threshold).items():
        result = measure(pckh(threshold=threshold, joints=column), guess, truth, boxes, visible)
        assert result.value == pytest.approx(expected, abs=1e-10), column


def test_one_person_by_hand() -> None:
    joints = skeleton("mpii16").joints
    truth = np.stack([np.arange(16.0) * 10, np.zeros(16)], axis=1)
    guess = truth.copy()
    head = np.array([0.0, 0.0, 30.0, 40.0])  # diagonal 50, head size 30, limit 15 px
    guess[joints.index("l_wrist")] += (9, 12)  # exactly 15: a hit
    guess[joints.index("r_wrist")] += (9, 12.001)  # a miss
    guess[joints.index("upper_neck")] += (0, 16)  # a miss
    guess[joints.index("pelvis")] += (500, 0)  # not scored
    truth[joints.index("l_knee")] = np.nan  # not annotated
    item = (guess[None], truth[None], head[None], np.ones((1, 16), bool))
    expected = {"wrist": 50.0, "head": 50.0, "head-top": 100.0, "knee": 100.0, "total": 100 * 11 / 13, "l_wrist": 100.0}
    for column, value in expected.items():
        assert measure(pckh(joints=column), *item).value == pytest.approx(value), column
    assert measure(pckh(joints="wrist", strict=True), *item).value == 0.0
    assert measure(pckh(pool="macro"), *item).value == pytest.approx(100 * 11 / 13)  # one person: the same
    assert measure(pckh(threshold=0.499), *item).value == pytest.approx(100 * 10 / 13)


def test_pooled_total_and_macro_mean_differ_with_missing_joints() -> None:
    data = people()
    pooled, macro = (measure(pckh(pool=pool), *data).value for pool in ("pooled", "macro"))
    scored = np.setdiff1d(np.arange(16), [6, 7])
    rates = joint_rates(measure(pckh(), *data).per_sample)[scored]
    assert macro == pytest.approx(rates.mean())
    assert pooled != pytest.approx(macro, abs=1e-3)
    counts = np.isfinite(data[1]).all(axis=2).sum(axis=0)[scored]
    assert pooled == pytest.approx((rates * counts).sum() / counts.sum())


def test_official_head_is_the_mean_of_two_rates() -> None:
    data = people(1)
    parts = [measure(pckh(joints=joint), *data).value for joint in ("upper_neck", "head_top")]
    assert measure(pckh(joints="head"), *data).value == pytest.approx(np.mean(parts))
    assert measure(pckh(joints="head-top"), *data).value == pytest.approx(parts[1])
    assert pckh(joints="head").signature != pckh(joints="head-top").signature


def test_visible_only_is_another_number() -> None:
    guess, truth, boxes, visible = people(2)
    hidden = np.where(visible[..., None], truth, np.nan)
    only, without = (
        measure(pckh(visible=True), guess, truth, boxes, visible).value,
        measure(pckh(), guess, hidden, boxes, visible).value,
    )
    assert only == pytest.approx(without)
    assert only != measure(pckh(), guess, truth, boxes, visible).value


def test_lsp_torso_by_hand() -> None:
    joints = skeleton("lsp14").joints
    truth = np.zeros((14, 2))
    truth[joints.index("l_shoulder")] = (40, 0)
    truth[joints.index("r_hip")] = (0, 30)  # torso 50 px, limit 10 px
    truth[joints.index("l_hip")] = (40, 30)  # side 30 px, limit 6 px
    guess = truth.copy()
    guess[joints.index("r_ankle")] += (6, 8)
    items = [("a", {"points": guess}, {"points": truth})]
    assert score(pck(joints="ankle"), items).value == 100.0
    assert score(pck(joints="ankle", strict=True), items).value == 50.0
    assert score(pck(joints="ankle", normaliser="torso-side"), items).value == 50.0
    assert score(pck(), items).value == 100.0
    assert score(pck(threshold=0.19), items).value == pytest.approx(100 * 13 / 14)
    box = {"points": truth, "box": np.array([0.0, 0.0, 49.0, 10.0])}
    assert score(pck(normaliser="box-max-side"), [("a", {"points": guess}, box)]).value == pytest.approx(100 * 13 / 14)


def mmpose_auc(guess: np.ndarray, truth: np.ndarray, size: np.ndarray) -> float:
    """`keypoint_auc` of mmpose: 20 thresholds i / 20, strict, mean of the joints' accuracies."""
    distances = np.linalg.norm((guess - truth) / size[:, None, None], axis=2).T
    areas = [np.mean([(joint < i / 20).mean() for joint in distances]) for i in range(20)]
    return 100 * sum(area / 20 for area in areas)


def test_auc_conventions() -> None:
    guess, truth, boxes, visible = people(3, 40)
    truth = np.nan_to_num(truth, nan=50.0)
    size = 0.6 * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    data = (guess, truth, boxes, visible)
    grid = np.arange(51) * 0.01
    curve = np.array([measure(pckh(threshold=t), *data).value if t else 0.0 for t in grid])
    official = measure(pckh_auc(), *data).value
    assert official == pytest.approx(np.trapezoid(curve, grid) / 0.5, abs=1e-9)
    strict = np.array([measure(pckh(threshold=t, strict=True, pool="macro"), *data).value if t else 0.0 for t in grid])
    bearpaw = measure(pckh_auc(convention="mean-below-limit", pool="macro"), *data).value
    assert bearpaw == pytest.approx(strict[:-1].mean(), abs=1e-9)
    scored = np.setdiff1d(np.arange(16), [6, 7])
    mmpose = measure(pckh_auc(convention="mmpose-20", limit=1.0, pool="macro"), *data).value
    assert mmpose == pytest.approx(mmpose_auc(guess[:, scored], truth[:, scored], size), abs=1e-9)
    exact = measure(pckh_auc(convention="closed-form"), *data).value
    assert abs(exact - official) < 0.5
    assert len({pckh_auc(convention=name).signature for name in AUC_CONVENTIONS}) == len(AUC_CONVENTIONS)


def test_auc_is_bounded_and_truth_reaches_the_bound_that_the_rule_allows() -> None:
    _, truth, boxes, visible = people(4)
    bounds = {"trapezoid-0.01": 100.0, "closed-form": 100.0, "mean-below-limit": 98.0, "mmpose-20": 95.0}
    for convention, bound in bounds.items():  # strict rules miss a distance of zero at the threshold zero
        assert measure(pckh_auc(convention=convention), truth, truth, boxes, visible).value == pytest.approx(bound)
    assert measure(pckh(), truth, truth, boxes, visible).value == 100.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_invariants(seed: int, threshold: float) -> None:
    guess, truth, boxes, visible = people(seed, 5)
    metric = pckh(threshold=threshold)
    base = measure(metric, guess, truth, boxes, visible)
    assert 0 <= base.value <= 100
    assert measure(pckh(threshold=1.1 * threshold), guess, truth, boxes, visible).value >= base.value
    closer = truth + 0.9 * (guess - truth)
    assert measure(metric, closer, truth, boxes, visible).value >= base.value
    order = np.random.default_rng(seed).permutation(5)
    shuffled = measure(metric, guess[order], truth[order], boxes[order], visible[order])
    assert shuffled.value == pytest.approx(base.value)
    moved = measure(metric, 2 * guess + 7, 2 * truth + 7, 2 * boxes + 7, visible)
    assert moved.value == pytest.approx(base.value, abs=100 / 60)  # one tie may fall to rounding
    mirror = list(skeleton("mpii16").mirror)
    flip = np.array([-1.0, 1.0])
    flipped = measure(metric, (guess * flip)[:, mirror], (truth * flip)[:, mirror], boxes, visible)
    assert flipped.value == pytest.approx(base.value)
    top, bottom = metric.terms(base.per_sample).sum(axis=0)
    assert top / bottom == pytest.approx(base.value)


def test_lost_predictions_are_misses() -> None:
    _, truth, boxes, visible = people(5, 4)
    for value in (np.nan, np.inf, -np.inf, 1e308):
        guess = np.where(np.arange(16)[:, None] == 0, value, truth)
        result = measure(pckh(joints="r_ankle"), guess, truth, boxes, visible)
        assert result.value == 0.0
        assert measure(pckh_auc(joints="r_ankle"), guess, truth, boxes, visible).value == 0.0
        assert measure(pckh(joints="l_ankle"), guess, truth, boxes, visible).value == 100.0


def test_people_without_a_length_are_misses_of_their_annotated_joints_and_named() -> None:
    guess, truth, boxes, visible = people(6, 3)
    truth = np.nan_to_num(truth, nan=40.0)
    truth[1, 0] = np.nan
    boxes[1, 2:] = boxes[1, :2]
    result = measure(pckh(), truth, truth, boxes, visible)
    assert result.failures == {"1": "the head-box is zero or not annotated"}
    assert result.value == pytest.approx(100 * 28 / (28 + 13))
    lsp = np.random.default_rng(0).uniform(0, 100, (14, 2))
    lsp[9] = np.nan
    result = score(pck(), [("a", {"points": lsp}, {"points": lsp})])
    assert list(result.failures) == ["a"]
    assert result.per_sample[0, :, 1].sum() == 13
    lsp[9] = lsp[2] + 1e-4
    assert list(score(pck(), [("a", {"points": lsp}, {"points": lsp})]).failures) == ["a"]
    del guess


def test_unknown_names_and_shapes_are_refused() -> None:
    guess, truth, boxes, visible = people(0, 1)
    bad: list[tuple[Any, dict[str, Any], str]] = [
        (pckh, {"joints": "nose"}, "has no joints 'nose'"),
        (pckh, {"skeleton": "mpii"}, "unknown skeleton"),
        (pck, {"normaliser": "torso"}, "unknown normaliser 'torso'"),
        (pck, {"skeleton": "h36m17"}, "unknown normaliser 'torso-diagonal'"),
        (pckh, {"pool": "mean"}, "field pool"),
        (pckh_auc, {"convention": "simpson"}, "unknown convention"),
        (pckh, {"threshold": 0.0}, "threshold"),
        (pckh, {"threshold": float("nan")}, "threshold"),
    ]
    for factory, options, message in bad:
        with pytest.raises(InputError, match=message):
            factory(**options)
    with pytest.raises(InputError, match="predicted joints"):
        measure(pckh(), guess[:, :15], truth, boxes, visible)
    with pytest.raises(InputError, match="annotated joints"):
        measure(pckh(), guess, truth[:, :15], boxes, visible)
    with pytest.raises(InputError, match="head_box"):
        score(pckh(), [("a", {"points": guess[0]}, {"points": truth[0]})])
    with pytest.raises(InputError, match="visibility"):
        score(pckh(visible=True), [("a", {"points": guess[0]}, {"points": truth[0], "head_box": boxes[0]})])
    nobody = np.full_like(truth, np.nan)
    with pytest.raises(InputError, match="no sample has annotated"):
        measure(pckh(), guess, nobody, boxes, visible)


@pytest.mark.parametrize("name", ["mpii16", "lsp14", "h36m17", "coco17", "openpose18"])
def test_skeletons_are_consistent(name: str) -> None:
    table = skeleton(name)
    count = len(table.joints)
    assert len(set(table.joints)) == count == len(table.parents) == len(table.mirror)
    mirror = np.array(table.mirror)
    np.testing.assert_array_equal(mirror[mirror], np.arange(count))
    swap = {"l": "r", "r": "l"}
    for joint, other in enumerate(table.mirror):
        side, _, rest = table.joints[joint].partition("_")
        expected = f"{swap[side]}_{rest}" if side in swap else table.joints[joint]
        assert table.joints[other] == expected
        parent = table.parents[joint]
        assert (table.parents[other] == mirror[parent]) if parent >= 0 else other == joint
    assert table.parents.count(-1) == 1
    for joint in range(count):  # every joint reaches the root
        steps = 0
        while table.parents[joint] >= 0:
            joint, steps = table.parents[joint], steps + 1
            assert steps < count
    for members in table.groups.values():
        assert len(set(members)) == len(members)
        assert all(0 <= member < count for member in members)
    for column in COLUMNS[1:] if "shoulder" in table.groups else ():
        first, second = table.group(column)
        assert mirror[first] == second
        assert column in table.joints[first]
    for first, second in table.segments.values():
        assert table.joints[first] == "l_shoulder"
        assert table.joints[second].endswith("_hip")


def test_signatures_tell_every_choice_apart() -> None:
    metrics = [
        pck(),
        pck(threshold=0.1),
        pck(normaliser="torso-side"),
        pck(pool="macro"),
        pck(strict=True),
        pck(joints="head"),
        pck(visible=True),
        pck_auc(),
        pckh(),
        pckh_auc(),
        pck_auc(limit=0.1),
    ]
    assert len({metric.signature for metric in metrics}) == len(metrics)
    assert (
        pckh().signature == "pck|joints:mpii16/total|norm:0.6*head-box-diagonal|pool:pooled|threshold:0.5|hit:d<=t|v:1"
    )
