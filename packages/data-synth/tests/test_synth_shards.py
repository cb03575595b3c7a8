"""The shard cache: lazy, resumable, safe against kills, damage, full disks and second processes."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from core_eval import InputError
from data_synth.shards import Field, Shards, cache_root

FIELDS = {"image": Field((4, 5), np.uint8), "points": Field((2, 2), np.float64), "yaw": Field((), np.float32)}


def _draw(indices: range) -> dict[str, np.ndarray]:
    rngs = [np.random.default_rng(i) for i in indices]
    return {
        "image": np.stack([r.integers(0, 255, (4, 5), dtype=np.uint8) for r in rngs]),
        "points": np.stack([r.normal(size=(2, 2)) for r in rngs]),
        "yaw": np.array([r.normal() for r in rngs], np.float32),
    }


def _shards(folder: Path, n: int = 23, shard_size: int = 8, render=_draw, **options) -> Shards:
    return Shards(folder, n, FIELDS, render, shard_size=shard_size, block=4, **options)


def _everything(shards: Shards) -> dict[str, bytes]:
    return {name: np.concatenate(shards.arrays(name)).tobytes() for name in FIELDS}


def test_samples_do_not_depend_on_shard_size_or_order(tmp_path):
    first, second = _shards(tmp_path / "a"), _shards(tmp_path / "b", shard_size=20)
    backwards = [second.sample(i) for i in reversed(range(23))][::-1]
    for i, expected in enumerate(backwards):
        for name, value in first.sample(i).items():
            np.testing.assert_array_equal(value, expected[name])
    assert _everything(first) == _everything(second)


def test_only_the_touched_shard_is_rendered_in_aligned_blocks(tmp_path):
    calls: list[range] = []

    def render(indices):
        calls.append(indices)
        return _draw(indices)

    shards = _shards(tmp_path, render=render)
    shards.sample(22)
    assert sorted(calls, key=lambda r: r.start) == [range(16, 20), range(20, 23)]
    shards.sample(17)
    assert len(calls) == 2
    assert shards.missing() == [0, 1]
    assert shards.missing(8) == [0]
    assert _shards(tmp_path, render=render).missing() == [0, 1]


def test_batch_equals_single_samples_and_copies(tmp_path):
    shards = _shards(tmp_path)
    wanted = [22, 0, 7, 7, 16]
    batch = shards.batch(wanted)
    for row, i in enumerate(wanted):
        for name, value in shards.sample(i).items():
            np.testing.assert_array_equal(batch[name][row], value)
    batch["image"][:] = 0
    assert shards.sample(22)["image"].any()
    assert set(shards.batch([1], ["yaw"])) == {"yaw"}
    assert shards.batch([])["points"].shape == (0, 2, 2)


def test_views_are_read_only(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        _shards(tmp_path).sample(0)["image"][0] = 1


def test_prepare_reports_progress_and_then_has_nothing_to_do(tmp_path):
    seen: list[tuple[int, int]] = []
    shards = _shards(tmp_path)
    shards.sample(9)
    shards.prepare(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (15, 15)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    shards.prepare(progress=lambda done, total: seen.append((done, total)))
    assert seen == []


@pytest.mark.parametrize("index", [-1, 23, 1000])
def test_outside_the_split_is_an_index_error(tmp_path, index):
    shards = _shards(tmp_path)
    with pytest.raises(IndexError, match="of 23"):
        shards.sample(index)
    with pytest.raises(IndexError, match="of 23"):
        shards.batch([0, index])


def _truncate(path: Path) -> None:
    os.truncate(path / "points.npy", (path / "points.npy").stat().st_size - 3)


def _cut_meta(path: Path) -> None:
    (path / "meta.json").write_text('{"count": 8, "by')


def _drop_file(path: Path) -> None:
    (path / "yaw.npy").unlink()


def _other_shape(path: Path) -> None:
    size = (path / "points.npy").stat().st_size
    np.save(path / "points.npy", np.zeros((16, 2)))
    assert (path / "points.npy").stat().st_size == size


@pytest.mark.parametrize("damage", [_truncate, _cut_meta, _drop_file, _other_shape])
def test_a_damaged_shard_is_rendered_again_with_a_notice(tmp_path, caplog, damage):
    expected = _everything(_shards(tmp_path))
    damage(_shards(tmp_path).path(0))
    with caplog.at_level(logging.WARNING, logger="data_synth.shards"):
        assert _everything(_shards(tmp_path)) == expected
    assert "damaged" in caplog.text
    assert "00000-of-00003" in caplog.text


class _FullDisk:
    """A file that accepts some bytes, then reports a full disk."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.room -= memoryview(data).nbytes
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def test_a_full_disk_is_one_clear_error_and_leaves_no_half_shard(tmp_path, monkeypatch):
    shards = _shards(tmp_path / "split")
    shards.sample(0)
    opened = Path.open

    def limited(self, mode="r", *args, **kwargs):
        file = opened(self, mode, *args, **kwargs)
        return _FullDisk(file, 300) if mode == "wb" else file

    monkeypatch.setattr(Path, "open", limited)
    with pytest.raises(InputError, match=r"No space left on device.*00001-of-00003"):
        shards.prepare()
    monkeypatch.undo()
    folders = sorted(p.name for p in (tmp_path / "split").iterdir() if p.is_dir())
    assert folders == ["00000-of-00003"]
    assert _everything(shards) == _everything(_shards(tmp_path / "other"))


def test_an_error_while_rendering_leaves_nothing_and_can_be_retried(tmp_path):
    def broken(indices):
        if indices.start == 12:
            raise RuntimeError("no such face")
        return _draw(indices)

    with pytest.raises(RuntimeError, match="no such face"):
        _shards(tmp_path, render=broken).prepare()
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["00000-of-00003"]
    assert len(_shards(tmp_path).batch(range(23))["yaw"]) == 23


def test_a_renderer_that_breaks_its_promise_is_refused(tmp_path):
    def wrong(indices):
        return _draw(indices) | {"points": np.zeros((len(indices), 2, 2), np.float32)}

    with pytest.raises(ValueError, match="field points: rendered float32"):
        _shards(tmp_path, render=wrong).sample(0)


def _slow(indices: range) -> dict[str, np.ndarray]:
    (Path(os.environ["SHARD_LOG"]) / f"{indices.start}-{os.getpid()}").touch()
    time.sleep(0.03)
    return _draw(indices)


def _prepare(folder: Path) -> None:
    _shards(folder, n=80, render=_slow).prepare(workers=1)


def test_killed_half_way_it_resumes_and_changes_nothing(tmp_path, monkeypatch):
    trace = tmp_path / "log"
    trace.mkdir()
    monkeypatch.setenv("SHARD_LOG", str(trace))
    process = multiprocessing.get_context("fork").Process(target=_prepare, args=(tmp_path / "split",))
    process.start()
    deadline = time.monotonic() + 30
    while not any(p.name.startswith("28-") for p in trace.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    half = {p.name for p in (tmp_path / "split").iterdir() if p.is_dir()}
    assert any(name.endswith(".tmp") for name in half), "the kill came too late to leave anything behind"
    done = {name for name in half if not name.endswith(".tmp")}
    assert 0 < len(done) < 10
    resumed = _shards(tmp_path / "split", n=80)
    assert len(resumed.missing()) == 10 - len(done)
    resumed.prepare()
    assert not list((tmp_path / "split").glob("*.tmp"))
    assert _everything(resumed) == _everything(_shards(tmp_path / "whole", n=80))


def test_two_processes_never_render_the_same_block(tmp_path, monkeypatch):
    trace = tmp_path / "log"
    trace.mkdir()
    monkeypatch.setenv("SHARD_LOG", str(trace))
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_prepare, args=(tmp_path / "split",)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    rendered = [p.name.split("-") for p in trace.iterdir()]
    assert sorted(int(start) for start, _ in rendered) == list(range(0, 80, 4))
    assert _shards(tmp_path / "split", n=80).missing() == []


def test_cache_root_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("BENCH_CACHE")
    assert cache_root().name == "bench"


def test_nothing_is_unpickled(tmp_path):
    """An object array in the cache is damage, not code to run."""
    shards = _shards(tmp_path)
    shards.sample(0)
    file = shards.path(0) / "yaw.npy"
    size = file.stat().st_size
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with file.open("ab") as stream:
        stream.write(b"\0" * max(0, size - file.stat().st_size))
    os.truncate(file, size)
    assert _shards(tmp_path).sample(0)["yaw"].dtype == np.float32
