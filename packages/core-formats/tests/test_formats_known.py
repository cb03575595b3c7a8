"""Files made by hand, whose right answer is known: what each format stores and what it means here."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from core_eval import InputError, Predictions, save_predictions
from core_eval.gps import gps_candidates
from core_eval.oks import oks_candidates
from core_eval.surface import chart_surface
from core_formats import detect, read
from core_formats.ljson import Ljson
from core_formats.lsp import Lsp

NAN = np.nan


def only(path: Path, name: str, sample: str, key: str = "points") -> np.ndarray:
    """The array of the one sample with that id, read by the format that must be detected."""
    assert detect(path) == name
    (found,) = [prediction for prediction in read(path) if prediction.id == sample]
    return np.asarray(found.arrays[key])


def test_our_npz(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    points = np.array([[[1.5, 2.5]], [[NAN, NAN]]])
    save_predictions(path, Predictions.of(["b", "a"], {"points": points, "label": np.array([7, 8])}))
    found = read(path)
    assert [(one.id, int(one.arrays["label"]), one.where) for one in found] == [
        ("b", 7, "p.npz, row 0"),
        ("a", 8, "p.npz, row 1"),
    ]
    np.testing.assert_array_equal(only(path, "npz", "a"), points[1])


def test_our_json(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('\ufeff [ {"points": [[1, 2.5], [null, NaN]], "id": "a/ä", "visible": [1, 0], "label": 3},\n'
                    '{"id":"b","points":[[0,-1e2]],"visible":[true],"label":4}]\n', "utf-8")  # fmt: skip
    np.testing.assert_array_equal(only(path, "json", "a/ä"), [[1, 2.5], [NAN, NAN]])
    np.testing.assert_array_equal(only(path, "json", "b"), [[0, -100]])
    first, second = read(path)
    assert (first.where, second.where) == ("p.json, entry 1", "p.json, entry 2")
    assert {key: array.dtype for key, array in first.arrays.items()} == {"points": "f8", "visible": "?", "label": "i8"}
    assert first.arrays["visible"].tolist() == [True, False]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_csv_with_one_row_a_sample(tmp_path: Path, end: str) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(("id,x0,y0,x1,y1\n" + "a,1,2.5,,nan\n\n" + '"b, c",-3e1,4,5,6' + end).encode())
    np.testing.assert_array_equal(only(path, "csv", "a"), [[1, 2.5], [NAN, NAN]])
    np.testing.assert_array_equal(only(path, "csv", "b, c"), [[-30, 4], [5, 6]])
    assert [one.where for one in read(path)] == ["p.csv, line 2", "p.csv, line 4"]


def test_csv_of_joints_in_mm(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,x0,y0,z0,x1,y1,z1\na,1,2,3,4,5,6\n")
    np.testing.assert_array_equal(only(path, "csv", "a", "joints_mm"), [[1, 2, 3], [4, 5, 6]])


def test_csv_with_one_row_a_point(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,point,x,y,score\na,1,3,4,0.5\na,0,1,2,0.25\nb,0,,,1\nb,1,7,8,0\n")
    np.testing.assert_array_equal(only(path, "csv", "a"), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(only(path, "csv", "a", "confidence"), [0.25, 0.5])
    np.testing.assert_array_equal(only(path, "csv", "b"), [[NAN, NAN], [7, 8]])


def test_pts_folders_are_one_based(tmp_path: Path) -> None:
    for name in ("01_Indoor/indoor_001.pts", "02_Outdoor/image_092 _01.PTS"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("version: 1\nn_points:  2\n{\n1.0 1.0\n12.5 7.25\n}\n")
    (tmp_path / "notes.txt").write_text("not read")
    for sample in ("01_Indoor/indoor_001", "02_Outdoor/image_092 _01"):
        np.testing.assert_array_equal(only(tmp_path, "pts", sample), [[0, 0], [11.5, 6.25]])
    np.testing.assert_array_equal(
        only(tmp_path / "01_Indoor/indoor_001.pts", "pts", "indoor_001"), [[0, 0], [11.5, 6.25]]
    )


V1 = {"version": 1, "groups": [
    {"label": "jaw", "landmarks": [{"point": [10.0, 3.0]}, {"point": [11.0, 4.0]}], "connectivity": [[0, 1]]},
    {"label": "eye", "landmarks": [{"point": [12.0, None]}]},
]}  # fmt: skip
MARKS = {"landmarks": {"points": [[10.0, 3.0], [11.0, 4.0], [None, None]], "connectivity": []}, "labels": []}
V2 = {"version": 2, **MARKS}
V3 = {"version": 3, "groups": {"PTS": MARKS}}


@pytest.mark.parametrize("content", [V2, V3], ids=["v2", "v3"])
def test_ljson_is_y_before_x(tmp_path: Path, content: object) -> None:
    (tmp_path / "face.ljson").write_text(json.dumps(content))
    np.testing.assert_array_equal(only(tmp_path, "ljson", "face"), [[3, 10], [4, 11], [NAN, NAN]])
    np.testing.assert_array_equal(only(tmp_path / "face.ljson", "ljson", "face"), [[3, 10], [4, 11], [NAN, NAN]])


def test_ljson_of_version_1_joins_its_groups(tmp_path: Path) -> None:
    (tmp_path / "face.ljson").write_text(json.dumps(V1))
    with pytest.raises(InputError, match="NaN for one coordinate"):
        read(tmp_path)
    (tmp_path / "face.ljson").write_text(json.dumps(V1).replace("[12.0, null]", "[12.0, 5.0]"))
    np.testing.assert_array_equal(only(tmp_path, "ljson", "face"), [[3, 10], [4, 11], [5, 12]])


def test_ljson_of_several_groups_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "face.ljson"
    other = {"landmarks": {"points": [[7.0, 8.0]]}, "labels": []}
    path.write_text(json.dumps({"version": 3, "groups": {"PTS": MARKS, "LJSON": other}}))
    with pytest.raises(InputError, match="expected one group, there are 2: 'LJSON', 'PTS'"):
        read(path)
    (found,) = Ljson(group="LJSON").read(path)
    np.testing.assert_array_equal(found.arrays["points"], [[8, 7]])
    with pytest.raises(InputError, match="expected the group 'x'"):
        list(Ljson(group="x").read(path))


def person(image: int, score: float, shift: float = 0.0, **more: object) -> dict[str, object]:
    """A COCO detection of 17 points (k + shift, 2 k), confidence 0.9."""
    flat = [value for k in range(17) for value in (k + shift, 2 * k, 0.9)]
    return {"image_id": image, "category_id": 1, "keypoints": flat, "score": score, **more}


def test_coco_keypoints_are_gathered_by_image_and_scored(tmp_path: Path) -> None:
    path = tmp_path / "keypoints_results.json"
    path.write_text(json.dumps([person(9, 0.5), person(139, 0.25, 1.0), person(9, 1, 2.0)]))
    assert detect(path) == "coco-keypoints"
    nine, other = read(path)
    assert (nine.id, other.id) == ("9", "139")
    assert (nine.where, other.where) == (
        "keypoints_results.json, entry 1 and 1 more",
        "keypoints_results.json, entry 2",
    )
    assert nine.arrays["points"].shape == (2, 17, 2)
    np.testing.assert_array_equal(nine.arrays["points"][1, :3], [[2, 0], [3, 2], [4, 4]])
    np.testing.assert_array_equal(nine.arrays["scores"], [0.5, 1.0])
    assert "boxes" not in nine.arrays
    target = {
        "points": np.asarray(nine.arrays["points"])[:1],
        "areas": np.array([500.0]),
        "boxes": np.array([[0.0, 0.0, 16.0, 32.0]]),
        "crowd": np.zeros(1, dtype=bool),
    }
    similarity = oks_candidates([nine.arrays], [target]).similarity
    assert similarity[0] == 1
    assert 0.1 < similarity[1] < 0.99


def test_coco_boxes_are_x_y_width_height(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps([person(1, 0.5, bbox=[1, 2, 30.5, 40])]))
    np.testing.assert_array_equal(only(path, "coco-keypoints", "1", "boxes"), [[1, 2, 30.5, 40]])


def packed(iuv: np.ndarray) -> str:
    """As the challenge's script packs: PNG in base64 with a line end every 76 characters."""
    stream = io.BytesIO()
    Image.fromarray(iuv).save(stream, format="png", optimize=True)
    return base64.encodebytes(stream.getvalue()).decode("ascii")


def dense(image: int, box: list[float], iuv: np.ndarray, score: float = 0.5) -> dict[str, object]:
    shape = [3, *iuv.shape[:2]]
    return {"bbox": box, "category_id": 1, "image_id": image, "score": score, "uv_data": packed(iuv), "uv_shape": shape}


def test_densepose_maps_are_padded_to_one_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide, tall = (rng.integers(0, 25, (*shape, 3), dtype=np.uint8) for shape in ((20, 45), (50, 7)))
    path = tmp_path / "densepose.json"
    path.write_text(json.dumps([dense(785, [3.5, 4, 45.0, 20], wide), dense(785, [0, 0, 7, 50], tall, 0.75)], indent=4))
    assert detect(path) == "densepose"
    (found,) = read(path)
    assert isinstance(found.arrays, Mapping)
    assert (found.id, sorted(found.arrays), len(found.arrays)) == ("785", ["boxes", "iuv", "scores", "sizes"], 4)
    maps = found.arrays["iuv"]
    assert (maps.shape, maps.dtype) == ((2, 50, 45, 3), np.uint8)
    np.testing.assert_array_equal(maps[0, :20], wide)
    np.testing.assert_array_equal(maps[1, :, :7], tall)
    assert not maps[0, 20:].any()
    assert not maps[1, :, 7:].any()
    np.testing.assert_array_equal(found.arrays["sizes"], [[20, 45], [50, 7]])
    np.testing.assert_array_equal(found.arrays["boxes"], [[3.5, 4, 45, 20], [0, 0, 7, 50]])
    np.testing.assert_array_equal(found.arrays["scores"], [0.5, 0.75])


def test_densepose_maps_are_what_gps_reads(tmp_path: Path) -> None:
    """Chart 1 at (u, v) of its first vertex everywhere, against an annotation of that vertex: a perfect detection."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    square = chart_surface(
        "square",
        part=np.ones(4, dtype=int),
        uv=corners,
        vertex=np.arange(4),
        vertices=np.pad(corners, ((0, 0), (0, 1))),
        faces=[[0, 1, 2], [0, 2, 3]],
    )
    iuv = np.zeros((8, 6, 3), dtype=np.uint8)
    iuv[..., 0] = 1
    path = tmp_path / "p.json"
    path.write_text(json.dumps([dense(1, [2, 3, 6, 8], iuv)]))
    (found,) = read(path)
    target = {
        "surface_points": np.array([[[3.0, 4.0], [6.0, 9.0]]]),
        "surface_vertices": np.array([[0, 0]]),
        "boxes": np.array([[2.0, 3.0, 6.0, 8.0]]),
        "areas": np.array([48.0]),
        "crowd": np.zeros(1, dtype=bool),
    }
    assert gps_candidates(found.arrays, target, square).similarity.tolist() == [1.0]


def annotated(points: list[tuple[float, float, int]]) -> np.ndarray:
    """``annopoints`` as the toolkit writes it, ready for `scipy.io.savemat`."""
    listed = np.zeros((1, len(points)), dtype=[("x", object), ("y", object), ("id", object)])
    for index, point in enumerate(points):
        listed[0, index] = point
    holder = np.zeros((1, 1), dtype=[("point", object)])
    holder[0, 0]["point"] = listed
    return holder


@pytest.mark.parametrize("compressed", [False, True])
def test_mpii_toolkit_ids_count_images_and_people_from_one(tmp_path: Path, compressed: bool) -> None:
    empty = np.zeros((0, 0))
    people = np.zeros((1, 2), dtype=[("scale", object), ("annopoints", object)])
    people[0, 0] = (1.5, empty)
    people[0, 1] = (2.5, annotated([(11.0, 21.0, 9), (1.0, 1.0, 0), (NAN, NAN, 3)]))
    pred = np.zeros((1, 3), dtype=[("image", object), ("annorect", object)])
    pred[0, 0], pred[0, 1], pred[0, 2] = ("a.jpg", empty), ("b.jpg", people), ("c.jpg", empty)
    path = tmp_path / "pred_keypoints_mpii.mat"
    scipy.io.savemat(path, {"pred": pred}, do_compression=compressed)
    points = only(path, "mpii", "2/2")
    assert len(read(path)) == 1
    assert points.shape == (16, 2)
    np.testing.assert_array_equal(points[[0, 9]], [[0, 0], [10, 20]])
    assert np.isnan(np.delete(points, [0, 9], axis=0)).all()


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0)], ids=["people-first", "people-last"])
@pytest.mark.parametrize("width", [2, 3])
def test_mpii_arrays_are_one_based(tmp_path: Path, axes: tuple[int, int, int], width: int) -> None:
    people = np.arange(5 * 16 * width, dtype=np.float32).reshape(5, 16, width)
    path = tmp_path / "preds.mat"
    scipy.io.savemat(path, {"preds": people.transpose(axes), "epoch": 3})
    np.testing.assert_array_equal(only(path, "mpii", "4"), people[4, :, :2] - 1)


@pytest.mark.parametrize("axes", [(2, 1, 0), (1, 2, 0), (0, 1, 2)])
@pytest.mark.parametrize(("images", "first"), [(1000, "im1001"), (2000, "im0001")])
def test_lsp_columns_are_images_of_the_dataset(tmp_path: Path, axes: tuple[int, ...], images: int, first: str) -> None:
    people = np.random.default_rng(0).uniform(1, 150, (images, 14, 3))
    stored = np.empty(np.array(people.shape)[list(axes)])
    stored[...] = people.transpose(axes)
    path = tmp_path / "pred_lsp.mat"
    scipy.io.savemat(path, {"pred": stored, "name": "ours"})
    found = read(path)
    assert (found[0].id, found[-1].id, len(found)) == (first, "im2000", images)
    np.testing.assert_array_equal(only(path, "lsp", "im2000"), people[-1, :, :2] - 1)


def test_lsp_of_other_lengths_needs_the_first_image(tmp_path: Path) -> None:
    path = tmp_path / "pred.mat"
    scipy.io.savemat(path, {"pred": np.ones((2, 14, 1))})
    with pytest.raises(InputError, match="expected 1000 or 2000 images, got 1 "):
        read(path)
    (found,) = Lsp(first=7).read(path)
    assert found.id == "im0007"
    assert (found.arrays["points"] == 0).all()


def test_videopose3d_is_in_metres(tmp_path: Path) -> None:
    path = tmp_path / "data_3d.npz"
    poses = np.random.default_rng(0).normal(size=(4, 17, 3)).astype(np.float32)
    np.savez(path, **{"S9/Directions 1": poses, "S11/Eating": poses[:2]})
    assert [one.id for one in read(path)] == [
        *(f"S9/Directions 1/{frame}" for frame in range(4)), "S11/Eating/0", "S11/Eating/1"]  # fmt: skip
    np.testing.assert_allclose(
        only(path, "videopose3d", "S9/Directions 1/3", "joints_mm"), 1000.0 * poses[3], rtol=1e-6
    )


def test_a_single_sequence_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, positions_3d=np.ones((2, 17, 3)))
    np.testing.assert_array_equal(only(path, "videopose3d", "1", "joints_mm"), np.full((17, 3), 1000.0))
    np.savez(path, positions_3d=np.full((2, 17, 3), 250.0))
    with pytest.raises(InputError, match="this format is in metres"):
        read(path)
