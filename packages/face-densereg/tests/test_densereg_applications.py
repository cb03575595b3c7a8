"""Annotations and textures through the template: round trips, invariances, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from core_eval import InputError
from face_densereg.applications.annotation import painted, read_drawing, read_points
from face_densereg.applications.fields import enlarge_field, iso_lines
from face_densereg.applications.texture import correspondence, transfer_texture
from face_densereg.readout import read_landmarks

SIDE = 64
STILL = np.array([[1.0, 0, 0], [0, 1, 0]])


def affine_field(matrix, side=SIDE):
    """(side, side, 2): template coordinates on a disc, affine in the pixel; NaN elsewhere."""
    y, x = np.mgrid[:side, :side]
    on = np.hypot(x - side / 2, y - side / 2) < 0.45 * side
    uv = np.stack([x / side, y / side, np.ones((side, side))], -1) @ np.asarray(matrix).T
    return np.where(on[..., None], uv, np.nan).astype(np.float32)


UPRIGHT = affine_field([[1, 0, 0], [0, 1, 0]])
TILT = [[0.8, 0.3, -0.05], [-0.25, 0.9, 0.17]]
TILTED = affine_field(TILT)
PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def test_a_face_transferred_onto_itself_is_itself():
    places = correspondence(TILTED, TILTED)
    on = np.isfinite(TILTED[..., 0])
    np.testing.assert_array_equal(np.isfinite(places[..., 0]), on)
    np.testing.assert_allclose(places[on], np.argwhere(on)[:, ::-1], atol=1e-3)
    result = transfer_texture(PICTURE, PICTURE, places)
    assert np.abs(result.astype(int) - PICTURE).max() <= 1


def test_a_noisy_field_gives_the_picture_back_too():
    """Predicted fields fold and jitter: each pixel is a corner of the triangulation all the same."""
    noisy = TILTED + np.random.default_rng(1).normal(0, 0.01, TILTED.shape).astype(np.float32)
    places = correspondence(noisy, noisy)
    on = np.isfinite(noisy[..., 0])
    np.testing.assert_allclose(places[on], np.argwhere(on)[:, ::-1], atol=1e-3)


def test_correspondence_of_affine_fields_is_the_affine_map_between_them():
    """The solution in closed form: invert one map after the other."""
    places = correspondence(UPRIGHT, TILTED)
    on = np.isfinite(places[..., 0])
    assert on.sum() > 1500
    np.testing.assert_allclose(places[on], TILTED[on] * SIDE, atol=1e-3)


def test_what_the_source_does_not_show_keeps_its_colour():
    half = UPRIGHT.copy()
    half[:, : SIDE // 2] = np.nan
    places = correspondence(half, UPRIGHT)
    known = np.isfinite(places[..., 0])
    assert not known[:, : SIDE // 2 - 3].any()
    assert known[SIDE // 2, SIDE // 2 + 3 : SIDE - 8].all()
    result = transfer_texture(255 - PICTURE, PICTURE, places, feather=0)
    np.testing.assert_array_equal(result[~known], PICTURE[~known])
    inner = known.copy()
    inner[:, : SIDE // 2] = False
    assert np.abs(result[inner].astype(int) - (255 - PICTURE)[inner]).max() <= 1


def test_a_source_in_a_crop_is_read_in_its_photograph():
    """Places in the photograph do not depend on the crop that the field was predicted in."""
    to_image = np.array([[2.5, 0, 10], [0, 2.5, -4]])
    moved = correspondence(UPRIGHT, TILTED, source_to_image=to_image)
    still = correspondence(UPRIGHT, TILTED)
    np.testing.assert_allclose(moved, still * 2.5 + [10, -4], atol=1e-3)


@pytest.mark.parametrize("source", [np.full_like(UPRIGHT, np.nan), np.where(UPRIGHT > 0, np.float32(0.5), np.nan)])
def test_a_source_without_a_face_is_refused(source):
    with pytest.raises(InputError, match="too little of a face"):
        correspondence(source, UPRIGHT)


def test_without_places_nothing_changes():
    np.testing.assert_array_equal(transfer_texture(255 - PICTURE, PICTURE, np.full_like(UPRIGHT, np.nan)), PICTURE)


def test_a_field_at_its_own_scale_is_unchanged():
    same = enlarge_field(TILTED, STILL, SIDE, SIDE)
    np.testing.assert_array_equal(np.isnan(same), np.isnan(TILTED))
    np.testing.assert_allclose(same, TILTED, atol=1e-6, equal_nan=True)


def test_an_enlarged_affine_field_is_affine_and_its_face_as_large():
    zoom = 4
    to_image = np.array([[zoom, 0, 30], [0, zoom, 7]], float)
    field = enlarge_field(TILTED, to_image, 300, 310)
    on = np.isfinite(field[..., 0])
    assert abs(on.sum() / zoom**2 / np.isfinite(TILTED[..., 0]).sum() - 1) < 0.02
    rows, columns = np.nonzero(on)
    x, y = (columns - 30) / zoom, (rows - 7) / zoom
    expected = np.stack([x / SIDE, y / SIDE, np.ones_like(x)], -1) @ np.array(TILT).T
    inner = np.hypot(x - SIDE / 2, y - SIDE / 2) < 0.42 * SIDE
    np.testing.assert_allclose(field[on][inner], expected[inner], atol=2e-3)


def test_no_value_is_invented_between_two_surfaces():
    torn = np.full((SIDE, SIDE, 1), 0.2, np.float32)
    torn[:, SIDE // 2 :] = 0.9
    wide = enlarge_field(torn, np.array([[5.0, 0, 0], [0, 5, 0]]), 5 * SIDE, 5 * SIDE)
    values = wide[np.isfinite(wide)]
    assert np.abs(values[:, None] - [0.2, 0.9]).min(1).max() < 1e-6


def test_iso_lines_lie_where_the_value_is():
    to_image = np.array([[3.0, 0, 5], [0, 3, 11]])
    lines = iso_lines(UPRIGHT[..., 0], np.array([0.3, 0.5]), to_image)
    points = np.concatenate(lines)
    levels = (points[:, 0] - 5) / 3 / SIDE
    assert np.abs(levels[:, None] - [0.3, 0.5]).min(1).max() < 1e-6
    assert len(lines) == 2


def test_landmarks_round_trip_through_the_template(tmp_path):
    """Points of an image, written as template points, come back to the same pixels; in CSV as in JSON."""
    points = np.array([[30.0, 32], [20, 40], [44, 25]])
    uv = TILTED[points[:, 1].astype(int), points[:, 0].astype(int)].astype(float)
    rows = [f"p{k},{u!r},{v!r}" for k, (u, v) in enumerate(uv.tolist())]
    (tmp_path / "a.csv").write_text("\n".join(["name,u_h,u_v", *rows]))
    (tmp_path / "a.json").write_text(json.dumps({f"p{k}": place for k, place in enumerate(uv.tolist())}))
    for name in ("a.csv", "a.json"):
        read = read_points(tmp_path / name)
        assert read.names == ("p0", "p1", "p2")
        back, found = read_landmarks(TILTED, read.uv)
        assert found.all()
        np.testing.assert_allclose(back, points, atol=0.02)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y\n1,2\n", "headings"),
        ("a.csv", "", "headings"),
        ("a.csv", "name,u_h,u_v\n", "1 to"),
        ("a.csv", "name,u_h,u_v\nnose,0.5\n", "expected u_h and u_v.*nose"),
        ("a.csv", "name,u_h,u_v\nnose,0.5,1.5\n", "expected u_h and u_v.*nose"),
        ("a.csv", "name,u_h,u_v\nnose,nan,0.5\n", "expected u_h and u_v.*nose"),
        ("a.csv", "name,u_h,u_v\nnose,0.5,0.5\nnose,0.5,0.5\n", "twice.*nose"),
        ("a.json", "[[0.5, 0.5]]", "an object"),
        ("a.json", '{"nose": 3}', "expected u_h and u_v.*nose"),
        ("a.json", "{", "not a JSON"),
        ("a.json", "[" * 100_000, "not a JSON"),
    ],
)
def test_bad_points_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_points(tmp_path / name)
    assert caught.value.file == tmp_path / name


def test_points_that_are_no_text_missing_or_huge(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a text"):
        read_points(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b" " * (2 << 20))
    with pytest.raises(InputError, match="larger than"):
        read_points(tmp_path / "a.csv")


def test_a_drawing_is_painted_where_its_texels_are():
    """With the identity as field, painting resamples the drawing to the image."""
    drawing = np.zeros((8, 8, 4), np.uint8)
    drawing[2:4, 5] = [10, 200, 30, 255]
    out = painted(PICTURE, UPRIGHT, drawing)
    on = np.isfinite(UPRIGHT[..., 0])
    block = np.zeros_like(on)
    block[16:32, 40:48] = True
    assert (out[block & on] == [10, 200, 30]).all()
    np.testing.assert_array_equal(out[~(block & on)], PICTURE[~(block & on)])
    half = painted(PICTURE, UPRIGHT, drawing, opacity=0.5)
    np.testing.assert_allclose(half[block & on], (PICTURE[block & on] + np.array([10.0, 200, 30])) / 2, atol=0.5)


def test_labels_get_colours_and_black_is_nothing(tmp_path):
    labels = np.zeros((16, 16), np.uint8)
    labels[:8, :8], labels[8:, 8:] = 1, 2
    Image.fromarray(labels).save(tmp_path / "labels.png")
    drawing = read_drawing(tmp_path / "labels.png")
    np.testing.assert_array_equal(drawing[..., 3] > 0, labels > 0)
    assert len(np.unique(drawing[labels > 0][:, :3], axis=0)) == 2
    colours = np.dstack([labels * 100, labels * 0, labels * 50])
    Image.fromarray(colours).save(tmp_path / "colours.png")
    drawing = read_drawing(tmp_path / "colours.png")
    np.testing.assert_array_equal(drawing[..., :3], colours)
    np.testing.assert_array_equal(drawing[..., 3] > 0, labels > 0)
    glass = np.dstack([colours, np.full_like(labels, 90)])
    Image.fromarray(glass).save(tmp_path / "glass.png")
    np.testing.assert_array_equal(read_drawing(tmp_path / "glass.png"), glass)
