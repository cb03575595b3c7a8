"""Geodesic point similarity, its AP and the mask variant: plain twins, pycocotools' masks, known values, hand cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from core_eval import InputError, score, scores
from core_eval._detection_naive import accumulate_naive, gps_naive, match_naive
from core_eval.average_precision import STATISTICS
from core_eval.candidates import Candidates, box_overlaps
from core_eval.detection_maps import mask_overlaps, read_maps, read_masks
from core_eval.gps import DENSEPOSE_KAPPAS, gps_candidates, gps_metric, gpsm_metric
from core_eval.plugin import METRICS
from core_eval.surface import ChartSurface

Image = tuple[dict[str, Any], dict[str, Any]]


def person(surface: ChartSurface, rng: np.random.Generator, size: np.ndarray) -> dict[str, Any]:
    """An annotated person, a crowd or a person without dense annotation; areas on the limits of the ranges."""
    box = np.array([*rng.uniform(-5, size - 10), *rng.uniform(15, 120, 2)])
    points, vertices = np.full((20, 2), np.nan), np.full(20, -1)
    crowd = rng.random() < 0.1
    if not crowd and rng.random() < 0.8:
        count = rng.integers(1, 21)
        points[:count] = box[:2] + rng.random((count, 2)) * box[2:]
        vertices[:count] = rng.integers(0, len(surface.part), count)
    mask = np.zeros(size[::-1], bool)
    mask[max(int(box[1]), 0) : int(box[1] + 0.9 * box[3]), max(int(box[0]), 0) : int(box[0] + 0.9 * box[2])] = True
    area = rng.choice([0.7 * box[2] * box[3], 1024.0, 9216.0])
    return {
        "surface_points": points,
        "surface_vertices": vertices,
        "boxes": box,
        "areas": area,
        "crowd": crowd,
        "masks": mask,
    }


def detection(surface: ChartSurface, rng: np.random.Generator, persons: list[dict[str, Any]]) -> dict[str, Any]:
    """A map of random charts and coordinates; near a person it is right at some of the points."""
    chosen = persons[rng.integers(len(persons))] if persons and rng.random() < 0.8 else None
    box = np.array([*rng.uniform(0, 60, 2), *rng.uniform(0.5, 100, 2)])
    if chosen is not None:
        box = chosen["boxes"] + rng.choice([0, 0.3, 3.0]) * rng.normal(size=4)
        box[2:] = np.maximum(box[2:], 0.5)
    width, height = (max(int(extent), 1) for extent in box[2:])
    cells = np.zeros((130, 130, 3), np.uint8)
    cells[:height, :width, 0] = rng.integers(1, surface.charts + 1) * (rng.random((height, width)) < 0.8)
    cells[:height, :width, 1:] = rng.integers(0, 256, 2)
    if chosen is not None:
        noise, hits = rng.choice([0, 0.05, 0.3]), rng.choice([1.0, 0.8, 0.5])
        for point, vertex in zip(chosen["surface_points"], chosen["surface_vertices"], strict=True):
            if vertex >= 0 and rng.random() < hits:
                column, row = (point - box[:2]).astype(int)
                if 0 <= column < width and 0 <= row < height:
                    place = np.clip(surface.uv[vertex] + noise * rng.normal(size=2), 0, 1)
                    cells[row, column] = surface.part[vertex], *np.rint(255 * place).astype(int)
    return {"boxes": box, "iuv": cells, "sizes": np.array([height, width]), "scores": rng.choice([0.1, 0.5, 0.9])}


def stacked(rows: list[dict[str, Any]], shapes: dict[str, tuple[tuple[int, ...], Any]]) -> dict[str, Any]:
    return {
        key: np.array([row[key] for row in rows], dtype=kind).reshape(len(rows), *tail)
        for key, (tail, kind) in shapes.items()
    }


def image(surface: ChartSurface, rng: np.random.Generator) -> Image:
    size = rng.integers(60, 160, 2)
    persons = [person(surface, rng, size) for _ in range(rng.integers(0, 4))]
    found = [detection(surface, rng, persons) for _ in range(rng.integers(0, 6))]
    prediction = stacked(
        found,
        {
            "scores": ((), np.float64),
            "boxes": ((4,), np.float64),
            "iuv": ((130, 130, 3), np.uint8),
            "sizes": ((2,), np.int64),
        },
    )
    target = stacked(
        persons,
        {
            "surface_points": ((20, 2), np.float64),
            "surface_vertices": ((20,), np.int64),
            "boxes": ((4,), np.float64),
            "areas": ((), np.float64),
            "crowd": ((), np.bool_),
            "masks": ((size[1], size[0]), np.bool_),
        },
    )
    return prediction, target


def images(surface: ChartSurface, seed: int, count: int) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [image(surface, rng) for _ in range(count)]


def pasted(prediction: dict[str, Any], height: int, width: int) -> list[np.ndarray]:
    """Foreground masks in the image, as the public evaluators paste them."""
    masks = []
    for (x, y, w, h), (rows, columns), cells in zip(
        *(prediction[key] for key in ("boxes", "sizes", "iuv")), strict=True
    ):
        mask = np.zeros((height, width), np.uint8)
        x0, y0 = int(x), int(y)
        for row in range(max(y0, 0), min(int(y + h), y0 + rows, height)):
            for column in range(max(x0, 0), min(int(x + w), x0 + columns, width)):
                mask[row, column] = cells[row - y0, column - x0, 0] > 0
        masks.append(mask)
    return masks


def test_the_similarity_agrees_with_its_plain_twin(ball: ChartSurface) -> None:
    total = 0.0
    for prediction, target in images(ball, 0, 20):
        for kappa, kappas in ((0.255, np.full(6, 0.255)), ("per-part", ball.part_kappas)):
            ours = gps_candidates(prediction, target, ball, kappa=kappa).similarity
            naive = gps_naive(prediction, target, ball, kappas)
            np.testing.assert_allclose(ours, naive.ravel(), rtol=1e-12, atol=1e-15)
            total += ours.sum()
    assert total > 10


@pytest.mark.parametrize("masked", [False, True])
def test_the_numbers_are_those_of_the_plain_twins_from_pixels_to_percent(ball: ChartSurface, masked: bool) -> None:
    """Similarity, masks, box overlaps, matching and accumulation, each from its definition."""
    pairs = images(ball, 1, 25)
    kappa: Any = "per-part" if masked else 0.255
    kappas = ball.part_kappas if masked else np.full(6, 0.255)
    metrics = [
        gps_metric(name, surface=ball, statistic=name, kappa=kappa, masked=masked)
        for name in ("AP", "AR", "APM", "ARL")
    ]
    ours = scores(metrics, ((str(n), *pair) for n, pair in enumerate(pairs)))
    for metric in metrics:
        wanted, rows = STATISTICS[metric.name], []
        for prediction, target in pairs:
            similarity = gps_naive(prediction, target, ball, kappas)
            if masked and similarity.size:
                height, width = target["masks"].shape[1:]
                theirs = [coco_mask.encode(np.asfortranarray(m)) for m in pasted(prediction, height, width)]
                truth = [coco_mask.encode(np.asfortranarray(m.astype(np.uint8))) for m in target["masks"]]
                similarity = np.sqrt(similarity * coco_mask.iou(theirs, truth, target["crowd"].astype(int).tolist()))
            candidates = Candidates.single(
                similarity,
                prediction["scores"],
                detection_areas=prediction["boxes"][:, 2:].prod(axis=1),
                areas=target["areas"],
                ignored=(target["surface_vertices"] < 0).all(axis=1),
                crowd=target["crowd"],
                box_overlaps=box_overlaps(prediction["boxes"], target["boxes"], target["crowd"]),
            )
            rows.append(match_naive(candidates, area=wanted.area, max_detections=20, rules="densepose")[0])
        precision, recall = accumulate_naive(np.stack(rows))
        expected = 100 * (precision if wanted.curve == "precision" else recall).mean()
        assert ours[metric.name].value == pytest.approx(expected, rel=1e-10)
        assert not ours[metric.name].failures
    assert 2 < ours["AP"].value < 90


def test_mask_overlaps_equal_pycocotools(ball: ChartSurface) -> None:
    for prediction, target in images(ball, 2, 25):
        if not len(prediction["scores"]) or not len(target["areas"]):
            continue
        height, width = target["masks"].shape[1:]
        ours = mask_overlaps(read_maps(prediction), read_masks(target, len(target["areas"])), target["crowd"])
        theirs = coco_mask.iou(
            [coco_mask.encode(np.asfortranarray(mask)) for mask in pasted(prediction, height, width)],
            [coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in target["masks"]],
            target["crowd"].astype(int).tolist(),
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-14)


def single(ball: ChartSurface, vertices: list[int], predicted: list[int]) -> Image:
    """One person and one detection in the box (10, 20, 40, 30), points in a row of pixels; -1 predicts background."""
    count = len(vertices)
    cells = np.zeros((1, 30, 40, 3), np.uint8)
    for column, vertex in enumerate(predicted):
        if vertex >= 0:
            cells[0, 0, column] = ball.part[vertex], *np.rint(255 * ball.uv[vertex]).astype(int)
    prediction = {
        "scores": np.array([0.9]),
        "boxes": np.array([[10.0, 20.0, 40.0, 30.0]]),
        "iuv": cells,
        "sizes": np.array([[30, 40]]),
    }
    mask = np.zeros((1, 60, 60), bool)
    mask[0, 20, 10 : 10 + len(predicted)] = np.array(predicted) >= 0
    target = {
        "surface_points": np.stack([10.0 + np.arange(count), np.full(count, 20.0)], axis=1)[None],
        "surface_vertices": np.array([vertices]),
        "boxes": np.array([[10.0, 20.0, 40.0, 30.0]]),
        "areas": np.array([2000.0]),
        "crowd": np.array([False]),
        "masks": mask,
    }
    return prediction, target


def similarity(ball: ChartSurface, pair: Image, **choices: Any) -> float:
    (value,) = gps_candidates(*pair, ball, **choices).similarity
    return float(value)


def test_by_hand(ball: ChartSurface) -> None:
    """A hit, a miss (background), and a vertex at distance g: (1 + 0 + exp(-g^2 / 2 kappa^2)) / 3."""
    far = ball.distances(0, 30)
    pair = single(ball, [0, 1, 0], [0, -1, 30])
    assert similarity(ball, pair) == pytest.approx((1 + np.exp(-(far**2) / (2 * 0.255**2))) / 3, rel=1e-12)
    kappa = ball.part_kappas[ball.part[0] - 1]
    assert similarity(ball, pair, kappa="per-part") == pytest.approx(
        (1 + np.exp(-(far**2) / (2 * kappa**2))) / 3, rel=1e-12
    )
    assert similarity(ball, pair, masked=True) == pytest.approx(np.sqrt(similarity(ball, pair)), rel=1e-12)
    pair[1]["masks"][0, 40:44, 10] = True  # the IoU of the masks becomes 2 / 6
    assert similarity(ball, pair, masked=True) == pytest.approx(np.sqrt(similarity(ball, pair) / 3), rel=1e-12)


def test_thirty_centimetres_count_one_half() -> None:
    """Güler, thesis, Sec. 4.2.3: kappa = 0.255 gives about 0.5 at about 30 cm; exactly 0.5006."""
    assert np.exp(-(0.30**2) / (2 * 0.255**2)) == pytest.approx(0.5006, abs=5e-5)


def test_the_constants_of_densepose_cover_its_24_charts() -> None:
    """By part as printed in the public evaluators' tables: coarse part of chart i, then the part's distance."""
    coarse = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8]
    distances = [0, 0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150]
    assert list(DENSEPOSE_KAPPAS) == [distances[part] for part in coarse[1:]]


def test_ground_truth_as_prediction_is_perfect(ball: ChartSurface) -> None:
    rng = np.random.default_rng(3)
    items = []
    for n in range(5):
        vertices = rng.integers(0, len(ball.part), 12).tolist()
        items.append((str(n), *single(ball, vertices, vertices)))
    for metric in (gps_metric(surface=ball), gps_metric(surface=ball, statistic="ARM"), METRICS["gpsm"](surface=ball)):
        assert score(metric, items).value == pytest.approx(100, abs=1e-9)


def test_a_closer_prediction_is_never_worse(ball: ChartSurface) -> None:
    order = np.argsort(ball.distances(0, np.arange(len(ball.part))))
    values = [similarity(ball, single(ball, [0], [int(vertex)])) for vertex in order[:300:10]]
    assert values[0] == 1
    assert (np.diff(values) <= 1e-15).all()
    assert values[-1] < 0.9


def test_the_public_truncation_lets_a_point_just_before_the_box_in(ball: ChartSurface) -> None:
    for shift, inside in ((0.0, True), (-0.5, True), (-1.0, False), (0.999, True)):
        prediction, target = single(ball, [5], [5])
        target["surface_points"] = target["surface_points"] + shift
        assert similarity(ball, (prediction, target)) == float(inside)
    prediction, target = single(ball, [5], [5])
    for corner, inside in (((49.9, 49.9), True), ((50.0, 30.0), False), ((30.0, 50.0), False)):
        prediction["iuv"][0, :] = prediction["iuv"][0, 0, 0]
        target["surface_points"] = np.array([[corner]])
        assert similarity(ball, (prediction, target)) == float(inside)


def test_maps_without_sizes_cover_the_box_evenly(ball: ChartSurface) -> None:
    """A 2 x 4 map over a box of 40 x 30: cells of 10 x 15 px."""
    prediction, target = single(ball, [5, 6], [])
    del prediction["sizes"]
    cells = np.zeros((1, 2, 4, 3), np.uint8)
    for (row, column), vertex in (((0, 0), 5), ((1, 3), 6)):
        cells[0, row, column] = ball.part[vertex], *np.rint(255 * ball.uv[vertex]).astype(int)
    prediction["iuv"] = cells
    for points, expected in (
        ([[10.0, 20.0], [49.9, 49.9]], 1.0),
        ([[19.9, 34.9], [40.0, 35.0]], 1.0),
        ([[20.1, 34.9], [40.0, 35.0]], 0.5),
        ([[9.9, 20.0], [50.0, 49.9]], 0.0),
    ):
        target["surface_points"] = np.array([points])
        assert similarity(ball, (prediction, target)) == expected
    target["masks"] = np.zeros((1, 60, 60), bool)
    target["masks"][0, 20:35, 10:20] = True  # the first cell
    target["surface_points"] = np.array([[[10.0, 20.0], [49.9, 49.9]]])
    assert similarity(ball, (prediction, target), masked=True) == pytest.approx(np.sqrt(1 / 2))


def test_unannotated_persons_are_ignored_and_padding_is_nothing(ball: ChartSurface) -> None:
    prediction, target = single(ball, [5], [5])
    target["surface_vertices"] = np.array([[-1]])
    assert gps_candidates(prediction, target, ball).ignored.tolist() == [True]
    prediction, target = single(ball, [5], [5])
    padded = {key: np.concatenate([array, np.zeros_like(array)]) for key, array in prediction.items()}
    padded["count"] = np.array(1)
    assert gps_candidates(padded, target, ball).similarity.tolist() == [1.0]


def test_three_signatures_and_then_some(ball: ChartSurface) -> None:
    metrics = [
        gps_metric(surface=ball),
        gps_metric(surface=ball, kappa="per-part"),
        gpsm_metric(surface=ball),
        gps_metric(surface=ball, masked=True),
        gps_metric(surface=ball, rules="coco"),
        gps_metric(surface=ball, kappa=0.3),
        gps_metric(surface=ball, statistic="AR"),
    ]
    assert len({metric.signature for metric in metrics}) == len(metrics)
    assert "kappa:0.255" in metrics[0].signature
    assert "kappa:per-part" in metrics[2].signature
    values = {
        metric.signature: score(metric, ((str(n), *pair) for n, pair in enumerate(images(ball, 4, 30)))).value
        for metric in metrics[:3]
    }
    assert len(set(values.values())) == 3


@pytest.mark.parametrize(
    ("side", "field", "value"),
    [
        ("prediction", "scores", np.array([np.nan])),
        ("prediction", "scores", None),
        ("prediction", "boxes", np.array([[0.0, 0.0, -1.0, 5.0]])),
        ("prediction", "boxes", np.full((1, 4), np.inf)),
        ("prediction", "boxes", np.zeros((2, 4))),
        ("prediction", "iuv", np.zeros((1, 30, 40, 3))),
        ("prediction", "iuv", np.zeros((0, 30, 40, 3), np.uint8)),
        ("prediction", "iuv", np.full((1, 30, 40, 3), 7, np.uint8)),
        ("prediction", "iuv", None),
        ("prediction", "sizes", np.array([[29, 40]])),
        ("prediction", "sizes", np.array([[31, 40]])),
        ("prediction", "sizes", np.zeros((1, 3))),
        ("prediction", "count", np.array(2)),
        ("target", "surface_points", np.zeros((1, 2))),
        ("target", "surface_points", None),
        ("target", "surface_vertices", np.array([[9999]])),
        ("target", "areas", np.array([-1.0])),
        ("target", "areas", np.zeros(2)),
        ("target", "boxes", np.array([[0.0, 0.0, 5.0, -1.0]])),
        ("target", "crowd", np.zeros(0, bool)),
        ("target", "masks", np.zeros((2, 60, 60), bool)),
        ("target", "masks", None),
    ],
)
def test_bad_arrays_are_refused_by_name(ball: ChartSurface, side: str, field: str, value: np.ndarray | None) -> None:
    prediction, target = single(ball, [5], [5])
    sides = {"prediction": prediction, "target": target}
    gps_candidates(prediction, target, ball, masked=True)
    if value is None:
        del sides[side][field]
    else:
        sides[side][field] = value
    with pytest.raises(InputError) as error:
        gps_candidates(prediction, target, ball, masked=True)
    assert error.value.field is not None
    assert error.value.field.startswith(field[:7])  # surface_points and surface_vertices are checked together


def test_unknown_choices_are_refused(ball: ChartSurface) -> None:
    plain = ChartSurface("plain", ball.part, ball.uv, ball.vertex, ball.geodesics)
    for options in (
        {"surface": ball, "statistic": "APS"},
        {"surface": ball, "kappa": -1.0},
        {"surface": ball, "kappa": float("nan")},
        {"surface": ball, "kappa": "constant"},
        {"surface": plain, "kappa": "per-part"},
        {"surface": "nowhere.npz"},
    ):
        with pytest.raises(InputError):
            gps_metric(**options)
    with pytest.raises(InputError):
        gps_candidates(*single(ball, [5], [5])[:1], {}, ball)
