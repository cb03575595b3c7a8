"""Files made by someone who means harm, or by accident: one clear error each, and nothing allocated for it."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

import core_formats.densepose as densepose
import core_formats.json_text as json_text
import core_formats.mat_file as mat_file
from core_eval import InputError
from core_formats import read
from core_formats.mat_file import read_mat


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """No test here may allocate more than 64 MiB."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


def refused(path: Path, content: bytes | str, name: str, message: str) -> InputError:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read(path, name)
    assert str(path.parent) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


JSON = [
    ("[" * 2_000_000, "expected an object|nested too deeply"),
    ('[{"id": "a", "points": ' + "[" * 100_000, "entry 1: nested too deeply"),
    ('[{"id": "a", "points": ' + "[" * 200 + "]" * 200 + "}]", "entry 1"),
    ('[{"id": "a", "points": ' + '{"x":' * 100_000, "entry 1: nested too deeply"),
    ('[{"id": "a", "id": "b", "points": [[1, 2]]}]', "key 'id' is there twice"),
    ('[{"id": "a", "points": [[1, 2]], "points": [[3, 4]]}]', "key 'points' is there twice"),
    ('[{"id": "a", "points": [[1, Infinity]]}]', "Infinity is no number"),
    ('[{"id": "a", "points": [[1, -Infinity]]}]', "-Infinity is no number"),
    ('[{"id": "a", "points": [[1, 1e999]]}]', "a number is infinite .*sample a, field points"),
    ('[{"id": "a", "points": [[1, ' + "9" * 400 + "]]}]", "too large"),
    ('[{"id": "a", "points": [[1, ' + "9" * 5000 + "]]}]", "a number is too long"),
    ('[{"id": "a", "points": [[1, null]]}]', "NaN for one coordinate"),
    ('[{"id": "a", "scores": [NaN]}]', "entry 1: a number is NaN .*field scores"),
    ('[{"id": "a", "points": [[1, "2"]]}]', "expected numbers, got"),
    ('[{"id": "a", "points": [[1, "2", null]]}]', "expected numbers, got"),
    ('[{"id": "a", "points": [[1, 2], [3]]}]', "differ in length"),
    ('[{"id": "a", "points": [[1, 2, 3]]}]', "expected 2 numbers in the last axis"),
    ('[{"id": "a", "points": {"x": 1}}]', "expected numbers"),
    ('[{"id": "a", "points": [[true, false]]}]', "expected numbers, got true or false"),
    ('[{"id": "a", "part": [[256]]}]', "a value is no uint8"),
    ('[{"id": "a", "visible": [2]}]', "a value is no bool"),
    ('[{"id": "a", "label": 1.5}]', "a value is no int64"),
    ('[{"id": "a", "../x": [1]}]', "not a usable array name"),
    ('[{"id": "a"}]', "has no array"),
    ('[{"points": [[1, 2]]}]', "entry 1: expected printable text, got None"),
    ('[{"id": 7, "points": [[1, 2]]}]', "expected printable text, got 7"),
    ('[{"id": "a\\nb", "points": [[1, 2]]}]', r"got 'a\\nb'"),
    ('[{"id": "\\ud800", "points": [[1, 2]]}]', "expected printable text"),
    ('[{"id": "' + "x" * 2000 + '", "points": [[1, 2]]}]', "expected printable text"),
    ('[{"id": "a", "points": [[1, 2]]}', "expected a comma or the end"),
    ('[{"id": "a", "points": [[1, 2]]},]', "entry 2: not JSON"),
    ('[{"id": "a", "points": [[1, 2]]}] x', "something follows"),
    ("[1, 2]", "entry 1: expected an object, got 1"),
    ('{"ids": ["a"]}', "expected a list of objects"),
    ("", "expected a list of objects"),
    (b"\xff\xfe[\0", "is not UTF-8 at byte 0"),
    (b'[{"id": "\xff"}]', "is not UTF-8 at byte 9"),
]


@pytest.mark.parametrize(("content", "message"), JSON)
def test_json(tmp_path: Path, content: str, message: str) -> None:
    refused(tmp_path / "p.json", content, "json", message)


def test_large_json_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = '[{"id": "a", "points": [[1, 2]]}]'
    monkeypatch.setattr(json_text, "VALUES", 4)
    refused(tmp_path / "p.json", content, "json", "more than the 4 values")
    monkeypatch.setattr(json_text, "LARGEST", 16)
    refused(tmp_path / "p.json", content, "json", "larger than")


CSV = [
    ("", "line 1: expected the header"),
    ("id\na\n", "line 1: expected the header"),
    ("id,x0,y0,x2,y2\n", "expected the header"),
    ("id,x0,y0,x1\n", "expected the header"),
    ("id;x0;y0\na;1;2\n", "expected the header"),
    ("id,x0,y0\na,1\n", "line 2: 2 fields, the header has 3 .*sample a"),
    ("id,x0,y0\na,1,2,3\n", "line 2: 4 fields"),
    ("id,x0,y0\na,1,x\n", "line 2: expected a number, got 'x' .*sample a, field y0"),
    ("id,x0,y0\na,1,1_0\n", "expected a number"),
    ("id,x0,y0\na,1,\uff11\n", "expected a number"),
    ("id,x0,y0\na,1,inf\n", "line 2: a number is infinite .*sample a, field points"),
    ("id,x0,y0\na,1,1e999\n", "a number is infinite"),
    ("id,x0,y0\na,1,\n", "NaN for one coordinate"),
    ("id,x0,y0\n,1,2\n", "line 2: expected printable text"),
    ('id,x0,y0\n"a,1,2\n', "not readable as CSV"),
    ("id,x0,y0\na\0,1,2\n", "line 2: holds a zero byte"),
    (b"id,x0,y0\n\xff,1,2\n", "is not UTF-8"),
    ("id,x0,y0\n" + "a" * 2_000_000 + ",1,2\n", "line 2: longer than"),
    ("id,point,x,y\na,0,1,2\na,0,3,4\n", "line 3: point 0 is there twice"),
    ("id,point,x,y\na,1,1,2\n", "line 2: point 0 is absent"),
    ("id,point,x,y\na,0,1,2\nb,0,1,2\na,1,3,4\n", "line 4: point 0 is absent .rows"),
    ("id,point,x,y\na,99999999999,1,2\n", "expected the number of a point"),
    ("id,point,x,y\na,99999,1,2\n", "point 0 is absent"),
    ("id,point,x,y\na,-1,1,2\n", "expected the number of a point"),
    ("id,point,x,y,score\na,0,1,2,\n", "a number is NaN .*field confidence"),
]


@pytest.mark.parametrize(("content", "message"), CSV)
def test_csv(tmp_path: Path, content: str, message: str) -> None:
    refused(tmp_path / "p.csv", content, "csv", message.replace(" .rows", r" \(the rows"))


LJSON = [
    ('{"version": 4}', "expected version 1, 2 or 3, got 4"),
    ('{"version": true}', "expected version"),
    ("[]", "expected version"),
    ('{"version": 2}', "no points where version 2 has them"),
    ('{"version": 2, "landmarks": 5}', "no points where version 2"),
    ('{"version": 1, "groups": [{"landmarks": [{}]}]}', "no points where version 1"),
    ('{"version": 3, "groups": []}', "no points where version 3"),
    ('{"version": 3, "groups": {}}', "expected one group, there are 0"),
    ('{"version": 2, "landmarks": {"points": []}}', r"expected \(P, 2\) points"),
    ('{"version": 2, "landmarks": {"points": [[1, 2, 3]]}}', r"got shape \(1, 3\)"),
    ('{"version": 2, "landmarks": {"points": [[1, "a"]]}}', "expected numbers"),
    ('{"version": 2, "landmarks": {"points": [[1, 1e999]]}}', "infinite"),
    ('{"version": 2, "version": 2}', "there twice"),
    ('{"version": 2, "landmarks": ' + "[" * 100_000, "nested too deeply"),
    ("{" + " " * 2**20 + "}", "larger than the 1 MiB"),
]


@pytest.mark.parametrize(("content", "message"), LJSON)
def test_ljson(tmp_path: Path, content: str, message: str) -> None:
    refused(tmp_path / "p.ljson", content, "ljson", message)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", ["json", "csv", "ljson", "mpii", "npz", "pts", "videopose3d"])
def test_pipes_and_folders_are_not_read_as_files(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a file"):
        read(tmp_path / "pipe", name)
    if name not in ("pts", "ljson"):
        with pytest.raises(InputError):
            read(tmp_path, name)


@pytest.mark.parametrize(("name", "suffix"), [("pts", ".pts"), ("ljson", ".ljson")])
def test_links_are_not_followed(tmp_path: Path, name: str, suffix: str) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("version: 1\nn_points: 1\n{\n1 1\n}\n")
    (folder / f"a{suffix}").symlink_to(secret)
    with pytest.raises(InputError, match="a symbolic link"):
        read(folder, name)
    (folder / f"a{suffix}").unlink()
    (folder / "up").symlink_to(tmp_path)
    with pytest.raises(InputError, match=f"holds no {suffix} file"):
        read(folder, name)
    (folder / f"b{suffix}").mkdir()
    with pytest.raises(InputError, match="not a file"):
        read(folder, name)


def test_pts_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 2\n{\n1 1\nnan 1\n}\n")
    with pytest.raises(InputError, match=r"line 5: a coordinate is not finite.*a\.pts"):
        read(tmp_path)


GOOD: dict[str, Any] = {"image_id": 1, "category_id": 1, "keypoints": [1.0, 2.0, 0.5] * 17, "score": 0.5}
COCO = [
    ({"image_id": None}, "entry 1: expected printable text, got None .*field image_id"),
    ({"image_id": True}, "got True"),
    ({"image_id": 1.5}, "got 1.5"),
    ({"image_id": 10**30}, "a very large number"),
    ({"category_id": 2}, "only category 1 is scored, got 2 .*sample 1, field category_id"),
    ({"category_id": None}, "only category 1"),
    ({"category_id": True}, "only category 1"),
    ({"score": None}, "not finite"),
    ({"score": [0.5]}, "expected one number"),
    ({"score": "high"}, "expected numbers, got text"),
    ({"score": float("nan")}, "not finite"),
    ({"keypoints": None}, "not finite, or null"),
    ({"keypoints": []}, "expected x, y and a number"),
    ({"keypoints": [1, 2]}, "expected x, y and a number"),
    ({"keypoints": [[1, 2, 3]]}, "expected x, y and a number"),
    ({"keypoints": [1, None, 3]}, "not finite"),
    ({"bbox": [1, 2, 3]}, "expected x, y, width, height"),
    ({"bbox": [1, 2, -3, 4]}, "expected x, y, width, height"),
    ({"bbox": [1, 2, 3, None]}, "not finite"),
]


@pytest.mark.parametrize(("change", "message"), COCO)
def test_coco(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    refused(tmp_path / "p.json", json.dumps([GOOD | change]), "coco-keypoints", message)


def test_coco_detections_must_be_alike(tmp_path: Path) -> None:
    other = GOOD | {"keypoints": [1.0, 2.0, 0.5] * 16}
    refused(tmp_path / "p.json", json.dumps([GOOD, other]), "coco-keypoints", "entry 2: 16 key points without a box")
    boxed = GOOD | {"bbox": [1, 2, 3, 4]}
    refused(tmp_path / "p.json", json.dumps([GOOD, boxed]), "coco-keypoints", "entry 2: 17 key points with a box")
    refused(tmp_path / "p.json", "[]", "coco-keypoints", "holds no detection")


def png(iuv: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(iuv).save(stream, format="png", **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def declared(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that declares any size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


SMALL = png(np.zeros((4, 3, 3), dtype=np.uint8))
DENSE = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 3, 4], "score": 0.5, "uv_shape": [3, 4, 3]}
DENSEPOSE = [
    ({"uv_shape": [3, 4]}, SMALL, "expected .3, rows, columns"),
    ({"uv_shape": [1, 4, 3]}, SMALL, "expected .3, rows, columns"),
    ({"uv_shape": [3, 4.0, 3]}, SMALL, "expected .3, rows, columns"),
    ({"uv_shape": [3, 0, 3]}, SMALL, "1 to 16384"),
    ({"uv_shape": [3, 10**9, 10**9]}, SMALL, "1 to 16384"),
    ({"uv_shape": [3, 4, 4]}, SMALL, "the PNG has 4 rows and 3 columns, uv_shape says 4 and 4"),
    ({"uv_shape": None}, SMALL, "expected .3, rows, columns"),
    ({"bbox": []}, SMALL, "expected x, y, width, height"),
    ({"bbox": [0, 0, 4.5, 4]}, SMALL, "fewer rows or columns than the box"),
    ({}, SMALL[:-28], "cannot be decoded"),
    ({}, SMALL[:40], "cannot be decoded"),
    ({}, SMALL[:20], "expected a PNG"),
    ({}, b"", "expected a PNG"),
    ({}, b"GIF89a" + bytes(60), "8-bit RGB PNG"),
    ({}, png(np.zeros((4, 3), dtype=np.uint8)), "8-bit RGB PNG"),
    ({}, png(np.zeros((4, 3, 4), dtype=np.uint8)), "8-bit RGB PNG"),
    ({"uv_shape": [3, 9000, 9000]}, declared(9000, 9000, b"\0"), "cannot be decoded"),
    ({"uv_data": "%%%"}, SMALL, "a PNG in base64"),
    ({"uv_data": "\u00e9"}, SMALL, "a PNG in base64"),
    ({"uv_data": None}, SMALL, "a PNG in base64"),
    ({"uv_data": [1]}, SMALL, "a PNG in base64"),
]


@pytest.mark.parametrize(("change", "image", "message"), DENSEPOSE)
def test_densepose(tmp_path: Path, change: dict[str, Any], image: bytes, message: str) -> None:
    item = DENSE | {"uv_data": base64.b64encode(image).decode()} | change
    error = refused(tmp_path / "p.json", json.dumps([item]), "densepose", message.replace(".3", r"\[3"))
    assert error.sample == "1"


def test_many_small_pictures_of_large_maps_are_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = 500
    image = base64.b64encode(png(np.zeros((side, side, 3), dtype=np.uint8))).decode()
    item = DENSE | {"uv_shape": [3, side, side], "uv_data": image}
    monkeypatch.setattr(densepose, "UNSUSPICIOUS", 2**20)
    refused(tmp_path / "p.json", json.dumps([item] * 3), "densepose", "entry 2: the maps inflate")


def test_padding_the_maps_of_an_image_is_bounded(tmp_path: Path) -> None:
    items = []
    for height, width in ((16384, 1), (1, 16384), (1, 1)):
        image = base64.b64encode(png(np.zeros((height, width, 3), dtype=np.uint8))).decode()
        items.append(DENSE | {"bbox": [0, 0, 1, 1], "uv_shape": [3, height, width], "uv_data": image})
    refused(tmp_path / "p.json", json.dumps(items * 2), "densepose", "too large together")


def test_pickled_poses_are_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "data_3d_h36m.npz"
    np.savez(path, positions_3d=np.array({"S1": {"Walking": np.zeros((3, 17, 3))}}, dtype=object))
    with pytest.raises(InputError, match=r"never read\. Save plain arrays instead: np\.savez_compressed"):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"positions_3d": np.zeros((2, 3))}, "expected .* got float64"),
        ({"positions_3d": np.zeros((2, 17, 2))}, "expected"),
        ({"positions_3d": np.zeros((2, 0, 3))}, "expected"),
        ({"positions_3d": np.full((1, 2, 3), np.inf)}, "infinite"),
        ({"S1/a": np.array(["x"])}, "expected"),
        ({"a/b\n": np.zeros((1, 2, 3))}, "expected printable text"),
    ],
)
def test_videopose3d(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("ids", "array", "message"),
    [
        (["a", "b"], [[[1.0, 2.0]], [[np.inf, 1.0]]], "row 1: a number is infinite .*sample b, field points"),
        (["a", "b"], [[[1.0, 2.0]], [[np.nan, 1.0]]], "row 1: a point has NaN for one"),
        (["a", "b"], [[1.0], [1.0]], "row 0: expected 2 numbers in the last axis"),
        (["a", ""], [[[1.0, 2.0]]] * 2, "row 1: expected printable text"),
        (["a"], [[[1.0, 2.0]]] * 2, "expected 1 rows"),
    ],
)
def test_npz(tmp_path: Path, ids: list[str], array: Any, message: str) -> None:
    np.savez(tmp_path / "p.npz", ids=np.array(ids), points=np.array(array))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "p.npz")


def element(kind: int, data: bytes, size: int | None = None) -> bytes:
    return struct.pack("<II", kind, len(data) if size is None else size) + data + bytes(-len(data) % 8)


def matrix(cls: int, shape: tuple[int, ...], values: bytes, name: bytes = b"pred") -> bytes:
    head = element(6, struct.pack("<II", cls, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, head + element(1, name) + values)


HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
ONE = element(9, struct.pack("<d", 1.0))
FIELDS = element(5, struct.pack("<i", 8)) + element(1, b"x".ljust(8, b"\0") * 2)


def nested(depth: int) -> bytes:
    start = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"")
    sizes = [len(start) + 8]
    for _ in range(depth - 1):
        sizes.append(sizes[-1] + len(start) + 8)
    return b"".join(struct.pack("<II", 14, size) + start for size in reversed(sizes)) + struct.pack("<II", 14, 0)


MAT = [
    (b"", "does not begin like one of level 5"),
    (HEAD[:126], "does not begin"),
    (HEAD[:-2] + b"XX", "does not begin"),
    (b"MATLAB 7.3 MAT-file" + HEAD[19:] + bytes(384) + b"\x89HDF\r\n\x1a\n", "save it again with -v7"),
    (b"\x89HDF\r\n\x1a\n" + bytes(600), "save it again with -v7"),
    (HEAD + b"abc", "ends within an element"),
    (HEAD + element(14, b"", 2**32 - 1), "declares more bytes than there are"),
    (HEAD + matrix(6, (1, 1), element(9, b"12345678", 2**31)), "declares more bytes"),
    (HEAD + matrix(6, (2**31 - 1,) * 32, ONE), "numbers and dimensions disagree"),
    (HEAD + matrix(6, (1, 2), ONE), "numbers and dimensions disagree"),
    (HEAD + matrix(6, (-1, -1), ONE), "unusable flags or dimensions"),
    (HEAD + matrix(6, (1,), ONE), "unusable flags or dimensions"),
    (HEAD + matrix(6, (1, 1), b""), "numbers and dimensions disagree"),
    (HEAD + matrix(6, (1, 1), element(300, b"12345678")), "numbers and dimensions disagree"),
    (HEAD + matrix(6, (1, 1), element(19, b"12345678")), "numbers and dimensions disagree"),
    (HEAD + matrix(6, (1, 1), ONE + ONE), "something follows"),
    (HEAD + matrix(1, (40000, 40000), b""), "fewer elements than it declares"),
    (HEAD + matrix(1, (1, 1), ONE), "other elements than it declares"),
    (HEAD + matrix(2, (40000, 40000), FIELDS), "has a field twice"),
    (HEAD + matrix(2, (40000, 40000), FIELDS.replace(b"x\0", b"y\0", 1)), "fewer elements"),
    (HEAD + matrix(2, (1, 1), element(5, struct.pack("<i", 0)) + element(1, b"x")), "unusable field names"),
    (HEAD + matrix(3, (1, 1), ONE), "is complex, sparse, an object or a function"),
    (HEAD + matrix(5, (1, 1), ONE), "is complex, sparse"),
    (HEAD + matrix(17, (1, 1), ONE), "is complex, sparse"),
    (HEAD + matrix(4, (1, 1), element(16, b"\xff")), "not encoded as it declares"),
    (HEAD + matrix(4, (1, 1), element(9, b"12345678")), "not encoded as text"),
    (HEAD + matrix(6, (1, 1), ONE, b"a\n"), "not printable"),
    (HEAD + matrix(6, (1, 1), ONE) * 2, "is there twice"),
    (HEAD + element(9, b"12345678"), "where a variable is expected"),
    (HEAD + nested(100_000), "nested too deeply"),
    (HEAD + element(15, b"not zlib"), "compressed variable is damaged"),
    (HEAD + element(15, zlib.compress(matrix(6, (1, 1), ONE))[:-5]), "cut off|damaged"),
    (HEAD + element(15, zlib.compress(b"")), "where a variable is expected"),
    (HEAD + struct.pack("<HHI", 14, 7, 0), "small element is too large"),
]


@pytest.mark.parametrize(("content", "message"), MAT, ids=range(len(MAT)))
@pytest.mark.parametrize("name", ["mpii", "lsp"])
def test_mat(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    refused(tmp_path / "p.mat", content, name, message)


def test_a_mat_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat_file, "LARGEST", 2**20)
    bomb = zlib.compress(bytes(2**24))
    refused(tmp_path / "p.mat", HEAD + element(15, bomb), "lsp", "inflates to more than 1 MiB")
    half = zlib.compress(matrix(9, (1, 600_000), element(2, bytes(600_000))))
    content = HEAD + 2 * (struct.pack("<II", 15, len(half)) + half)
    refused(tmp_path / "p.mat", content, "lsp", "inflates to more than 1 MiB")
    monkeypatch.setattr(mat_file, "MATRICES", 3)
    path = tmp_path / "many.mat"
    scipy.io.savemat(path, {"c": np.array([1, "x", 2, 3], dtype=object)})
    with pytest.raises(InputError, match="too many arrays"):
        read_mat(path)


def person(**change: Any) -> dict[str, Any]:
    listed = np.zeros((1, 2), dtype=[(name, object) for name in {"x": 1.0, "y": 2.0, "id": 0.0} | change])
    for index in range(2):
        for name, value in ({"x": 1.0, "y": 2.0, "id": float(index)} | change).items():
            listed[name][0, index] = value
    inner: Callable[[str, Any], np.ndarray] = lambda name, value: np.array([[(value,)]], dtype=[(name, object)])  # noqa: E731
    return {"pred": inner("annorect", inner("annopoints", inner("point", listed)))}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (person(id=16.0), "joint 16.0 is not in 0..15"),
        (person(id=0.5), "joint 0.5 is not in 0..15"),
        (person(id=np.nan), "joint nan is not in 0..15"),
        (person(id=3.0), "joint 3.0 is twice"),
        (person(x=np.inf), "infinite .*sample 1/1, field points"),
        (person(x=np.nan), "NaN for one coordinate"),
        (person(x=np.zeros((0, 0))), "expected one number for each point"),
        (person(x="a"), "expected one number for each point"),
        ({"pred": np.array([[(1.0,)]], dtype=[("a", object)])}, "without annorect"),
        ({"pred": np.array([[(np.zeros((0, 0)),)]], dtype=[("annorect", object)])}, "no person has points"),
        ({"preds": np.zeros((3, 15, 2))}, "no array is people x 16 joints x 2 or 3; arrays: preds"),
        ({"preds": np.zeros((3, 16, 2)), "gt": np.zeros((3, 16, 2))}, "more than one array"),
        ({"preds": np.zeros((2, 16, 2))}, "can be read in two ways"),
        ({"preds": np.full((3, 16, 2), np.inf)}, "infinite"),
        ({"preds": "text"}, "no array"),
    ],
)
def test_mpii(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    scipy.io.savemat(tmp_path / "p.mat", content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "p.mat", "mpii")
