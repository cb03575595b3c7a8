"""Object key point similarity and its AP: against pycocotools on thousands of images, a plain twin, and by hand."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from core_eval import Arrays, InputError, bootstrap, score, scores
from core_eval._detection_naive import oks_naive
from core_eval.average_precision import STATISTICS, accumulate, match, summarise
from core_eval.oks import SIGMAS, oks, oks_candidates, oks_metric
from core_eval.plugin import METRICS

NAMES = ["AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL"]


def person(rng: np.random.Generator) -> dict[str, Any]:
    """One annotated person with some points not labelled (all of them, now and then)."""
    box = np.array([*rng.uniform(0, 200, 2), *rng.uniform(20, 150, 2)])
    points = box[:2] + rng.random((17, 2)) * box[2:]
    points[rng.random(17) < rng.choice([0.0, 0.5, 1.0], p=[0.3, 0.5, 0.2])] = np.nan
    area = rng.choice([box[2] * box[3] * 0.6, 1024.0, 9216.0])
    return {"points": points, "boxes": box, "areas": area, "crowd": rng.random() < 0.15}


def detection(rng: np.random.Generator, persons: list[dict[str, Any]]) -> dict[str, Any]:
    """A noisy copy, an exact copy, one with some points far off (its OKS is an exact fraction), or a stray."""
    points = rng.uniform(0, 350, (17, 2))
    if persons and rng.random() < 0.85:
        chosen = persons[rng.integers(len(persons))]
        known = np.isfinite(chosen["points"]).all(axis=1)
        noise = rng.choice([0.0, 2.0, 8.0, 30.0]) * rng.normal(size=(17, 2)) + 1e6 * (rng.random((17, 1)) < 0.2)
        points = np.where(known[:, None], chosen["points"] + noise, points)
    return {"points": points, "scores": float(rng.choice([0.2, 0.5, 0.5, 0.8, rng.random()]))}


def stacked(rows: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {key: np.array([row[key] for row in rows]).reshape(-1, *tail) for key, tail in shapes.items()}


def scene(rng: np.random.Generator, images: int) -> tuple[list[Arrays], list[Arrays]]:
    predictions, targets = [], []
    for _ in range(images):
        persons = [person(rng) for _ in range(rng.integers(0, 4))]
        found = [detection(rng, persons) for _ in range(rng.integers(0, 6))]
        found += [dict(row) for row in found[: rng.integers(0, 2)]]  # the same detection twice
        predictions.append(stacked(found, {"points": (17, 2), "scores": ()}))
        targets.append(stacked(persons, {"points": (17, 2), "boxes": (4,), "areas": (), "crowd": ()}))
    return predictions, targets


def coco_evaluation(predictions: list[Arrays], targets: list[Arrays], limit: int = 20) -> COCOeval:
    """pycocotools on the same data, results loaded by its own `loadRes`."""
    annotations, results = [], []
    for image, (prediction, target) in enumerate(zip(predictions, targets, strict=True), start=1):
        for points, box, area, crowd in zip(*(target[k] for k in ("points", "boxes", "areas", "crowd")), strict=True):
            labelled = np.isfinite(points).all(axis=1)
            triples = np.column_stack([np.where(labelled[:, None], points, 0), 2 * labelled])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": triples.ravel().tolist(),
                    "num_keypoints": int(labelled.sum()),
                    "bbox": box.tolist(),
                    "area": float(area),
                    "iscrowd": int(crowd),
                }
            )
        for points, confidence in zip(prediction["points"], prediction["scores"], strict=True):
            triples = np.column_stack([points, np.ones(17)]).ravel().tolist()
            results.append({"image_id": image, "category_id": 1, "keypoints": triples, "score": float(confidence)})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": image} for image in range(1, len(targets) + 1)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.params.maxDets = [limit]
        evaluation.evaluate()
        evaluation.accumulate()
        if limit == 20:
            evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("limit", [2, 20])
@pytest.mark.parametrize("seed", range(8))
def test_two_thousand_images_equal_pycocotools(seed: int, limit: int) -> None:
    """8 x 2 x 125 images: similarities, outcome of every detection at every threshold, curves, the ten numbers."""
    predictions, targets = scene(np.random.default_rng([seed, limit]), 125)
    evaluation = coco_evaluation(predictions, targets, limit)
    candidates = oks_candidates(predictions, targets)
    pair = 0
    for n in range(125):
        shape = (len(predictions[n]["scores"]), len(targets[n]["areas"]))
        ours = candidates.similarity[pair : pair + shape[0] * shape[1]].reshape(shape)
        pair += ours.size
        order = np.argsort(-predictions[n]["scores"], kind="stable")[:limit]
        theirs = evaluation.ious[n + 1, 1]
        if ours.size:
            np.testing.assert_allclose(ours[order], theirs, rtol=0, atol=1e-14)
    for index, area in enumerate(("all", "medium", "large")):
        contributions = match(candidates, area=area, max_detections=limit)
        for n in range(125):
            theirs = evaluation.evalImgs[index * 125 + n]
            count = int(contributions[n, 0, 1])
            if theirs is None:
                assert contributions[n, 0, :2].tolist() == [0, 0]
                continue
            expected = np.where(theirs["dtIgnore"], -1, theirs["dtMatches"] > 0).T
            np.testing.assert_array_equal(contributions[n, 1 : 1 + count, 1:], expected)
        precision, recall = accumulate(contributions)
        np.testing.assert_allclose(precision, evaluation.eval["precision"][..., 0, index, 0], rtol=0, atol=1e-10)
        np.testing.assert_allclose(recall, evaluation.eval["recall"][:, 0, index, 0], rtol=0, atol=1e-10)
    if limit == 20:
        summary = summarise(candidates)
        np.testing.assert_allclose([summary[name] for name in NAMES], evaluation.stats, rtol=0, atol=1e-10)


def test_the_metric_scores_sample_by_sample_what_pycocotools_scores_at_once() -> None:
    predictions, targets = scene(np.random.default_rng(9), 60)
    evaluation = coco_evaluation(predictions, targets)
    metrics = [METRICS["oks"](name, statistic=name) for name in NAMES]
    results = scores(metrics, ((str(n), *pair) for n, pair in enumerate(zip(predictions, targets, strict=True))))
    ours = [results[name].value for name in NAMES]
    np.testing.assert_allclose(ours, 100 * evaluation.stats, rtol=0, atol=1e-10)
    assert not any(results[name].failures for name in NAMES)


def test_sigmas_are_those_of_pycocotools() -> None:
    np.testing.assert_allclose(SIGMAS["coco17"], Params(iouType="keypoints").kpt_oks_sigmas, rtol=0, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_similarity_agrees_with_its_plain_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    persons = [person(rng) for _ in range(3)]
    detected = np.array([detection(rng, persons)["points"] for _ in range(4)])
    truth = stacked(persons, {"points": (17, 2), "boxes": (4,), "areas": ()})
    ours = oks(detected, truth["points"], truth["areas"], truth["boxes"], SIGMAS["coco17"])
    naive = [
        [oks_naive(d, row["points"], row["areas"], row["boxes"], SIGMAS["coco17"]) for row in persons] for d in detected
    ]
    np.testing.assert_allclose(ours, naive, rtol=1e-12)

    # translation; scale with the square root of the area; order of the points
    shift, factor, order = rng.normal(size=2) * 10, rng.uniform(0.5, 2), rng.permutation(17)
    moved = oks(
        factor * detected[:, order] + shift,
        factor * truth["points"][:, order] + shift,
        factor**2 * truth["areas"],
        np.concatenate([factor * truth["boxes"][:, :2] + shift, factor * truth["boxes"][:, 2:]], axis=1),
        np.array(SIGMAS["coco17"])[order],
    )
    np.testing.assert_allclose(moved, ours, rtol=1e-9, atol=1e-12)
    assert ((ours >= 0) & (ours <= 1)).all()


def test_by_hand() -> None:
    """One point, sigma 0.1, area 2500: at distance 10 = 0.2 x 50 the exponent is -1/2."""
    points, box = np.array([[[30.0, 40.0]]]), np.array([[0.0, 0.0, 50.0, 50.0]])
    found = np.array([[[36.0, 48.0]]])
    assert oks(found, points, np.array([2500.0]), box, [0.1])[0, 0] == pytest.approx(np.exp(-0.5), rel=1e-12)
    # without a label: inside the threefold box (-50..100) the similarity is 1, 10 px to its right as above
    nothing = np.full((1, 1, 2), np.nan)
    for x, expected in ((100.0, 1.0), (-50.0, 1.0), (110.0, np.exp(-0.5)), (-60.0, np.exp(-0.5))):
        value = oks(np.array([[[x, 0.0]]]), nothing, np.array([2500.0]), box, [0.1])
        assert value[0, 0] == pytest.approx(expected, rel=1e-12)


def test_padding_and_boxes() -> None:
    rng = np.random.default_rng(1)
    (prediction,), (target,) = ([side[0]] for side in scene(rng, 1))
    while not len(prediction["scores"]) or not len(target["areas"]):
        (prediction,), (target,) = ([side[0]] for side in scene(rng, 1))
    padded: dict[str, np.ndarray] = {
        key: np.concatenate([array, np.full((3, *array.shape[1:]), np.nan)]) for key, array in prediction.items()
    }
    padded["count"] = np.array(len(prediction["scores"]))
    same = oks_candidates([padded], [target])
    plain = oks_candidates([prediction], [target])
    for name in ("similarity", "scores", "detection_areas"):
        np.testing.assert_array_equal(getattr(same, name), getattr(plain, name))
    tall = np.tile([0.0, 0.0, 10.0, 30.0], (len(prediction["scores"]), 1))
    boxed = oks_candidates([{**prediction, "boxes": tall}], [target])
    assert (boxed.detection_areas == 300).all()
    with pytest.raises(InputError) as error:
        oks_candidates([{key: padded[key] for key in ("points", "scores")}], [target])
    assert error.value.field == "points"


def test_a_bootstrap_over_images_brackets_the_value() -> None:
    predictions, targets = scene(np.random.default_rng(2), 80)
    metric = oks_metric()
    result = score(metric, ((str(n), *pair) for n, pair in enumerate(zip(predictions, targets, strict=True))))
    interval = bootstrap(
        result.per_sample[None],
        [f"video {n // 2}" for n in range(80)],
        metric.reduce,
        np.random.default_rng(0),
        replicates=100,
    )
    assert interval.value == result.value
    assert 0 < interval.low < result.value < interval.high < 100


def test_signatures_differ_wherever_the_number_does() -> None:
    metrics = [oks_metric(statistic=name) for name in STATISTICS] + [oks_metric(max_detections=100)]
    assert len({metric.signature for metric in metrics}) == len(metrics)
    assert {metric.unit for metric in metrics} == {"percent"}
    assert oks_metric(statistic="AP50").per_sample == oks_metric(statistic="AR").per_sample  # computed once for both


@pytest.mark.parametrize(
    ("side", "field", "value"),
    [
        ("prediction", "points", np.zeros((2, 16, 2))),
        ("prediction", "points", np.zeros((1, 17, 2))),
        ("prediction", "points", np.full((2, 17, 2), np.inf)),
        ("prediction", "scores", np.array([np.nan, 1.0])),
        ("prediction", "scores", np.zeros((2, 1))),
        ("prediction", "boxes", np.zeros((1, 4))),
        ("prediction", "boxes", np.full((2, 4), np.nan)),
        ("prediction", "count", np.array(5)),
        ("prediction", "count", np.array(-1)),
        ("target", "points", np.full((1, 17, 2), np.inf)),
        ("target", "areas", np.array([-1.0])),
        ("target", "areas", np.array([np.nan])),
        ("target", "boxes", np.array([[0.0, 0.0, -1.0, 5.0]])),
        ("target", "boxes", np.zeros((2, 4))),
        ("target", "crowd", np.zeros(2, bool)),
        ("target", "crowd", None),
        ("prediction", "scores", None),
    ],
)
def test_bad_arrays_are_refused_by_name(side: str, field: str, value: np.ndarray | None) -> None:
    arrays: dict[str, dict[str, np.ndarray]] = {
        "prediction": {"points": np.zeros((2, 17, 2)), "scores": np.zeros(2)},
        "target": {
            "points": np.zeros((1, 17, 2)),
            "areas": np.ones(1),
            "boxes": np.ones((1, 4)),
            "crowd": np.zeros(1, bool),
        },
    }
    oks_candidates([arrays["prediction"]], [arrays["target"]])
    if value is None:
        del arrays[side][field]
    else:
        arrays[side][field] = value
    with pytest.raises(InputError) as error:
        oks_candidates([arrays["prediction"]], [arrays["target"]])
    assert error.value.field in {field, "scores"}


def test_unknown_choices_are_refused() -> None:
    for options in ({"statistic": "APS"}, {"layout": "body25"}):
        with pytest.raises(InputError):
            oks_metric(**options)
    with pytest.raises(InputError):
        oks_candidates([], [])
    for sigmas in ([0.1, 0.0], [0.1, np.nan], [[0.1]]):
        with pytest.raises(InputError):
            oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.ones(1), np.ones((1, 4)), sigmas)
