"""The demonstration, from a file to pictures, with the weights that are shipped; and their card.

`data/rendered_face.png` is the ninth test image of `stand-in-300w`, with its true landmarks.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core_eval import InputError
from face_densereg import pictures
from face_densereg.applications.annotation import TemplatePoints, read_drawing
from face_densereg.demo import FaceDemo
from face_densereg.faces import Face, agrees_with_mirror, read_faces
from face_densereg.locate import Crop
from face_densereg.weights import CARD, QUICK, TEXT, card_text, check_card, files_of, open_weights

DATA = Path(__file__).parent / "data"
FACE = DATA / "rendered_face.png"
TRUTH = np.loadtxt(DATA / "rendered_face.csv", delimiter=",", skiprows=1)
EYES = float(np.linalg.norm(TRUTH[36] - TRUTH[45]))
LARGEST = 10 * 10**6


def image(path):
    return np.array(Image.open(path).convert("RGB"))


def table(path):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["face", "point", "x", "y", "visible"]
    return np.array([[float(x), float(y)] for _, _, x, y, _ in rows[1:]]), [row[:2] for row in rows[1:]]


@pytest.fixture(scope="module")
def opened():
    return open_weights()


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One run with all options: the texture of the face itself, a drawing and points of the template."""
    folder = tmp_path_factory.mktemp("shown")
    drawing = np.zeros((32, 32, 4), np.uint8)
    drawing[16:, :, 0], drawing[16:, :, 3] = 255, 255
    Image.fromarray(drawing).save(folder / "lower.png")
    (folder / "nose.csv").write_text("name,u_h,u_v\nmiddle,0.5,0.5\n")
    report = FaceDemo().show(
        FACE,
        folder / "out",
        texture_from=FACE,
        template_mask=folder / "lower.png",
        template_points=folder / "nose.csv",
    )
    return folder / "out", report


def test_a_rendered_face_is_read(shown):
    folder, report = shown
    assert report.found == 1
    names = {path.name for path in report.files}
    assert {
        "overview.png",
        "coordinates.png",
        "landmarks.png",
        "landmarks.csv",
        "parts.png",
        "template.png",
        "texture.png",
        "template-mask.png",
        "template-points.png",
        "template-points.csv",
    } <= names
    assert names == {path.name for path in folder.iterdir()}, "and nothing half-written"
    for path in report.files:
        if path.suffix == ".png":
            assert len(np.unique(image(path).reshape(-1, 3), axis=0)) > 20, f"{path.name} shows something"


def test_its_landmarks_are_where_they_are(shown):
    folder, _ = shown
    found, rows = table(folder / "landmarks.csv")
    assert rows[0] == ["1", "1"]
    assert np.linalg.norm(found - TRUTH, axis=1).mean() / EYES < 0.1
    middle, rows = table(folder / "template-points.csv")
    assert rows == [["1", "middle"]]
    nose = TRUTH[27:36]
    assert np.linalg.norm(nose - middle, axis=1).min() / EYES < 0.2, "half way down the middle line lies the nose"


def test_its_own_texture_changes_nothing(shown):
    folder, _ = shown
    difference = np.abs(image(folder / "texture.png").astype(int) - image(FACE))
    assert difference.mean() < 1, "but for what enlarging the field from the crop costs"
    assert np.percentile(difference, 99) <= 16


def test_a_drawing_on_the_lower_half_colours_the_chin_and_not_the_eyes(shown):
    folder, _ = shown
    drawn, plain = image(folder / "template-mask.png"), image(folder / "landmarks.png")
    zoom = drawn.shape[0] / 128
    assert drawn.shape == plain.shape
    redness = drawn[..., 0].astype(float) - drawn[..., 1:].mean(-1)

    def around(points):
        x, y = np.rint(points.mean(0) * zoom).astype(int)
        return redness[y - 6 : y + 7, x - 6 : x + 7].mean()

    assert around(TRUTH[[8, 57]]) > 100
    assert around(TRUTH[36:42]) < 80


def test_a_face_in_a_large_photograph_is_found_where_it_is(tmp_path):
    """The same face, enlarged and off the middle of a picture that is shrunk when it is read."""
    zoom, left, top = 4, 1100, 300
    large = Image.fromarray(image(FACE)).resize((128 * zoom, 128 * zoom), Image.Resampling.BICUBIC)
    page = Image.new("RGB", (2400, 1200), (96, 110, 120))
    page.paste(large, (left, top))
    page.save(tmp_path / "page.png")
    report = FaceDemo().show(tmp_path / "page.png", tmp_path / "out")
    assert report.found == 1
    assert "2400 x 1200 px, shrunk to 1600 x 800" in report.notes[0]
    found, _ = table(tmp_path / "out" / "landmarks.csv")
    expected = (TRUTH + 0.5) * zoom - 0.5 + [left, top]
    assert np.linalg.norm(found - expected, axis=1).mean() / (EYES * zoom) < 0.12


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((128, 128, 3), 127, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((3, 700, 3), 255, np.uint8),
        np.random.default_rng(5).integers(0, 256, (200, 300, 3)).astype(np.uint8),
    ],
    ids=["blank", "pixel", "strip", "noise"],
)
def test_where_no_face_is_nothing_is_found(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "blank.png")
    report = FaceDemo().show(tmp_path / "blank.png", tmp_path / "out", texture_from=FACE)
    assert report.found == 0
    assert [path.name for path in report.files] == ["template.png"]


def test_a_bad_file_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "bad.png").write_bytes(FACE.read_bytes()[:3000])
    for options in (
        {"texture_from": tmp_path / "bad.png"},
        {"template_mask": tmp_path / "bad.png"},
        {"template_points": tmp_path / "missing.csv"},
        {"weights": tmp_path / "missing"},
        {"weights": tmp_path},
    ):
        with pytest.raises(InputError):
            FaceDemo().show(FACE, tmp_path / "out", **options)
    with pytest.raises(InputError, match=r"bad\.png"):
        FaceDemo().show(tmp_path / "bad.png", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        FaceDemo().show(FACE, tmp_path / "file" / "out")


def test_the_mirrored_face_has_mirrored_landmarks(opened):
    (face,) = read_faces(opened.method, image(FACE))
    (other,) = read_faces(opened.method, np.ascontiguousarray(image(FACE)[:, ::-1]))
    chin = 8
    assert np.linalg.norm(other.points[chin] - (127 - face.points[chin][0], face.points[chin][1])) < 0.15 * EYES


def disc(side=64):
    y, x = np.mgrid[:side, :side] / (side - 1)
    on = np.hypot(x - 0.5, y - 0.5) < 0.4
    return np.where(on[..., None], np.stack([x, y], -1), np.nan).astype(np.float32)


def test_the_mirror_tells_a_symmetric_field_from_another():
    uv = disc()
    assert agrees_with_mirror(uv, uv), "its mirror image is itself"
    assert not agrees_with_mirror(uv, uv[..., ::-1])
    assert not agrees_with_mirror(uv, np.roll(uv, 12, axis=1))
    assert not agrees_with_mirror(uv, np.full_like(uv, np.nan))


def ball(side=64):
    """A face of its own: half a sphere of radius 0.4 before a plane, in a crop that is its image."""
    uv = disc(side)
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    depth = np.where(np.isfinite(uv[..., 0]), 0.5 - np.sqrt(np.clip(0.16 - x**2 - y**2, 0, None)), np.nan)
    picture = np.random.default_rng(2).integers(0, 256, (side, side, 3)).astype(np.uint8)
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    points = np.full((5, 2), side / 2)
    return picture, Face(Crop(picture, still), uv, depth.astype(np.float32), points, np.ones(5, bool), "hand")


def test_depth_is_bright_where_it_is_near_and_a_view_from_the_front_is_the_picture():
    picture, face = ball()
    view = pictures.whole_view(picture)
    shades = pictures.depth_map(view, [face]).astype(float).sum(-1)
    middle = shades.shape[0] // 2
    edge = middle + int(0.37 * shades.shape[0])
    assert shades[middle, middle] > 1.5 * shades[middle, edge]
    still = pictures.View(picture, np.array([[1.0, 0, 0], [0, 1, 0]]))
    front = pictures.seen_from(still, face, 0.0)
    inner = np.hypot(*np.mgrid[-31.5:32, -31.5:32]) < 15
    assert np.abs(front[inner].astype(int) - picture[inner]).mean() < 40, "two samples a pixel blur white noise"
    side = pictures.seen_from(still, face, 35.0)
    assert np.abs(side[inner].astype(int) - picture[inner]).mean() > 60


def test_shipped_files_are_those_of_the_card():
    card = check_card(QUICK)
    assert card is not None
    assert card["files"] == files_of(QUICK)
    assert {"weights.safetensors", "weights.json", "template_part.png"} == set(card["files"])
    assert (QUICK / TEXT).read_text("utf-8") == card_text(card)
    assert sum(path.stat().st_size for path in QUICK.iterdir()) <= LARGEST
    assert len(card["training"]["fingerprint"]) == 64
    assert {"budget", "seed", "source"} <= set(card["training"])
    assert all(np.isfinite(row["value"]) and row["n"] > 0 for row in card["measured"])


def test_a_file_that_differs_from_the_card_is_refused(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(QUICK, folder)
    assert open_weights(folder).card == check_card(QUICK)
    content = bytearray((folder / "template_part.png").read_bytes())
    content[-20] ^= 1
    (folder / "template_part.png").write_bytes(content)
    with pytest.raises(InputError, match=r"SHA-256 differs.*template_part"):
        open_weights(folder)
    (folder / "template_part.png").unlink()
    with pytest.raises(InputError, match=r"cannot be read.*template_part"):
        open_weights(folder)


@pytest.mark.parametrize(
    "card", ["", "[]", '{"files": 3}', '{"files": {"../x": {"sha256": "0"}}}', '{"files": {"x": {}}}']
)
def test_a_damaged_card_is_refused(tmp_path, card):
    (tmp_path / CARD).write_text(card)
    with pytest.raises(InputError, match="card"):
        check_card(tmp_path)


def test_weights_of_a_table_get_the_mask_of_the_same_template(opened, tmp_path):
    opened.method.save(tmp_path)
    again = open_weights(tmp_path)
    assert again.card is None
    np.testing.assert_array_equal(again.mask, opened.mask)
    record = json.loads((tmp_path / "weights.json").read_text())
    del record["meta"]["bins"]
    (tmp_path / "weights.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="number of bins"):
        open_weights(tmp_path)


def test_the_template_shows_parts_and_landmarks(opened, tmp_path):
    """What is written to be drawn on can be read as a drawing, and the landmarks lie inside it."""
    picture = pictures.template(opened.mask, opened.method.geometry.template)
    Image.fromarray(picture).save(tmp_path / "template.png")
    assert read_drawing(tmp_path / "template.png").shape == (512, 512, 4)
    marks = TemplatePoints(tuple(map(str, range(68))), opened.method.geometry.template)
    assert ((marks.uv >= 0) & (marks.uv <= 1)).all()
    assert opened.mask.max() == 7
