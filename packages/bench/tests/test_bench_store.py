"""The results file: no line lost, none torn, none repeated."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.store import Store, check, repair
from core_eval import InputError, Provenance, Result


def result(seed: int = 0, value: float | None = 0.5, row: str = "Ünïcode row") -> Result:
    provenance = Provenance(
        run="r",
        commit="c",
        dirty=False,
        versions={},
        fingerprint="f",
        trained_on="t",
        device="cpu",
        seconds=1.0,
        peak_memory_mib=1.0,
        predictions=f"p{seed}",
    )
    return Result(
        table="table",
        row=row,
        column="auc",
        split="test",
        metric="m",
        signature="s",
        value=value,
        unit="fraction",
        n=10,
        seed=seed,
        budget="quick",
        data="stand-in",
        error=None if value is not None else "it failed",
        time="2024-01-01T00:00:00+00:00",
        provenance=provenance,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def test_what_is_appended_is_read_back_in_order(store: Store) -> None:
    assert store.read("b", "table") == []
    first, second = result(0), result(1, None)
    assert store.append("b", "table", [first]) == [first]
    assert store.append("b", "table", [second]) == [second]
    assert store.read("b", "table") == [first, second]


def test_an_identical_result_is_not_repeated_but_a_new_value_is(store: Store) -> None:
    store.append("b", "table", [result()])
    later = replace(result(), time="2025-01-01T00:00:00+00:00", provenance=replace(result().provenance, commit="d"))
    assert store.append("b", "table", [later, later]) == []
    assert store.append("b", "table", [result(value=0.6)]) == [result(value=0.6)]
    assert len(store.read("b", "table")) == 2


@pytest.mark.parametrize("cut", [1, 10, 400])
def test_a_cut_last_line_is_refused_and_can_be_repaired(store: Store, cut: int) -> None:
    store.append("b", "table", [result(0), result(1)])
    file = store.file("b", "table")
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    for use in (lambda: store.read("b", "table"), lambda: store.append("b", "table", [result(2)])):
        with pytest.raises(InputError, match=r"line 2 is cut off .*--repair"):
            use()
    assert file.read_bytes() == whole[:-cut], "refusing changes nothing"
    assert "line 2" in check(file)
    torn = repair(file)
    assert torn is not None
    assert store.read("b", "table") == [result(0)]
    assert torn.read_bytes() == whole.split(b"\n")[1][: 1 - cut or None] + b"\n", "the cut piece is kept"
    assert repair(file) is None
    store.append("b", "table", [result(2)])
    assert check(file) == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 2: not a complete line of JSON"),
        (b"", "line 2: not a complete line of JSON"),
        (b"\xff\xfe", "line 2 is not UTF-8"),
        (b'{"table": "x"}', "line 2: missing"),
    ],
)
def test_a_broken_line_in_the_middle_is_named(store: Store, line: bytes, message: str) -> None:
    store.append("b", "table", [result(0), result(1)])
    file = store.file("b", "table")
    first, second, _ = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([first, line, second, b""]))
    with pytest.raises(InputError, match=message) as caught:
        store.read("b", "table")
    assert caught.value.file == file


@pytest.mark.parametrize("allowed", [0, 1, 300, 700])
def test_a_full_disk_leaves_the_file_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    store.append("b", "table", [result(0)])
    file = store.file("b", "table")
    before = file.read_bytes()
    real, left = os.write, [allowed]

    def write(descriptor: int, content: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(descriptor, content[: left[0]])
        left[0] -= done
        return done

    monkeypatch.setattr("bench.store.os.write", write)
    with pytest.raises(InputError, match="no space left") as caught:
        store.append("b", "table", [result(1), result(2)])
    assert caught.value.file == file
    assert file.read_bytes() == before
    monkeypatch.undo()
    assert len(store.append("b", "table", [result(1), result(2)])) == 2


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_bench_store import result
from bench.store import Store
store = Store(Path(sys.argv[2]))
for step in range(100):
    store.append("b", "table", [result(step, row=f"{sys.argv[3]} {part}") for part in range(2)])
"""


def test_processes_that_append_at_once_lose_no_line(store: Store) -> None:
    here = str(Path(__file__).parent)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, here, str(store.root), name]) for name in ("first", "second")
    ]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    found = [(one.row, one.seed) for one in store.read("b", "table")]
    assert len(found) == 400
    for name in ("first", "second"):
        mine = [pair for pair in found if pair[0].startswith(name)]
        assert mine == [(f"{name} {part}", step) for step in range(100) for part in range(2)], "whole, in order"
