"""COCO matching and accumulation: against pycocotools image by image, against plain twins, and by hand."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from core_eval import InputError, UnscorableError
from core_eval._detection_naive import accumulate_naive, match_naive
from core_eval.average_precision import AREAS, STATISTICS, accumulate, match, statistic, summarise
from core_eval.candidates import Candidates, box_overlaps, gather

AREA_NAMES = {"bbox": ("all", "small", "medium", "large"), "keypoints": ("all", "medium", "large")}


@contextlib.contextmanager
def silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def boxes_of(rng: np.random.Generator, count: int) -> np.ndarray:
    """Boxes on a coarse grid, so that equal boxes, equal overlaps and areas on the limits of the ranges are common."""
    return np.concatenate(
        [rng.integers(0, 4, (count, 2)) * 16.0, rng.choice([16, 32, 48, 96, 128], (count, 2))], axis=1
    )


def scene(rng: np.random.Generator, images: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Annotations and results in COCO's form: crowds, tied scores, empty images, more detections than objects."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        objects = boxes_of(rng, rng.integers(0, 5))
        for box in objects:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": box.tolist(),
                    "area": float(rng.choice([box[2] * box[3], 1024, 9216, 0, 500])),
                    "iscrowd": int(rng.random() < 0.2),
                }
            )
        fresh = boxes_of(rng, rng.integers(0, 5))
        copied = objects[rng.integers(0, max(len(objects), 1), rng.integers(0, 5))] if len(objects) else fresh[:0]
        for box in rng.permutation(np.concatenate([fresh, copied])):
            results.append(
                {
                    "id": len(results) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": box.tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": 0,
                    "score": float(rng.choice([0.1, 0.5, 0.5, 0.9, rng.random()])),
                }
            )
    return annotations, results


def dataset(annotations: list[dict[str, Any]], images: int) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(1, images + 1)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": annotations,
    }
    with silence():
        coco.createIndex()
    return coco


def evaluated(truth: COCO, results: COCO, kind: str, limit: int) -> COCOeval:
    evaluation = COCOeval(truth, results, kind)
    evaluation.params.maxDets = [limit]
    with silence():
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def assert_same(candidates: Candidates, evaluation: COCOeval, kind: str, limit: int) -> None:
    """Every image's outcome at every threshold, then the curves."""
    images = len(candidates.objects_of) - 1
    for index, area in enumerate(AREA_NAMES[kind]):
        contributions = match(candidates, area=area, max_detections=limit)
        for n in range(images):
            theirs = evaluation.evalImgs[index * images + n]
            rows = contributions[n, 1:]
            if theirs is None:
                assert (contributions[n, 0] == 0).all()
                assert (rows == -1).all()
                continue
            count = len(theirs["dtScores"])
            assert contributions[n, 0, :2].tolist() == [np.count_nonzero(theirs["gtIgnore"] == 0), count]
            assert rows[:count, 0].tolist() == theirs["dtScores"]
            expected = np.where(theirs["dtIgnore"], -1, theirs["dtMatches"] > 0).T
            np.testing.assert_array_equal(rows[:count, 1:], expected)
            assert (rows[count:] == -1).all()
        precision, recall = (evaluation.eval[key][..., 0, index, 0] for key in ("precision", "recall"))
        if (precision == -1).all():
            with pytest.raises(UnscorableError):
                accumulate(contributions)
        else:
            ours = accumulate(contributions)
            np.testing.assert_allclose(ours[0], precision, rtol=0, atol=1e-12)
            np.testing.assert_allclose(ours[1], recall, rtol=0, atol=1e-12)


def box_candidates(annotations: list[dict[str, Any]], results: list[dict[str, Any]], images: int) -> Candidates:
    def rows(records: list[dict[str, Any]], key: str, tail: tuple[int, ...] = ()) -> list[np.ndarray]:
        groups: list[list[Any]] = [[] for _ in range(images)]
        for record in records:
            groups[record["image_id"] - 1].append(record[key])
        return [np.array(group, dtype=float).reshape(-1, *tail) for group in groups]

    objects, detections, crowd = (
        rows(annotations, "bbox", (4,)),
        rows(results, "bbox", (4,)),
        rows(annotations, "iscrowd"),
    )
    tables = [box_overlaps(d, g, c > 0) for d, g, c in zip(detections, objects, crowd, strict=True)]
    crowds = np.concatenate(crowd) > 0
    return Candidates(
        np.cumsum([0, *map(len, detections)]),
        np.cumsum([0, *map(len, objects)]),
        np.concatenate([table.ravel() for table in tables]),
        np.concatenate(rows(results, "score")),
        np.concatenate(rows(results, "area")),
        np.concatenate(rows(annotations, "area")),
        crowds,
        crowds,
    )


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("seed", range(8))
def test_three_thousand_small_images_equal_pycocotools(seed: int, limit: int) -> None:
    """8 x 3 x 125 images of boxes: crowds, ties of scores and of overlaps, limits of areas, images without anything."""
    rng, images = np.random.default_rng([seed, limit]), 125
    annotations, results = scene(rng, images)
    candidates = box_candidates(annotations, results, images)
    evaluation = evaluated(dataset(annotations, images), dataset(results, images), "bbox", limit)
    assert_same(candidates, evaluation, "bbox", limit)


def test_box_overlaps_equal_pycocotools() -> None:
    rng = np.random.default_rng(0)
    detections, objects = rng.uniform(0, 50, (40, 4)), np.concatenate([rng.uniform(0, 50, (30, 4)), np.zeros((1, 4))])
    crowd = rng.random(31) < 0.3
    theirs = coco_mask.iou(detections, objects, crowd.astype(np.uint8))
    np.testing.assert_allclose(box_overlaps(detections, objects, crowd), theirs, atol=1e-14)
    assert box_overlaps(detections[:0], objects, crowd).shape == (0, 31)


@st.composite
def scenes(draw: st.DrawFn) -> Candidates:
    """Images with similarities from a few values, so that ties are everywhere."""
    shapes = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=4))
    level = st.sampled_from([0.0, 0.3, 0.5, 0.55, 0.75, 0.8, 0.9, 0.95, 1.0])
    detections, objects = (sum(column) for column in zip(*shapes, strict=True))
    pairs = sum(d * g for d, g in shapes)

    def values(strategy: st.SearchStrategy[Any], size: int, kind: type = float) -> np.ndarray:
        return np.array(draw(st.lists(strategy, min_size=size, max_size=size)), dtype=kind)

    area = st.sampled_from([0.0, 100.0, 1024.0, 5000.0, 9216.0, 20000.0])
    crowd = values(st.sampled_from([False, False, True]), objects, bool)
    return Candidates(
        np.cumsum([0, *(d for d, _ in shapes)]),
        np.cumsum([0, *(g for _, g in shapes)]),
        values(level, pairs),
        values(st.sampled_from([0.1, 0.5, 0.9]), detections),
        values(area, detections),
        values(area, objects),
        values(st.booleans(), objects, bool) | crowd,
        crowd,
        values(level, pairs),
    )


@settings(max_examples=150, deadline=None)
@given(scenes(), st.sampled_from(sorted(AREAS)), st.integers(1, 4), st.sampled_from(["coco", "densepose"]))
def test_the_compiled_matching_agrees_with_its_plain_twin(
    candidates: Candidates, area: str, limit: int, rules: Any
) -> None:
    fast = match(candidates, area=area, max_detections=limit, rules=rules)
    np.testing.assert_array_equal(fast, match_naive(candidates, area=area, max_detections=limit, rules=rules))
    if fast[:, 0, 0].any():
        for ours, naive in zip(accumulate(fast), accumulate_naive(fast), strict=True):
            np.testing.assert_allclose(ours, naive, rtol=1e-12)


def table(similarity: list[list[float]], scores: list[float], **choices: Any) -> Candidates:
    """One image with areas in the medium range."""
    values = np.array(similarity, dtype=float).reshape(len(scores), -1)
    objects = values.shape[1]
    options: dict[str, Any] = {
        "detection_areas": np.full(len(scores), 2000.0),
        "areas": np.full(objects, 2000.0),
        "ignored": np.zeros(objects, bool),
        "crowd": np.zeros(objects, bool),
    }
    return Candidates.single(values, np.array(scores), **(options | choices))


def outcome(candidates: Candidates, **choices: Any) -> np.ndarray:
    """(D, T) outcomes of the first image."""
    contributions = match(candidates, **choices)[0]
    return contributions[1 : 1 + int(contributions[0, 1]), 1:]


def test_by_hand_one_hit_one_miss_and_one_false_alarm() -> None:
    """Two objects; the better detection hits one up to 0.75, the other hits nothing.

    Thresholds 0.50 to 0.75 (six): recall 1/2 with precision 1 at the 51 levels 0 to 0.50, then 0. Above: all zero.
    """
    candidates = table([[0.77, 0.1], [0.2, 0.3]], [0.9, 0.8])
    assert outcome(candidates)[0].tolist() == [1] * 6 + [0] * 4
    summary = summarise(candidates)
    assert summary["AP"] == pytest.approx(0.6 * 51 / 101)
    assert summary["AP50"] == summary["AP75"] == pytest.approx(51 / 101)
    assert summary["AR"] == pytest.approx(0.6 * 0.5)
    assert summary["APM"] == summary["AP"]
    assert summary["APL"] is None


def test_by_hand_a_false_alarm_with_a_higher_score_halves_the_precision() -> None:
    assert summarise(table([[0.0], [1.0]], [0.9, 0.8]))["AP"] == pytest.approx(0.5)
    assert summarise(table([[0.0], [1.0]], [0.8, 0.9]))["AP"] == pytest.approx(1.0)


def test_the_better_score_chooses_first_and_the_last_of_equal_objects_is_taken() -> None:
    candidates = table([[0.6, 0.6], [0.0, 0.9]], [0.9, 0.8])
    assert outcome(candidates)[:, 0].tolist() == [1, 0]  # the first detection took the second object
    assert outcome(table([[0.6, 0.6], [0.9, 0.0]], [0.9, 0.8]))[:, 0].tolist() == [1, 1]


def test_a_tie_of_scores_keeps_the_order_of_detections_and_of_images() -> None:
    assert outcome(table([[0.6], [0.9]], [0.5, 0.5]))[:, 0].tolist() == [1, 0]
    hit, alarm = match(table([[1.0]], [0.5])), match(table([[]], [0.5]))
    assert statistic(np.concatenate([hit, alarm]), "AP") == pytest.approx(1.0)
    assert statistic(np.concatenate([alarm, hit]), "AP") == pytest.approx(0.5)


def test_a_crowd_absorbs_any_number_of_detections_but_an_ignored_object_only_one() -> None:
    two = [[0.9], [0.9]]
    flags = {"crowd": np.array([True]), "ignored": np.array([True])}
    assert (outcome(table(two, [0.9, 0.8], **flags)) == -1)[:, 0].tolist() == [True, True]
    flags["crowd"] = np.array([False])
    assert outcome(table(two, [0.9, 0.8], **flags))[:, 0].tolist() == [-1, 0]


def test_an_object_that_counts_is_preferred_to_a_more_similar_ignored_one() -> None:
    flags = {"ignored": np.array([True, False])}
    assert outcome(table([[1.0, 0.6]], [0.9], **flags))[0].tolist() == [1, 1, 1] + [-1] * 7


def test_only_the_best_detections_of_an_image_count() -> None:
    candidates = table([[0.0], [0.0], [1.0]], [0.9, 0.8, 0.7])
    assert summarise(candidates, max_detections=2)["AR"] == 0
    assert summarise(candidates, max_detections=3)["AR"] == 1


def test_areas_outside_the_range_count_neither_way() -> None:
    candidates = table([[0.0, 1.0]], [0.9], areas=np.array([2000.0, 20000.0]), detection_areas=np.array([20000.0]))
    assert outcome(candidates, area="medium")[0, 0] == -1  # it chose the large object
    assert outcome(candidates, area="large")[0, 0] == 1
    alone = table([[0.0]], [0.9], detection_areas=np.array([20000.0]))
    assert outcome(alone, area="medium")[0, 0] == -1  # it chose nothing and is itself too large
    assert outcome(alone, area="all")[0, 0] == 0


def test_densepose_rules_by_hand() -> None:
    nobody = table([[0.0]], [0.9], ignored=np.array([True]), box_overlaps=np.array([[0.0]]))
    assert outcome(nobody)[0, 0] == 0
    assert outcome(nobody, rules="densepose")[0, 0] == -1  # an image without an object that counts
    # a detection on an unannotated person is forgiven if the boxes agree, a second one is not
    choices = {"ignored": np.array([True, False]), "box_overlaps": np.array([[0.85, 0.0], [0.95, 0.0], [0.0, 0.9]])}
    crowd = table([[0, 0.1], [0, 0.1], [0, 0.6]], [0.9, 0.8, 0.7], **choices)
    assert outcome(crowd, rules="densepose")[:, 0].tolist() == [-1, 0, 1]
    assert outcome(crowd, rules="coco")[:, 0].tolist() == [0, 0, 1]


@settings(max_examples=60, deadline=None)
@given(scenes(), st.randoms(use_true_random=False))
def test_what_must_hold_of_every_scene(candidates: Candidates, random: Any) -> None:
    contributions = match(candidates)
    if not contributions[:, 0, 0].any():
        assert summarise(candidates)["AP"] is None
        return
    summary = {name: value for name, value in summarise(candidates).items() if value is not None}
    assert all(0 <= value <= 1 for value in summary.values())
    precision, recall = accumulate(contributions)
    assert (np.diff(precision, axis=1) <= 1e-12).all()
    assert (precision[:, 1:].max(axis=1) <= 1 + 1e-12).all()
    assert ((precision > 0).sum(axis=1) <= np.floor(recall * 100 + 1e-9) + 1).all()  # nothing beyond the final recall

    # scores matter by their order alone, images by their ties alone
    contributions[:, 1:, 0] = 3 * contributions[:, 1:, 0] + 7
    np.testing.assert_array_equal(accumulate(contributions)[0], precision)
    rows = np.repeat(np.arange(len(contributions)), 2)
    doubled = contributions[rows].copy()
    doubled[:, 1:, 0] += np.arange(len(doubled))[:, None] * 1e-9  # no ties between images any more
    order = list(range(len(doubled)))
    random.shuffle(order)
    np.testing.assert_array_equal(accumulate(doubled)[0], accumulate(doubled[order])[0])


def test_contributions_of_resampled_images_are_those_of_a_resampled_data_set() -> None:
    """What makes a bootstrap over images exact: match once, draw rows, accumulate."""
    rng, images = np.random.default_rng(3), 40
    annotations, results = scene(rng, images)
    contributions = match(box_candidates(annotations, results, images))
    drawn = rng.integers(0, images, images)
    redrawn: tuple[list[Any], list[Any]] = ([], [])
    for new, old in enumerate(drawn, start=1):
        for source, copies in zip((annotations, results), redrawn, strict=True):
            for record in source:
                if record["image_id"] == old + 1:
                    copies.append(record | {"image_id": new, "id": len(copies) + 1})
    evaluation = evaluated(dataset(redrawn[0], images), dataset(redrawn[1], images), "bbox", 20)
    np.testing.assert_allclose(accumulate(contributions[drawn])[0], evaluation.eval["precision"][..., 0, 0, 0])
    assert not np.allclose(accumulate(contributions)[0], evaluation.eval["precision"][..., 0, 0, 0])


def test_perfect_detections_have_all_numbers_at_one() -> None:
    sizes = np.array([2000.0, 20000.0])
    perfect = table(np.eye(2).tolist(), [0.5, 0.9], areas=sizes, detection_areas=sizes)
    assert set(summarise(perfect)) == set(STATISTICS)
    assert all(value == pytest.approx(1, abs=1e-12) for value in summarise(perfect).values())
    none, flags = np.zeros(0), np.zeros(2, bool)
    nothing = Candidates.single(np.zeros((0, 2)), none, detection_areas=none, areas=sizes, ignored=flags, crowd=flags)
    assert all(value == 0 for value in summarise(nothing).values())


def test_bad_input_is_refused() -> None:
    good = table([[0.5]], [0.9])
    with pytest.raises(InputError):
        match(good, area="tiny")
    with pytest.raises(InputError):
        match(good, max_detections=0)
    with pytest.raises(InputError):
        match(good, rules="densepose")
    for field, value in (
        ("scores", np.array([np.nan])),
        ("similarity", np.array([np.inf])),
        ("areas", np.array([-1.0])),
        ("crowd", np.zeros(2, bool)),
        ("objects_of", np.array([0])),
    ):
        values = {name: getattr(good, name) for name in Candidates.__slots__} | {field: value}
        with pytest.raises(InputError):
            Candidates(**values)
    with pytest.raises(InputError):
        Candidates.single(
            np.zeros((2, 1)),
            np.zeros(1),
            detection_areas=np.ones(1),
            areas=np.ones(1),
            ignored=np.zeros(1, bool),
            crowd=np.zeros(1, bool),
        )


def test_gather_reads_ragged_and_padded_rows() -> None:
    items = [
        {"boxes": np.ones((2, 4))},
        {"boxes": np.full((5, 4), 2.0), "count": np.array(1)},
        {"boxes": np.zeros((0, 4))},
    ]
    rows, starts = gather(items, "boxes", (4,), side="predicted")
    assert starts.tolist() == [0, 2, 3, 3]
    assert rows[:, 0].tolist() == [1, 1, 2]
    for bad in (
        {"boxes": np.ones((2, 3))},
        {"boxes": np.ones(4)},
        {},
        {"boxes": np.ones((2, 4)), "count": np.array(3)},
    ):
        with pytest.raises(InputError):
            gather([bad], "boxes", (4,), side="predicted")
