"""Every reader on damaged files: a correct result or an `InputError`, never another exception, a hang, or much memory.

A valid file is drawn, then damaged: bytes cut, flipped, inserted, repeated or overwritten with extreme integers, in the
file or beneath its compression (members of a zip, the inflated variables of a ``.mat``, the PNG within base64); JSON
also by replacing values of its tree. What is accepted is compared with an independent reading where there is one.

``CORE_FORMATS_FUZZ=thorough`` tries far more; the README says how many cases were tried.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core_eval import InputError
from core_formats import Prediction
from core_formats.checks import fault
from core_formats.mat_file import Cell, read_mat
from core_formats.plugin import FORMATS

EXAMPLES = {"thorough": 1000}.get(os.environ.get("CORE_FORMATS_FUZZ", ""), 60)
MEMORY = 64 * 2**20  # bytes; the files here have a few KiB
SECONDS = 5.0  # of CPU time

fuzz = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
tried: list[str] = []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("fuzz")
    print(f"\n{len(tried)} damaged files were read")


def attempt(name: str, path: Path, content: bytes) -> list[Prediction] | None:
    """What the reader makes of the bytes, with every promise checked; None if it refuses them."""
    path.write_bytes(content)
    tried.append(name)
    reader = FORMATS[name]()
    start = time.process_time()
    tracemalloc.start()
    try:
        reader.recognises(path)
        try:
            found = list(reader.read(path))
            for prediction in found:
                check(prediction)
        except InputError as reason:
            refusal = str(reason)
        else:
            return found
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MEMORY
        assert time.process_time() - start < SECONDS
    assert str(path) in refusal
    assert refusal.isprintable()
    return None


def check(prediction: Prediction) -> None:
    assert prediction.id
    assert prediction.id.isprintable()
    assert prediction.arrays
    for key in prediction.arrays:
        array = np.asarray(prediction.arrays[key])
        assert key.isidentifier()
        assert array.dtype.kind in "biufcU"
        assert fault(key, array) == ""


EXTREME = st.sampled_from([0, 1, 4, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63, 2**64 - 1])


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` after one to three accidents."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        what = draw(st.sampled_from(["cut", "flip", "insert", "delete", "repeat", "integer", "swap"]))
        if what == "cut":
            del data[at:]
        elif what == "flip" and data:
            data[at] ^= draw(st.integers(1, 255))
        elif what == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=12))
        elif what == "delete":
            del data[at : at + draw(st.integers(1, 64))]
        elif what == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 256))]
        elif what == "integer":
            size, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from(["little", "big"]))
            data[at : at + size] = (draw(EXTREME) % 2 ** (8 * size)).to_bytes(size, order)
        elif what == "swap":
            other = draw(st.integers(0, max(len(data) - 1, 0)))
            one, two = data[at : at + 8], data[other : other + 8]
            data[at : at + 8], data[other : other + 8] = two, one
    return bytes(data)


NUMBER = st.floats(-500, 500, width=32)
IDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, categories=["L", "N", "P"]), min_size=1, max_size=8)


def pairs(count: int, width: int = 2) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(NUMBER, min_size=width, max_size=width), min_size=count, max_size=count)


OURS = st.lists(
    st.fixed_dictionaries({"id": IDS, "points": pairs(3), "label": st.integers(0, 9)}), min_size=1, max_size=3
)
KEYPOINTS = st.fixed_dictionaries({
    "image_id": st.integers(0, 3), "category_id": st.just(1), "score": st.floats(0, 1),
    "keypoints": st.lists(NUMBER, min_size=6, max_size=6), "bbox": st.just([1, 2, 3.5, 4]),
})  # fmt: skip
MARKS = st.fixed_dictionaries({"landmarks": st.fixed_dictionaries({"points": pairs(3)}), "labels": st.just([])})
LJSON = st.one_of(
    MARKS.map(lambda marks: {"version": 2, **marks}),
    MARKS.map(lambda marks: {"version": 3, "groups": {"PTS": marks}}),
    pairs(2).map(lambda rows: {"version": 1, "groups": [{"landmarks": [{"point": row} for row in rows]}]}),
)


def png(seed: int, height: int, width: int) -> bytes:
    stream = io.BytesIO()
    iuv = np.random.default_rng(seed).integers(0, 25, (height, width, 3), dtype=np.uint8)
    Image.fromarray(iuv).save(stream, format="png")
    return stream.getvalue()


@st.composite
def dense(draw: st.DrawFn, broken: bool = False) -> dict[str, Any]:
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    image = png(draw(st.integers(0, 99)), height, width)
    image = draw(damaged(image)) if broken else image
    return {
        "image_id": draw(st.integers(0, 2)), "category_id": 1, "bbox": [0, 0, width, height], "score": 0.5,
        "uv_shape": [3, height, width], "uv_data": base64.b64encode(image).decode(),
    }  # fmt: skip


DENSE = st.lists(dense(), min_size=1, max_size=3)
TREES = {
    "json": OURS,
    "coco-keypoints": st.lists(KEYPOINTS, min_size=1, max_size=4),
    "ljson": LJSON,
    "densepose": DENSE,
}
HOSTILE = st.sampled_from([
    None, True, [], {}, "", "x", "\0", "\ud800", -1, 0, 2**31, 2**64, 10**400, 1e308, math.nan, math.inf, [[]], [None],
    [[[[1]]]], {"id": 1}, "A" * 5000, [1] * 5000, [[1.0, 2.0]] * 500, [[1, 2], [3]], "Infinity", 1e-320, -0.0,
])  # fmt: skip


@st.composite
def altered(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one value replaced, removed, or put under another key."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(tree)))
        if not draw(st.integers(0, 5)):
            return {draw(st.sampled_from(["id", "points", "x", "", "ids", "a b"])): tree[key]} | tree
        rest = {name: value for name, value in tree.items() if name != key}
        return rest if not draw(st.integers(0, 5)) else rest | {key: draw(altered(tree[key]))}
    if isinstance(tree, list) and tree and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(tree) - 1))
        return [*tree[:at], draw(altered(tree[at])), *tree[at + draw(st.integers(0, 1)) :]]
    return draw(HOSTILE)


def suffix(name: str) -> str:
    return "p.ljson" if name == "ljson" else "p.json"


@pytest.mark.parametrize("name", TREES)
@fuzz
@given(data=st.data())
def test_json_with_other_values(name: str, folder: Path, data: st.DataObject) -> None:
    tree = data.draw(altered(data.draw(TREES[name])))
    found = attempt(name, folder / suffix(name), json.dumps(tree).encode())
    agrees(name, found, tree)


@pytest.mark.parametrize("name", TREES)
@fuzz
@given(data=st.data())
def test_json_with_other_bytes(name: str, folder: Path, data: st.DataObject) -> None:
    content = data.draw(damaged(json.dumps(data.draw(TREES[name])).encode()))
    found = attempt(name, folder / suffix(name), content)
    if found is not None:
        agrees(name, found, json.loads(content.decode("utf-8-sig")))


def agrees(name: str, found: list[Prediction] | None, tree: Any) -> None:
    """What was accepted is what plain Python reads in the tree."""
    if found is None:
        return
    if name == "json":
        assert [one.id for one in found] == [item["id"] for item in tree]
        for one, item in zip(found, tree, strict=True):
            for key, array in one.arrays.items():
                np.testing.assert_array_equal(array, np.array(item[key], dtype=array.dtype))
    elif name == "ljson":
        holder = next(iter(tree["groups"].values())) if tree["version"] == 3 else tree
        marks = (
            [mark["point"] for group in tree["groups"] for mark in group["landmarks"]] if tree["version"] == 1 else None
        )
        yx = np.array(marks or holder["landmarks"]["points"], dtype=np.float64)
        np.testing.assert_array_equal(found[0].arrays["points"], yx[:, ::-1])
    else:
        images = list(dict.fromkeys(str(item["image_id"]) for item in tree))
        assert [one.id for one in found] == images
        for one in found:
            items = [item for item in tree if str(item["image_id"]) == one.id]
            np.testing.assert_array_equal(one.arrays["scores"], [item["score"] for item in items])
            if name == "coco-keypoints":
                flat = np.array([item["keypoints"] for item in items], dtype=np.float64)
                np.testing.assert_array_equal(one.arrays["points"], flat.reshape(len(items), -1, 3)[..., :2])


@fuzz
@given(data=st.data())
def test_pictures_with_other_bytes(folder: Path, data: st.DataObject) -> None:
    items = data.draw(st.lists(dense(broken=True), min_size=1, max_size=2))
    found = attempt("densepose", folder / "p.json", json.dumps(items).encode())
    for one in found or ():
        assert one.arrays["iuv"].shape[1:] == (*np.asarray(one.arrays["sizes"]).max(axis=0), 3)


def wide(rows: list[tuple[str, list[list[float]]]]) -> str:
    lines = [f'"{sample}",{x0},{y0},{x1},{y1}\n' for sample, ((x0, y0), (x1, y1)) in rows]
    return "id,x0,y0,x1,y1\n" + "".join(lines)


def long(rows: list[tuple[str, list[list[float]]]]) -> str:
    lines = [f'"{sample}",{point},{x},{y}\n' for sample, points in rows for point, (x, y) in enumerate(points)]
    return "id,point,x,y\n" + "".join(lines)


PLAIN = st.text("abcxyz_/.-0123456789", min_size=1, max_size=8)
ROWS = st.lists(st.tuples(PLAIN, pairs(2)), min_size=1, max_size=4, unique_by=lambda row: row[0])


@pytest.mark.parametrize("form", [wide, long])
@fuzz
@given(data=st.data())
def test_csv(form: Callable[[Any], str], folder: Path, data: st.DataObject) -> None:
    rows = data.draw(ROWS)
    content = form(rows).encode()
    whole = attempt("csv", folder / "p.csv", content)
    assert whole is not None
    for one, (sample, points) in zip(whole, rows, strict=True):
        assert one.id == sample
        np.testing.assert_array_equal(one.arrays["points"], points)
    attempt("csv", folder / "p.csv", data.draw(damaged(content)))


@fuzz
@given(data=st.data())
def test_pts(folder: Path, data: st.DataObject) -> None:
    rows = data.draw(pairs(3))
    text = "version: 1\nn_points: 3\n{\n" + "".join(f"{x} {y}\n" for x, y in rows) + "}\n"
    found = attempt("pts", folder / "p.pts", data.draw(damaged(text.encode())))
    for one in found or ():
        assert one.arrays["points"].ndim == 2


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


ARRAYS = {
    "npz": {"ids": np.array(["a", "b"]), "points": np.arange(8.0).reshape(2, 2, 2)},
    "videopose3d": {"S9/Walking": np.arange(12.0).reshape(2, 2, 3), "S9/Eating": np.ones((1, 2, 3))},
}


@pytest.mark.parametrize("name", ARRAYS)
@fuzz
@given(data=st.data())
def test_npz(name: str, folder: Path, data: st.DataObject) -> None:
    members = {key: npy(array) for key, array in ARRAYS[name].items()}
    if data.draw(st.booleans()):  # beneath the zip's own check sums
        key = data.draw(st.sampled_from(sorted(members)))
        content = zipped(members | {key: data.draw(damaged(members[key]))})
    else:
        content = data.draw(damaged(zipped(members)))
    attempt(name, folder / "p.npz", content)


def saved(**content: Any) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, content)
    return stream.getvalue()


def toolkit() -> bytes:
    listed = np.zeros((1, 2), dtype=[("x", object), ("y", object), ("id", object)])
    listed[0, 0], listed[0, 1] = (1.5, 2.5, 0.0), (3.0, 4.0, 9.0)
    inner: Any = listed
    for name in ("point", "annopoints", "annorect"):
        holder = np.zeros((1, 1), dtype=[(name, object)])
        holder[name][0, 0] = inner
        inner = holder
    return saved(pred=inner, note="text")


MATS = {
    "mpii": [saved(preds=np.arange(96.0).reshape(3, 16, 2)), toolkit()],
    "lsp": [saved(pred=np.ones((2, 14, 1000), dtype=np.uint8), other=np.array([1, "a"], dtype=object))],
}


@pytest.mark.parametrize("name", MATS)
@fuzz
@given(data=st.data())
def test_mat(name: str, folder: Path, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(MATS[name]))
    if data.draw(st.booleans()):  # not in the header, and what is compressed beneath the compression
        content = content[:128] + data.draw(damaged(content[128:]))
    else:
        content = data.draw(damaged(content))
    if data.draw(st.booleans()):
        packed = zlib.compress(content[128:])
        content = content[:128] + struct.pack("<II", 15, len(packed)) + packed
    path = folder / "p.mat"
    attempt(name, path, content)
    try:
        ours = read_mat(path)
    except InputError:
        return
    if content[128:132] == struct.pack("<I", 15):
        return  # several variables in one compressed element: scipy reads on in its own way
    if 0 in content[:4]:
        return  # scipy takes it for a file of level 4, and its sizes for those
    try:
        theirs = scipy.io.loadmat(path)  # safe: every size was found sound
    except (TypeError, ValueError):
        return  # scipy is stricter about text and names
    for key, value in ours.items():
        if isinstance(value, np.ndarray) and key in theirs:
            np.testing.assert_array_equal(value, theirs[key])
        elif isinstance(value, Cell) and key in theirs:
            assert theirs[key].shape == value.shape
