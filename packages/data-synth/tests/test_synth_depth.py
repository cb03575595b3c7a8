"""Faces with depth: the labels belong to the pictures, and describe heads."""

import numpy as np
import pytest

from core_eval import Dataset, InputError
from data_synth import depth_faces
from data_synth.depth_faces import StandInDepth, face_distance, stand_in_300w_depth, tile
from data_synth.faces import dataset as faces
from data_synth.faces.model import FaceModel

RIGID = [*range(27, 36), 36, 39, 42, 45]
"""Nose and corners of the eyes: what no expression moves much."""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Cut to a block a split, rendered into a folder of its own."""
    patch = pytest.MonkeyPatch()
    plans = {
        name: faces.SplitPlan(faces.BLOCK, plan.per_person, plan.yaw_counts) for name, plan in faces.SPLITS.items()
    }
    patch.setattr(faces, "SPLITS", plans)
    patch.setattr(depth_faces, "SPLITS", plans)
    yield stand_in_300w_depth(cache=tmp_path_factory.mktemp("depth"))
    patch.undo()


def aligned(points, template):
    """(P, 3) points after the similarity (no reflection) that brings them nearest to the template, and the rest."""
    a, b = points - points.mean(0), template - template.mean(0)
    u, scale, v = np.linalg.svd(b.T @ a)
    turn = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    fitted = (scale * turn).sum() / (a * a).sum() * a @ (u * turn @ v).T
    return np.linalg.norm(fitted - b) / np.linalg.norm(b)


def test_depth_is_known_where_the_coordinates_are(small):
    """They come from heads and cameras drawn again, so any difference of the two would show at the outline."""
    for name in ("train", "test"):
        split, pictures = small.split(name), small.faces.split(name)
        for sample, picture in zip(split, pictures, strict=True):
            depth, uv = sample.target["depth"], sample.target["uv"]
            assert depth.dtype == np.float32
            np.testing.assert_array_equal(np.isfinite(depth), np.isfinite(uv[..., 0]))
            np.testing.assert_array_equal(sample.inputs["image"], picture.inputs["image"])
            assert 0 < np.nanmin(depth) < np.nanmax(depth) < 1
            assert set(sample.target) == {*picture.target, "depth"}


def test_lifted_landmarks_have_the_shape_of_a_head(small):
    """(x, y, H depth) is the head of the model, turned and scaled; mirrored in depth it would not be."""
    model = FaceModel.load()
    template = model.landmarks.points(model.mean)[RIGID] * [1, -1, -1]
    right, mirrored = [], []
    for sample in small.split("test"):
        if abs(sample.target["yaw"]) > 50:
            continue
        x, y = np.rint(sample.target["points"][RIGID]).astype(int).T
        depth = len(sample.target["depth"]) * sample.target["depth"][y, x]
        seen = np.isfinite(depth) & sample.target["visible"][RIGID]
        lifted = np.column_stack([sample.target["points"][RIGID], depth])[seen]
        right.append(aligned(lifted, template[seen]))
        mirrored.append(aligned(lifted * [1, 1, -1], template[seen]))
    assert len(right) > 10
    assert np.median(right) < 0.15
    assert np.median(mirrored) > 2 * np.median(right)


def test_distance_of_a_plane():
    """A square of two triangles that leans away from the camera, behind it one that is no face."""

    class Model:
        faces = np.array([[0, 2, 1], [0, 3, 2], [4, 6, 5]], np.int32)
        part = np.array([1, 2, 0], np.uint8)

    corners = np.array([[1.5, 1.5, 2], [6.5, 1.5, 2], [6.5, 6.5, 4], [1.5, 6.5, 4]])
    behind = np.array([[-20.0, -20, 9], [40, -20, 9], [-20, 40, 9]])
    distance = face_distance(Model, np.concatenate([corners, behind]), 9)
    inside = np.zeros((9, 9), bool)
    inside[2:7, 2:7] = True
    np.testing.assert_array_equal(np.isfinite(distance), inside)
    rows = 1 / (1 / 2 + (1 / 4 - 1 / 2) * (np.arange(2, 7) - 1.5) / 5)  # 1 / distance is linear in the image
    np.testing.assert_allclose(distance[2:7, 2:7], np.repeat(rows[:, None], 5, 1), rtol=1e-4)


def test_splits_and_fingerprints(small, tmp_path):
    assert isinstance(small, Dataset)
    assert small.missing("valid") == faces.BLOCK
    assert len(small.split("valid")) == faces.BLOCK
    assert len({small.fingerprint(name) for name in ("train", "valid", "test")}) == 3
    assert small.fingerprint("test") != small.faces.fingerprint("test")
    part = small.split("test")[4:9]
    assert (len(part), part[-1].id) == (5, small.split("test")[8].id)
    np.testing.assert_array_equal(part[1].target["depth"], small.split("test")[5].target["depth"])
    with pytest.raises(InputError, match="unknown split"):
        small.split("all")
    with pytest.raises(InputError, match="unknown split"):
        StandInDepth().fingerprint("all")
    with pytest.raises(InputError, match="no root"):
        stand_in_300w_depth(root=tmp_path)


def test_contact_sheet_shows_picture_depth_and_relief(small, tmp_path):
    sample = small.split("test")[0]
    sheet = tile(sample)
    assert sheet.shape == (2 * faces.SIZE, 6 * faces.SIZE, 3)
    on_face = np.isfinite(sample.target["depth"]).repeat(2, 0).repeat(2, 1)
    assert not sheet[:, 2 * faces.SIZE : 4 * faces.SIZE][~on_face].any()
    assert (sheet[:, 2 * faces.SIZE : 4 * faces.SIZE][on_face] > 0).mean() > 0.99
    small.preview("test", tmp_path / "sheet.png", n=2)
    assert (tmp_path / "sheet.png").stat().st_size > 1000
