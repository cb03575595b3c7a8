"""The .pts parser: what the distribution contains is read, everything else is one clear error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core_eval import InputError
from core_eval.pts import FARTHEST, LARGEST, format_pts, parse_pts, read_pts, write_pts

POINTS = np.random.default_rng(0).uniform(0, 500, (68, 2)).round(6)
LINES = ["version: 1", "n_points: 68", "{", *(f"{x + 1:.6f} {y + 1:.6f}" for x, y in POINTS), "}"]


def text(lines: list[str] = LINES, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def altered(number: int, line: str) -> bytes:
    """The file with line `number` (from 1) replaced."""
    return text([*LINES[: number - 1], line, *LINES[number:]])


def test_coordinates_become_zero_based_in_the_order_x_y():
    stored = b"version: 1\nn_points: 2\n{\n1.0 1.0\n12.5 7.25\n}\n"
    assert parse_pts(stored, 2).tolist() == [[0.0, 0.0], [11.5, 6.25]]


@pytest.mark.parametrize(
    "data",
    [
        text(),
        text(end="\r\n"),
        text(end="\r"),
        text()[:-1],
        b"\xef\xbb\xbf" + text(),
        altered(2, "n_points:  68"),
        altered(2, "n_points:68"),
        altered(2, "n_points: 68 \t"),
        altered(1, "version: 1.0"),
        text([f"  {line} \t " for line in LINES]),
        text([line.replace(" ", "\t") for line in LINES]),
        text([part for line in LINES for part in ("", line, "  ")]),
        text([LINES[1], LINES[0], *LINES[2:]]),
        text([*LINES, "", "  ", ""]),
    ],
    ids=[
        "plain", "crlf", "cr", "no-last-line-end", "byte-order-mark", "two-blanks", "no-blank",
        "trailing-blanks-in-header", "version-1.0", "blanks-around", "tabs", "empty-lines", "header-order",
        "empty-lines-at-the-end",
    ],
)  # fmt: skip
def test_every_variant_of_the_format_reads_the_same(data):
    np.testing.assert_allclose(parse_pts(data), POINTS, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no opening brace"),
        (text(LINES[1:]), "no 'version: 1'"),
        (text([LINES[0], *LINES[2:]]), "no 'n_points: 68'"),
        (altered(1, "version: 2"), "line 1: version is 2 where 1 is expected"),
        (altered(2, "n_points: 67"), "line 2: n_points is 67 where 68 is expected"),
        (altered(2, "n_points: 68.5"), "line 2: expected 'version: 1', 'n_points: N' or '{', got 'n_points: 68.5'"),
        (altered(2, "version: 1"), "line 2: a second version"),
        (altered(2, "n_points: 99999999999999999999"), "line 2: n_points is 1e+20"),
        (altered(3, ""), "line 4: expected 'version: 1'"),
        (text(LINES[:3]), "ends after 0 of 68 points, without a closing brace"),
        (text(LINES[:-1]), "ends after 68 of 68 points, without a closing brace"),
        (text([*LINES[:-2], "}"]), "line 71: 67 points where 68 are expected"),
        (text([*LINES[:-1], "1 1", "}"]), "line 72: more than 68 points"),
        (text([*LINES, "1 1"]), "line 73: '1 1' after the closing brace"),
        (altered(7, "nan 3"), "line 7: a coordinate is not finite: 'nan 3'"),
        (altered(7, "3 -Inf"), "line 7: a coordinate is not finite"),
        (altered(7, "3 1e400"), "line 7: a coordinate is beyond"),
        (altered(7, "3"), "line 7: expected 'x y', got '3'"),
        (altered(7, "3 4 5"), "line 7: expected 'x y'"),
        (altered(7, "3,5 4,5"), "line 7: expected 'x y'"),
        (altered(7, "1_0 4"), "line 7: expected 'x y'"),
        (altered(7, "0x10 4"), "line 7: expected 'x y'"),
        (altered(7, "٣ 4"), r"line 7: expected 'x y', got '\u0663 4'"),
        (altered(7, "{"), "line 7: expected 'x y', got '{'"),
        (altered(7, "1 2\x00"), r"line 7: expected 'x y', got '1 2\x00'"),
        (altered(7, "9" * 100), "line 7: expected 'x y', got '" + "9" * 40 + "...'"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not text"),
        (text(LINES[:40]), "ends after 37 of 68 points, without a closing brace"),
        (text(LINES[:40])[:-14], "line 40: expected 'x y', got"),
        (text().decode().encode("utf-16"), "not text"),
        (text() + b"\n" * LARGEST, "larger than"),
    ],
)  # fmt: skip
def test_bad_annotation_is_one_error_naming_file_and_line(data, message, tmp_path):
    path = tmp_path / "image_092 _01.pts"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_pts(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_pts(tmp_path / "none.pts")
    with pytest.raises(InputError, match="Is a directory"):
        read_pts(tmp_path)


@given(arrays(np.float64, (68, 2), elements=st.floats(-FARTHEST + 1, FARTHEST - 1)))
def test_written_points_are_read_back(points):
    again = parse_pts(format_pts(points).encode())
    # One ulp of the stored coordinate: adding one may round it.
    assert (np.abs(again - points) <= np.spacing(np.abs(points) + 1)).all()
    assert format_pts(again) == format_pts(points)


@given(st.data())
def test_altered_bytes_are_read_correctly_or_refused(data):
    """Whatever is cut, inserted or flipped: 68 finite points that its lines spell out, or an InputError."""
    original = text()
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 40)) | st.just(len(original)))
    hostile = original[:start] + data.draw(st.binary(max_size=20)) + original[stop:]
    try:
        points = parse_pts(hostile)
    except InputError:
        return
    inside = hostile.decode("utf-8-sig").partition("{")[2].partition("}")[0].split()
    np.testing.assert_allclose(points, np.array(inside, dtype=np.float64).reshape(68, 2) - 1, rtol=0, atol=1e-9)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data):
    with pytest.raises(InputError):
        parse_pts(data)


@pytest.mark.parametrize("points", [np.zeros((68, 3)), np.zeros((0, 2)), np.zeros(2), [[np.nan, 1]], [[1, 2e6]]])
def test_points_that_could_not_be_read_back_are_not_written(points, tmp_path):
    with pytest.raises(InputError):
        write_pts(tmp_path / "a.pts", points)
    assert not list(tmp_path.iterdir())


def test_write_replaces_whole_files_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.pts"
    path.write_text("old")
    write_pts(path, POINTS)
    np.testing.assert_allclose(read_pts(path), POINTS, rtol=0, atol=1e-9)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("count", [1, 29, 68, 113])
def test_without_an_expected_number_the_header_counts(count):
    points = np.arange(2.0 * count).reshape(count, 2)
    np.testing.assert_array_equal(parse_pts(format_pts(points).encode(), None), points)


@pytest.mark.parametrize("count", ["0", "3", "1", "1" * 400, "99999999"])
def test_a_header_that_miscounts_is_refused_without_an_expected_number(count):
    with pytest.raises(InputError, match=r"line|points"):
        parse_pts(f"version: 1\nn_points: {count}\n{{\n1 1\n2 2\n}}\n".encode(), None)
