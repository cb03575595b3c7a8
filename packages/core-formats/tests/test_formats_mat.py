"""The reader of ``.mat`` files against scipy's."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core_formats.mat_file import Cell, Value, read_mat, variables

NUMBERS = hnp.arrays(
    st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]),
    hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4),
)
TEXT = st.text("abc xyz\u00e9", min_size=1, max_size=9)


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> Any:
    kind = draw(st.integers(0, 3 if depth else 1))
    if kind == 0:
        return draw(NUMBERS)
    if kind == 1:
        return draw(TEXT)
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=2))
    fields = ["x", "a_long_name"] if kind == 2 else [""]
    out = np.zeros(shape, dtype=[(field, object) for field in fields] if kind == 2 else object)
    for index in np.ndindex(shape):
        if kind == 2:
            out[index] = tuple(draw(values(depth - 1)) for _ in fields)
        else:
            out[index] = draw(values(depth - 1))
    return out


def same(ours: Value, theirs: Any) -> None:
    if isinstance(ours, str):
        assert [ours] == theirs.tolist()
        return
    assert ours.shape == theirs.shape
    if isinstance(ours, Cell):
        for field, column in ours.fields.items():
            for mine, other in zip(column, (theirs[field] if field else theirs).ravel(order="F"), strict=True):
                same(mine, other)
        return
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    content=st.dictionaries(st.sampled_from(["pred", "b", "a_name_of_20_letters"]), values(), max_size=3),
    packed=st.booleans(),
)
def test_values_are_scipys(content: dict[str, Any], packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "p.mat"
    scipy.io.savemat(path, content, do_compression=packed)
    ours, theirs = read_mat(path), scipy.io.loadmat(path)
    assert list(ours) == list(content)
    heads = variables(path)
    for name, value in ours.items():
        same(value, theirs[name])
        kind = "text" if isinstance(value, str) else "numbers"
        if isinstance(value, Cell):
            kind = "cell" if "" in value.fields else "struct"
        assert heads[name].kind == kind
        if not isinstance(value, str):
            assert heads[name].shape == value.shape


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str, tmp_path: Path) -> None:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)

    numbers = np.arange(6.0).reshape(2, 3)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
    small = struct.pack(order + "HH", *((1, 4) if order == "<" else (4, 1))) + b"pred"
    body = element(6, struct.pack(order + "II", 6, 0)) + element(5, struct.pack(order + "ii", 2, 3)) + small
    stored = numbers.astype(order + "i2").tobytes(order="F")  # a double array kept in the smallest type that holds it
    path = tmp_path / "p.mat"
    path.write_bytes(head + element(14, body + element(3, stored)))
    np.testing.assert_array_equal(read_mat(path)["pred"], numbers)
    np.testing.assert_array_equal(scipy.io.loadmat(io.BytesIO(path.read_bytes()))["pred"], numbers)
    assert read_mat(path)["pred"].dtype == np.float64  # type: ignore[union-attr]
