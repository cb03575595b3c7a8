"""What is made once: by one of many, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from core_eval import InputError
from data_synth.stored import make_tensors

RACE = """
import sys, time
from pathlib import Path
import numpy as np
from data_synth.stored import make_tensors

def make():
    print("made", flush=True)
    time.sleep(0.5)
    return {"a": np.arange(5)}, {}

make_tensors(Path(sys.argv[1]), make)
"""


def test_it_is_made_once_and_read_back(tmp_path: Path) -> None:
    path, calls = tmp_path / "deep" / "a.safetensors", []

    def make() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        calls.append(1)
        return {"a": np.arange(6.0).reshape(2, 3)}, {"labels": "x"}

    make_tensors(path, make)
    make_tensors(path, make)
    assert len(calls) == 1
    np.testing.assert_array_equal(load_file(path)["a"], np.arange(6.0).reshape(2, 3))
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["labels"] == "x"


def test_of_two_processes_one_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(said) == ["", "made\n"]


def test_a_write_that_fails_leaves_nothing_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"

    def write(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(InputError, match=r"No space left on device.*a\.safetensors"):
        make_tensors(path, lambda: ({"a": np.arange(5)}, {}))
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".lock"]


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        raise KeyError("no such morph")

    with pytest.raises(KeyError):
        make_tensors(tmp_path / "a.safetensors", fail)
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".lock"]
