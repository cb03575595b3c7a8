"""Strips of samples: which they show, what is drawn where, and that pages need no more than what is committed."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bench import gallery, jobs, leaderboard, workspace
from bench.gallery import PREDICTED, TILE, TRUE
from core_eval import Predictions, Sample
from core_eval.ced import ced_auc
from core_eval.iou import class_iou
from core_eval.pck import pck_auc


def centre(drawn: np.ndarray, colour) -> np.ndarray:
    """Mean (x, y) of the pixels that have about that colour."""
    rows, columns = np.nonzero(np.abs(drawn.astype(int) - colour).max(axis=2) < 70)
    assert len(rows) > 3
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize("shape", [(112, 112), (56, 112), (448, 224)])
def test_points_are_drawn_at_the_centres_of_their_pixels(shape) -> None:
    height, width = shape
    image = np.full((height, width, 3), 128, np.uint8)
    truth, guess = (np.array([[width * part, height * 0.5]]) for part in (0.25, 0.75))
    drawn = gallery.tile({"image": image}, {"points": guess}, {"points": truth})
    assert drawn is not None
    scale = TILE / max(shape)
    assert drawn.shape == (round(height * scale), round(width * scale), 3)
    places = [(points[0] + 0.5) * scale - 0.5 for points in (guess, truth)]
    np.testing.assert_allclose(centre(drawn, PREDICTED), places[0], atol=0.5)
    np.testing.assert_allclose(centre(drawn, TRUE), places[1], atol=0.8)
    np.testing.assert_allclose(centre(drawn, (255, 255, 255)), np.mean(places, axis=0), atol=2.5)
    assert (drawn[0] == 128).all()
    alone = gallery.tile({"image": image}, {"points": guess}, {"points": np.full((1, 2), np.nan)})
    assert alone is not None
    np.testing.assert_allclose(centre(alone, PREDICTED), places[0], atol=0.5)
    assert np.abs(alone.astype(int) - TRUE).max(axis=2).min() > 60, "no truth, no ring and no line"
    assert alone.min(axis=2).max() <= 128


def test_points_far_away_or_infinite_are_left_out() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    guess = np.array([[np.inf, 1.0], [1e300, 5.0], [-1e12, 2.0]])
    drawn = gallery.tile({"image": image}, {"points": guess}, {"points": np.full((3, 2), np.nan)})
    assert drawn is not None
    assert not drawn.any()


def test_borders_of_parts_are_drawn_where_labels_change() -> None:
    image = np.full((32, 32, 3), 128, np.uint8)
    truth, guess = np.zeros((2, 32, 32), np.uint8)
    truth[8:16, 8:16], guess[20:28, 4:12] = 3, 3
    drawn = gallery.tile({"image": image}, {"part": guess}, {"part": truth})
    assert drawn is not None
    assert drawn.shape == (TILE, TILE, 3)
    for colour, (top, left) in ((TRUE, (8, 8)), (PREDICTED, (20, 4))):
        rows, columns = np.nonzero((drawn == colour).all(axis=2))
        edges = [start * TILE / 32 - 1 for start in (top, left)]
        assert (rows.min(), columns.min()) == tuple(edges)
        assert (rows.max(), columns.max()) == tuple(edge + 8 * TILE / 32 for edge in edges)
    assert (drawn == 128).all(axis=2).sum() > 0.9 * TILE**2


def test_samples_without_a_number_of_their_own_are_not_picked() -> None:
    """No pixel of the scored class: that is neither best nor worst."""
    metric = class_iou(index=1, classes=2)
    maps = [np.zeros((4, 4), np.int64), np.eye(4, dtype=np.int64), np.tri(4, dtype=np.int64)]
    values = np.array([metric.per_sample({"part": maps[1] if k else maps[0]}, {"part": maps[k]}) for k in range(3)])
    picks = gallery._picks(("a", "b", "c"), values, metric)
    assert [(pick.place, pick.id, pick.index, pick.error) for pick in picks] == [
        ("best", "b", 1, "100.00 %"),
        ("median", "b", 1, "100.00 %"),
        ("worst", "c", 2, "40.00 %"),
    ]
    assert gallery._picks(("a",), values[:1], metric) == ()


@pytest.mark.parametrize(
    ("inputs", "predicted", "target"),
    [
        ({}, {"points": np.zeros((4, 2))}, {"points": np.zeros((4, 2))}),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, {}, {"points": np.zeros((4, 2))}),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, {"part": np.zeros((4, 4), int)}, {"part": np.zeros((4, 4), int)}),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, {"part": np.zeros((8, 8))}, {"part": np.zeros((8, 8), int)}),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, {"points": np.zeros((5, 2))}, {"points": np.zeros((4, 2))}),
    ],
)
def test_what_cannot_be_drawn_is_not(inputs, predicted, target) -> None:
    assert gallery.tile(inputs, predicted, target) is None


def test_best_median_and_worst() -> None:
    ids = tuple("edcba")
    auc = ced_auc(limit=0.1, normaliser="eye-centres")
    picks = gallery._picks(ids, np.array([0.3, 0.02, np.inf, 0.02, 0.5]), auc)
    assert [(pick.place, pick.id, pick.index, pick.error) for pick in picks] == [
        ("best", "b", 3, "0.0200"),  # ties by id
        ("median", "e", 0, "0.3000"),
        ("worst", "c", 2, "failed"),
    ]
    (one, *_) = gallery._picks(("x",), np.array([0.25]), auc)
    assert one.id == "x"
    joints = np.ones((3, 14, 2))
    joints[0, :, 0], joints[2, :, 0] = 0.2, 0.9
    picks = gallery._picks(("x", "y", "z"), joints, pck_auc())
    assert [(pick.id, pick.error) for pick in picks] == [("y", "100.00 %"), ("z", "90.00 %"), ("x", "20.00 %")]


@pytest.mark.usefixtures("checkout")
def test_a_strip_is_small_whatever_it_shows(bench) -> None:
    """Noise is what compresses worst."""
    assert bench("reproduce", "toy-table").code == 0
    measured = leaderboard.load(workspace.find(), "toy").measured[0]
    strip = next(gallery.strips(measured))
    rng = np.random.default_rng(0)
    points = np.full((68, 2), 5.0)
    samples = [
        Sample(pick.id, {"image": rng.integers(0, 255, (300, 300, 3), np.uint8)}, {"points": points}, "g")
        for pick in strip.picks
    ]
    stored = Predictions.of([one.id for one in samples], {"points": np.stack([points] * 3)})
    content = gallery.compose(strip, samples, stored)
    assert content is not None
    assert len(content) <= gallery.LARGEST
    assert content == gallery.compose(strip, samples, stored), "same bytes"
    assert Image.open(io.BytesIO(content)).size == (3 * TILE + 2 * gallery.GAP, TILE)
    assert gallery.compose(strip, samples[::-1], stored) is None, "another order of samples"
    fewer = Predictions.of([samples[0].id], {"points": points[None]})
    assert gallery.compose(strip, samples, fewer) is None


@pytest.fixture
def pictured(checkout, bench):
    """A checkout whose faces have images, with results and strips."""
    checkout.edit('{"hint": points,', '{"image": np.full((100, 80, 3), 90, np.uint8), "hint": points,', checkout.parts)
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    assert bench("leaderboard").code == 0
    return checkout


def strips(checkout) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (checkout.root / "leaderboards" / "toy").glob("samples-*.webp")}


def page(checkout) -> str:
    return (checkout.root / "leaderboards" / "toy.md").read_text("utf-8")


def test_strips_are_drawn_once_and_pages_need_no_cache_afterwards(pictured, bench) -> None:
    before = strips(pictured)
    assert len(before) == 3
    assert all(f"](toy/{name})" in page(pictured) for name in before)
    assert "Best, median and worst samples" in page(pictured)
    shutil.rmtree(pictured.cache)
    text = page(pictured)
    assert bench("leaderboard", "--check").code == 0
    assert "cannot be drawn" not in bench("leaderboard").out
    assert (strips(pictured), page(pictured)) == (before, text)
    (pictured.root / "leaderboards" / "toy" / next(iter(before))).unlink()
    assert "1 strips of samples that cannot be drawn here" in bench("leaderboard").out
    assert next(iter(before)) not in page(pictured)
    assert bench("leaderboard", "--check").code == 0


def test_the_caption_names_the_samples_and_errors_that_were_kept(pictured) -> None:
    measured = leaderboard.load(workspace.find(), "toy").measured[0]
    for strip in gallery.strips(measured):
        kept = measured.load(strip.result)
        values = kept.values[strip.result.metric]
        order = np.sort(values)
        errors = [float(pick.error.split()[0]) for pick in strip.picks]
        assert errors == pytest.approx([order[0], order[29], order[-1]], abs=1e-4)
        assert [values[pick.index] for pick in strip.picks] == pytest.approx(errors, abs=1e-4)
        assert [kept.ids[pick.index] for pick in strip.picks] == [pick.id for pick in strip.picks]
        assert f"**{strip.row}**, seed 0: {strip.caption}." in page(pictured)


def test_new_predictions_make_new_strips_and_the_old_ones_go(pictured, bench) -> None:
    before = strips(pictured)
    pictured.edit("np.random.default_rng([self.seed, index])", "np.random.default_rng([self.seed, 7])", pictured.parts)
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    assert bench("leaderboard", "--check").code == 1
    bench("leaderboard")
    after = strips(pictured)
    assert len(after) == 3
    assert len(set(after) & set(before)) <= 1, "the constant answers as before"


def test_a_stray_strip_is_named_and_removed_and_other_pictures_stay(pictured, bench) -> None:
    folder = pictured.root / "leaderboards" / "toy"
    (folder / "samples-old.webp").write_bytes(b"RIFF")
    (folder / "faces.png").write_bytes(b"a picture of somebody")
    ran = bench("leaderboard", "--check")
    assert ran.code == 1
    assert "samples-old.webp is made by nothing" in ran.out
    bench("leaderboard")
    assert not (folder / "samples-old.webp").exists()
    assert (folder / "faces.png").exists()


def test_photographs_are_never_written(pictured, bench) -> None:
    records = [json.loads(line) for line in pictured.results.read_text("utf-8").splitlines()]
    real = "".join(json.dumps({**record, "data": "real"}) + "\n" for record in records)
    pictured.results.write_text(real, "utf-8")
    assert bench("leaderboard").code == 0
    assert strips(pictured) == {}
    assert "licences of the photographs" in page(pictured)
    measured = leaderboard.load(workspace.find(), "toy").measured[0]
    place = jobs.Place(pictured.cache, None, False, "", False)
    assert [gallery.draw(strip, measured, place) for strip in gallery.strips(measured)] == [None] * 3


def test_samples_that_would_be_rendered_otherwise_are_not_drawn(pictured, bench) -> None:
    for name in strips(pictured):
        (pictured.root / "leaderboards" / "toy" / name).unlink()
    pictured.edit("sha256(name.encode())", "sha256(b'2' + name.encode())", pictured.parts)
    assert "3 strips of samples that cannot be drawn here" in bench("leaderboard").out
    assert strips(pictured) == {}


def test_the_drawn_strip_is_of_the_picked_samples(pictured) -> None:
    """The truth of the best sample is where the blue is."""
    board = leaderboard.load(workspace.find(), "toy")
    measured = board.measured[0]
    strip = next(gallery.strips(measured))
    place = jobs.Place(pictured.cache, None, False, "", False)
    content = gallery.draw(strip, measured, place)
    assert content == strips(pictured)[strip.name]
    shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    split = jobs.dataset(measured.benchmark.data["stand-in"], place, False).split("test")
    scale, width = TILE / 100, round(80 * TILE / 100)
    for number, pick in enumerate(strip.picks):
        sample = split[pick.index]
        inside = [(x, y) for x, y in sample.target["points"] if 3 < x < 76 and 3 < y < 96]
        blue = 0
        for x, y in inside:
            u, v = (x + 0.5) * scale - 0.5 + number * (width + gallery.GAP), (y + 0.5) * scale - 0.5
            patch = shown[round(v) - 3 : round(v) + 4, round(u) - 3 : round(u) + 4]
            blue += bool((patch[..., 2] - patch[..., 0] > 40).any() or (patch[..., 0] - patch[..., 2] > 100).any())
        assert blue == len(inside) > 20
