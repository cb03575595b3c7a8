"""The prediction file: round trips, and files written by someone who means harm."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import core_eval.predictions as module
from core_eval import InputError, Predictions, load_predictions, save_predictions, sha256

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=12).filter(str.isprintable)


def write(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), **options)
    return stream.getvalue()


def header(shape: tuple[int, ...], descr: str = "<f8", data: bytes = b"") -> bytes:
    """An ``.npy`` with any header at all."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(NAMES, min_size=1, max_size=6, unique=True),
    data=st.data(),
)
def test_saving_and_loading_changes_nothing(tmp_path: Path, ids: list[str], data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.uint8, np.bool_, np.int64, np.uint16]))
    tail = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    array = data.draw(hnp.arrays(dtype, (len(ids), *tail)))
    written = Predictions.of(ids, {"points": array})
    path = tmp_path / "deep" / "p.npz"
    digest = save_predictions(path, written)
    read = load_predictions(path)
    assert read.ids == tuple(ids)
    assert read.arrays["points"].dtype == array.dtype
    np.testing.assert_array_equal(read.arrays["points"], array)
    for row, sample in enumerate(ids):
        np.testing.assert_array_equal(read[sample]["points"], array[row])
    assert digest == sha256(path)
    assert save_predictions(path, written) == digest, "the bytes depend on the time of writing"
    assert [item.name for item in path.parent.iterdir()] == ["p.npz"]


def test_mapping_protocol() -> None:
    predictions = Predictions.of(["b", "a"], {"file": np.arange(4.0).reshape(2, 2), "label": np.array([7, 8])})
    assert list(predictions) == ["b", "a"]
    assert len(predictions) == 2
    assert predictions["a"]["label"] == 8
    assert "c" not in predictions
    with pytest.raises(KeyError):
        predictions["c"]


@pytest.mark.parametrize(
    ("ids", "arrays", "message"),
    [
        (["a", "a"], {}, "duplicate sample id"),
        (["a", ""], {}, "printable"),
        (["a\0"], {}, "printable"),
        (["a\nb"], {}, "printable"),
        (["a"], {"points": np.zeros((2, 3))}, "expected 1 rows"),
        (["a"], {"points": np.array(1.0)}, "expected 1 rows"),
        (["a"], {"points": np.array([None])}, "type object"),
        (["a"], {"points": np.array([b"x"])}, "are not read"),
        (["a"], {"ids": np.zeros(1)}, "array name"),
        (["a"], {"../x": np.zeros(1)}, "array name"),
    ],
)
def test_contradictory_predictions_are_refused(ids: list[str], arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Predictions.of(ids, arrays)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.npz"
    save_predictions(path, Predictions.of(["a"], {"points": np.zeros(1)}))
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(OSError, match="No space"):
        save_predictions(path, Predictions.of(["b"], {"points": np.zeros(1)}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


GOOD = npy(np.array(["a", "b"]))
HOSTILE = {
    "no ids": ({"points": npy(np.zeros(2))}, "ids"),
    "numeric ids": ({"ids": npy(np.arange(2))}, "ids"),
    "two-dimensional ids": ({"ids": npy(np.array([["a", "b"]]))}, "ids"),
    "ids that are no characters": ({"ids": header((1,), "<U1", struct.pack("<I", 0x7FFFFFFF))}, "not a readable"),
    "duplicate ids": ({"ids": npy(np.array(["a", "a"]))}, "duplicate sample id"),
    "too few rows": ({"ids": GOOD, "points": npy(np.zeros((1, 3)))}, "expected 2 rows"),
    "pickled objects": ({"ids": GOOD, "points": npy(np.array([{}, []], dtype=object))}, "never unpickled"),
    "header declares a terabyte": ({"ids": GOOD, "points": header((2, 2**36))}, "disagree"),
    "header declares more than memory can": ({"ids": GOOD, "points": header((2**62, 2**62))}, "disagree"),
    "negative size": ({"ids": GOOD, "points": header((-1, 2), data=b"")}, "disagree"),
    "two negative sizes": ({"ids": GOOD, "points": header((-1, -2), data=bytes(16))}, "disagree"),
    "data cut off": ({"ids": GOOD, "points": npy(np.zeros((2, 9)))[:-8]}, "disagree"),
    "data to spare": ({"ids": GOOD, "points": npy(np.zeros((2, 9))) + b"12345678"}, "disagree"),
    "not an array": ({"ids": GOOD, "points": b"#!/bin/sh\nrm -rf /\n"}, "not a readable"),
    "empty member": ({"ids": GOOD, "points": b""}, "not a readable"),
    "header is code": ({"ids": GOOD, "points": b"\x93NUMPY\x01\x00\x10\x00__import__('os')"}, "not a readable"),
    "path as name": ({"ids": GOOD, "../../etc/passwd": npy(np.zeros(2))}, "array name"),
    "void type": ({"ids": GOOD, "points": npy(np.zeros(2, dtype="V4"))}, "not"),
}


@pytest.mark.parametrize(("members", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_get_one_clear_error(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    path = write(tmp_path / "p.npz", **members)
    with pytest.raises(InputError, match=message) as caught:
        load_predictions(path)
    assert caught.value.file == path


def test_an_array_stored_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ids.npy", GOOD)
        archive.writestr("points.npy", npy(np.zeros(2)))
        archive.writestr("points", npy(np.ones(2)))
    with pytest.raises(InputError, match="twice"):
        load_predictions(path)


ANY_HEADER = st.fixed_dictionaries(
    {
        "descr": st.sampled_from(
            ["<f8", "|u1", "<U3", "|O", "<M8[s]", "<c16", "|S5", "|V3", "<f3", "", [("a", "<f8")], 7]
        ),
        "fortran_order": st.sampled_from([True, False, None, 2]),
        "shape": st.lists(st.integers(-(2**70), 2**70) | st.integers(0, 4), max_size=4).map(tuple) | st.none(),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(st.sampled_from(["ids", "points", "uv"]), ANY_HEADER, max_size=3),
    data=st.binary(max_size=64),
)
def test_any_header_gives_predictions_or_an_input_error(tmp_path: Path, headers: dict[str, Any], data: bytes) -> None:
    members = {}
    for name, fields in headers.items():
        text = repr(fields).encode() + b"\n"
        members[name] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data
    path = write(tmp_path / "p.npz", **members)
    with suppress(InputError):  # anything else that is raised fails the test
        assert set(load_predictions(path).arrays) == headers.keys() - {"ids"}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), member=st.binary(max_size=200))
def test_any_bytes_give_an_input_error(tmp_path: Path, content: bytes, member: bytes) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_predictions(path)
    with pytest.raises(InputError):
        load_predictions(write(path, ids=GOOD, points=member))


def test_missing_files_and_other_formats(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_predictions(tmp_path / "absent.npz")
    for content in (b"", b"hello", npy(np.zeros(3)), b"PK\x03\x04" + bytes(40)):
        path = tmp_path / "p.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a readable"):
            load_predictions(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    save_predictions(whole, Predictions.of(["a", "b"], {"points": np.random.default_rng(0).normal(size=(2, 5))}))
    content = whole.read_bytes()
    cut = tmp_path / "cut.npz"
    for length in range(0, len(content) - 1, 7):
        cut.write_bytes(content[:length])
        with pytest.raises(InputError):
            load_predictions(cut)


def test_flipped_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    written = Predictions.of(["a", "b"], {"points": np.random.default_rng(0).normal(size=(2, 5))})
    save_predictions(whole, written)
    content = whole.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for position in range(len(content)):
        broken = bytearray(content)
        broken[position] ^= int(rng.integers(1, 256))
        path = tmp_path / "p.npz"
        path.write_bytes(broken)
        try:
            read = load_predictions(path)
        except InputError:
            refused += 1
        else:  # a byte that carries no data (a time stamp, a member's name), or one that hides a member
            for array in read.arrays.values():
                np.testing.assert_array_equal(array, written.arrays["points"])
    assert refused > len(content) // 2


def test_a_decompression_bomb_is_refused_before_it_inflates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSUSPICIOUS", 2**25)
    path = tmp_path / "bomb.npz"
    size = 2 * module.UNSUSPICIOUS
    chunk = bytes(2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("ids.npy", npy(np.array(["a"])))
        with archive.open("points.npy", "w", force_zip64=True) as stream:
            stream.write(header((1, size), "|u1"))
            for _ in range(size // len(chunk)):
                stream.write(chunk)
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="suspiciously"):
        load_predictions(path)


def test_more_than_the_allowed_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.npz"
    save_predictions(path, Predictions.of(["a"], {"points": np.zeros((1, 100))}))
    monkeypatch.setattr(module, "LARGEST", 500)
    with pytest.raises(InputError, match="allowed"):
        load_predictions(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.npz")
    for path in (tmp_path / "p.npz", tmp_path):
        with pytest.raises(InputError, match="not a file"):
            load_predictions(path)
