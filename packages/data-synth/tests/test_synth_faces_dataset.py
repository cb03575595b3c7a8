"""The stand-in for 300W: structure, determinism, access."""

from __future__ import annotations

import threading
from collections import Counter

import cv2
import numpy as np
import pytest

from core_eval import Dataset, InputError, Sample
from data_synth.faces import dataset as module
from data_synth.faces.dataset import (
    BLOCK,
    FIELDS,
    SIZE,
    SPLITS,
    SplitPlan,
    SplitRenderer,
    is_outdoor,
    person_of,
    stand_in_300w,
    yaw_of,
)
from data_synth.faces.labels import decode_uv
from data_synth.faces.preview import contact_sheet, draw_points, preview
from data_synth.plugin import DATASETS
from data_synth.shards import Shards


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The data set cut to two blocks a split, rendered into a folder of its own."""
    patch = pytest.MonkeyPatch()
    plans = {name: SplitPlan(2 * BLOCK, plan.per_person, plan.yaw_counts) for name, plan in SPLITS.items()}
    patch.setattr(module, "SPLITS", plans)
    yield stand_in_300w(cache=tmp_path_factory.mktemp("faces"))
    patch.undo()


def test_plugin_makes_a_dataset(tmp_path):
    made = DATASETS["stand-in-300w"](cache=tmp_path)
    assert isinstance(made, Dataset)
    assert (made.name, made.kind) == ("stand-in-300w", "stand-in")
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [6000, 300, 600]
    assert made.missing("test") == 600
    assert list(tmp_path.iterdir()) == []  # nothing is rendered, or even created, before it is needed
    with pytest.raises(InputError, match="unknown split 'tset'"):
        made.split("tset")
    with pytest.raises(InputError, match="takes no root folder"):
        stand_in_300w(root=tmp_path)


@pytest.mark.parametrize("split", list(SPLITS))
def test_yaw_bins_are_exact_and_both_sides_alike(split):
    yaws = np.array([yaw_of(split, i) for i in range(SPLITS[split].images)])
    shares = [((np.abs(yaws) >= low) & (np.abs(yaws) < high)).mean() for low, high in module.YAW_BINS]
    expected = {"train": (0.60, 0.25, 0.15), "valid": (0.75, 0.20, 0.05), "test": (0.75, 0.20, 0.05)}[split]
    np.testing.assert_allclose(shares, expected, atol=1e-12)
    np.testing.assert_allclose([(np.abs(yaws[k : k + BLOCK]) < 30).mean() for k in range(0, 200, BLOCK)], expected[0])
    assert abs((yaws > 0).mean() - 0.5) < 0.05
    assert np.abs(yaws).max() > 85


@pytest.mark.parametrize("split", list(SPLITS))
def test_people_and_scenes_are_balanced(split):
    plan = SPLITS[split]
    assert plan.images % (BLOCK * plan.per_person) == 0
    people = Counter(person_of(split, i) for i in range(plan.images))
    assert set(people.values()) == {plan.per_person}
    assert sorted(people) == list(range(plan.images // plan.per_person))
    assert len(people) >= {"train": 600, "valid": 60, "test": 120}[split]
    assert sum(is_outdoor(i) for i in range(plan.images)) * 2 == plan.images
    seen = {}
    for i in range(plan.images):
        seen.setdefault(person_of(split, i), set()).add(is_outdoor(i))
    assert all(len(scenes) == 2 for scenes in seen.values())


def test_nobody_is_in_two_splits():
    """Different names of generators, and indeed different shapes."""
    shapes = [SplitRenderer(split)._person(k).params.shape for split in SPLITS for k in range(4)]
    distances = [np.abs(a - b).max() for i, a in enumerate(shapes) for b in shapes[:i]]
    assert min(distances) > 0.05


def test_samples_keep_the_contract(small):
    split = small.split("valid")
    groups = set()
    for sample in split:
        assert isinstance(sample, Sample)
        assert set(sample.inputs) == {"image"}
        assert set(sample.target) == {"points", "visible", "uv", "part", "landmark_uv", "yaw"}
        assert sample.inputs["image"].shape == (SIZE, SIZE, 3)
        assert sample.inputs["image"].dtype == np.uint8
        assert sample.target["points"].dtype == np.float64
        uv, part = sample.target["uv"], sample.target["part"]
        assert uv.dtype == np.float32
        np.testing.assert_array_equal(np.isfinite(uv).all(axis=2), part > 0)
        assert np.nanmin(uv) >= 0
        assert np.nanmax(uv) <= 1
        assert np.isfinite(sample.target["points"]).all()
        groups.add(sample.group)
    assert len({sample.id for sample in split}) == len(split)
    assert groups == {f"valid-{k:04d}" for k in range(BLOCK)}
    assert small.missing("valid") == 0


def test_pictures_show_something(small):
    """Not black, not white, not all alike; and a face is not the same as its background."""
    images = small.split("valid").batch(range(2 * BLOCK), ["image", "part"])
    means = images["image"].mean(axis=(1, 2, 3))
    assert means.min() > 15
    assert means.max() < 245
    assert means.std() > 10
    assert (images["image"].std(axis=(1, 2, 3)) > 12).all()
    assert ((images["part"] > 0).mean(axis=(1, 2)) > 0.08).all()


def test_slices_batches_and_maps_agree(small):
    split = small.split("test")
    part = split[10:30:3]
    assert len(part) == 7
    assert part[2].id == split[16].id
    assert part[-1].id == split[28].id
    batch = part.batch([2, 0])
    np.testing.assert_array_equal(batch["image"][0], split[16].inputs["image"])
    np.testing.assert_array_equal(decode_uv(batch["uv"][1]), split[10].target["uv"])
    np.testing.assert_array_equal(np.concatenate(split.arrays("points"))[16], batch["points"][0])
    assert batch["pose"][0, 0] == pytest.approx(yaw_of("test", 16))
    with pytest.raises(ValueError, match="use batch"):
        part.arrays("uv")
    with pytest.raises(IndexError):
        part[7]
    assert [s.id for s in split[:2]] == [split[0].id, split[1].id]


def test_samples_do_not_depend_on_shards_threads_or_what_came_before(small, tmp_path):
    expected = small.split("test").batch(range(2 * BLOCK))
    again = Shards(tmp_path, 2 * BLOCK, FIELDS, SplitRenderer("test"), shard_size=BLOCK, block=BLOCK)
    for name, value in again.batch(range(2 * BLOCK - 1, -1, -1)).items():
        np.testing.assert_array_equal(value[::-1], expected[name], err_msg=name)
    renderer, results = SplitRenderer("test"), {}
    threads = [
        threading.Thread(target=lambda k=k: results.update({k: renderer(range(k * BLOCK, (k + 1) * BLOCK))}))
        for k in (1, 0)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in (0, 1):
        for name, value in results[k].items():
            np.testing.assert_array_equal(value, expected[name][k * BLOCK : (k + 1) * BLOCK], err_msg=name)


def test_a_cut_split_renders_only_what_it_needs(small):
    fresh = stand_in_300w(cache=small._cache / "other")
    seen = []
    fresh.split("train")[:5].prepare(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2 * BLOCK, 2 * BLOCK)
    fresh.split("train")[:0].prepare()
    assert fresh.missing("train") == 0
    assert fresh.missing("test") == 2 * BLOCK


def test_fingerprint_names_the_split_and_follows_sources_and_configuration(monkeypatch, tmp_path):
    data = stand_in_300w(cache=tmp_path)
    prints = {name: data.fingerprint(name) for name in SPLITS}
    assert len(set(prints.values())) == 3
    assert data.fingerprint("test") == prints["test"]
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(module, "source_hash", lambda: "changed")
    assert data.fingerprint("test") != prints["test"]
    monkeypatch.undo()
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert data.fingerprint("test") != prints["test"]
    monkeypatch.undo()
    monkeypatch.setitem(module.SPLITS, "test", SplitPlan(400, 5, (15, 4, 1)))
    assert data.fingerprint("test") != prints["test"]


def test_preview_writes_a_sheet_that_opens(small, tmp_path):
    path = tmp_path / "new" / "sheet.png"
    preview(small.split("test"), path, n=5)
    picture = cv2.imread(str(path))
    assert picture.shape == (2 * 2 * SIZE, 4 * 3 * 2 * SIZE, 3)
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]
    assert picture[: 2 * SIZE, : 2 * SIZE].std() > 5
    with pytest.raises(InputError, match="nothing to show"):
        contact_sheet(small.split("test")[:0])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the preview"):
        preview(small.split("test"), tmp_path / "file" / "sheet.png", n=1)


def test_points_are_drawn_at_their_pixel():
    """A lone visible point: the centre of mass of what changed is the enlarged pixel's centre."""
    image = np.zeros((64, 64, 3), np.uint8)
    points = np.full((68, 2), 30.0)
    points[:, 0] = 20.0
    changed = draw_points(image, points, np.ones(68, bool), zoom=4).max(axis=2) > 0
    row, column = np.nonzero(changed)
    assert abs(row.mean() - (30.5 * 4 - 0.5)) < 0.5
    assert abs(column.mean() - (20.5 * 4 - 0.5)) < 0.5
