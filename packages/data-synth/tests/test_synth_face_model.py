"""The head model: exactness against anny, symmetry, UV, landmarks, parts."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest

from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.faces.model_cut import cut_mesh, extend, mirror_of_cut
from data_synth.faces.model_landmarks import IBUG68_MIRROR
from data_synth.faces.model_params import LIDS_MEET, PHENOTYPES, FaceParams
from data_synth.faces.model_regions import PART_MIRROR, PART_NAMES, polygon_distance
from data_synth.faces.model_uv import orientation, unfold

FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def people(model: FaceModel) -> FaceParams:
    return model.sample(np.random.default_rng(7), 24)


def test_vertices_equal_annys_own_forward(model: FaceModel, people: FaceParams) -> None:
    import anny
    import torch

    reference = anny.Anny(
        rig="anny",
        topology="makehuman",
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    few = people[:3]

    def named(labels: tuple[str, ...], values: np.ndarray) -> dict[str, torch.Tensor]:
        return {label: torch.from_numpy(values[:, i].copy()) for i, label in enumerate(labels)}

    phenotype = named(PHENOTYPES, few.phenotype)
    out = reference(
        phenotype_kwargs=phenotype,
        local_changes_kwargs=named(model.shape_labels, few.shape),
        facial_actions=named(model.action_labels, few.expression),
    )["rest_vertices"].numpy()
    original = model.base_index >= 0
    theirs = out[:, model.base_index[original]] @ np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # z up to y up
    ours = model.vertices(few)[:, original]
    shift = (theirs - ours).mean(axis=1, keepdims=True)  # anny stands on the ground, we sit in the head's centre
    assert np.abs(ours + shift - theirs).max() < 1e-5


def test_origin_does_not_follow_the_expression(model: FaceModel, people: FaceParams) -> None:
    neutral = people.with_expression(np.zeros_like(people.expression))
    moved = np.abs(model.vertices(people) - model.vertices(neutral)).max(axis=(0, 2))
    skull = (model.mean[:, 1] > 0.08) & (model.mean[:, 2] < 0.0)
    assert moved[skull].max() < 2e-4  # an action pulls a little at the scalp, no more
    assert moved.max() > 0.01


def test_draws_depend_on_the_generator_alone(model: FaceModel) -> None:
    a, b = (model.sample(np.random.default_rng(3), 5) for _ in range(2))
    other = model.sample(np.random.default_rng(4), 5)
    np.testing.assert_array_equal(model.vertices(a), model.vertices(b))
    assert np.abs(a.shape - other.shape).max() > 0.1


def test_parameters_stay_in_range(model: FaceModel) -> None:
    p = model.sample(np.random.default_rng(0), 400)
    assert p.phenotype.min() >= 0
    assert p.phenotype[:, 1].min() >= 1 / 3
    assert p.phenotype.max() <= 1
    assert np.abs(p.shape).max() <= 1
    assert p.expression.min() >= 0
    assert p.expression.max() <= 1
    assert p.expression[:, model.action_labels.index("eyeBlinkLeft")].max() <= LIDS_MEET
    open_mouth = p.expression[:, model.action_labels.index("jawOpen")] > 0.3
    assert 0.05 < open_mouth.mean() < 0.5


def test_batch_and_single_agree(model: FaceModel, people: FaceParams) -> None:
    np.testing.assert_allclose(model.vertices(people[-1])[0], model.vertices(people)[-1], atol=1e-6)
    with pytest.raises(ValueError, match="expected"):
        people.with_expression(people.expression[:2])


def test_mirror_is_an_involution_that_mirrors_the_mean(model: FaceModel) -> None:
    np.testing.assert_array_equal(model.mirror[model.mirror], np.arange(len(model.mirror)))
    np.testing.assert_array_equal(model.mirror_face[model.mirror_face], np.arange(len(model.faces)))
    np.testing.assert_allclose(model.mean[model.mirror] * FLIP, model.mean, atol=1e-7)
    own = np.sort(model.mirror[model.faces], axis=1)
    np.testing.assert_array_equal(own, np.sort(model.faces[model.mirror_face], axis=1))


def test_a_mirrored_person_has_the_mirrored_face(model: FaceModel, people: FaceParams) -> None:
    def swapped(labels: tuple[str, ...]) -> list[int]:
        def twin(label: str) -> str:
            for left, right in (("Left", "Right"), ("Right", "Left")):
                if label.endswith(left):
                    return label.removesuffix(left) + right
            return {"l-": "r-", "r-": "l-"}.get(label[:2], label[:2]) + label[2:]

        return [labels.index(twin(label)) for label in labels]

    shape = people.shape.copy()
    shape[:, [i for i, label in enumerate(model.shape_labels) if label.endswith("trans-out")]] = 0
    person = FaceParams(people.phenotype, shape, people.expression)
    twin = FaceParams(
        people.phenotype, shape[:, swapped(model.shape_labels)], people.expression[:, swapped(model.action_labels)]
    )
    difference = model.vertices(twin)[:, model.mirror] * FLIP - model.vertices(person)
    # The eyes' gaze targets and a few mouth targets of the source are not exact mirror images.
    assert np.quantile(np.abs(difference), 0.99) < 5e-4


def test_uv_fills_the_square_without_folds(model: FaceModel) -> None:
    used = np.unique(model.faces[model.face_region])
    uv = model.uv.astype(float)
    inner = model.faces[np.isin(model.component, [PARTS.index("tongue"), PARTS.index("teeth")])]
    assert np.isnan(uv[inner]).all()
    np.testing.assert_allclose(uv[used].min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(uv[used].max(axis=0), 1, atol=1e-6)
    assert (orientation(uv, model.faces[model.face_region]) > 0).all()
    np.testing.assert_allclose(uv[model.mirror][used], uv[used] * [-1, 1] + [1, 0], atol=2e-4)


def test_uv_of_the_skin_is_one_to_one(model: FaceModel) -> None:
    """Every place of the UV plane is covered at most once: the areas add up to the area of their union."""
    skin = model.faces[model.face_region & (model.component == PARTS.index("skin"))]
    size = 2048
    count = np.zeros((size, size), np.uint8)
    area = 0.5 * np.abs(orientation(model.uv.astype(float), skin)).sum()
    for triangle in model.uv[skin].astype(float):
        cv2.fillConvexPoly(count, np.round(triangle * (size - 1)).astype(np.int32), 1)
    assert count.mean() == pytest.approx(area, rel=0.02)


def test_u_grows_to_image_right_and_v_downwards(model: FaceModel) -> None:
    left_eye, right_eye = model.landmarks.points(model.uv)[[45, 36]]
    nose, chin = model.landmarks.points(model.uv)[[27, 8]]
    assert left_eye[0] > right_eye[0]
    assert chin[1] > nose[1]


def test_unfold_repairs_and_keeps_the_rest() -> None:
    x, y = np.meshgrid(np.arange(7.0), np.arange(7.0))
    flat = np.column_stack([x.ravel(), y.ravel()])
    quads = np.array(
        [[i * 7 + j, i * 7 + j + 1, (i + 1) * 7 + j + 1, (i + 1) * 7 + j] for i in range(6) for j in range(6)]
    )
    faces = np.concatenate([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]]])
    assert (orientation(flat, faces) > 0).all()
    np.testing.assert_array_equal(unfold(flat, faces), flat)
    folded = flat.copy()
    folded[24] += [1.6, 0.3]
    assert (orientation(folded, faces) < 0).any()
    repaired = unfold(folded, faces)
    assert (orientation(repaired, faces) > 0).all()
    np.testing.assert_array_equal(repaired[:7], flat[:7])


def test_landmark_weights_and_symmetry(model: FaceModel) -> None:
    marks = model.landmarks
    np.testing.assert_allclose(marks.weights.sum(axis=1), 1, atol=1e-12)
    assert marks.weights.min() >= 0
    assert sorted(IBUG68_MIRROR) == list(range(68))
    points = marks.points(model.mean.astype(float))
    np.testing.assert_allclose(points[list(IBUG68_MIRROR)] * FLIP, points, atol=1e-7)
    for i, (index, weight) in enumerate(marks.jaw_parallels):
        np.testing.assert_allclose(weight.sum(axis=1), 1, atol=1e-12)
        rest = marks.jaw_rest[i]
        at_rest = np.einsum("kd,k->d", model.mean[index[rest]], weight[rest])
        np.testing.assert_allclose(at_rest, points[i], atol=1e-7)


def test_landmarks_lie_where_their_names_say(model: FaceModel) -> None:
    points = model.landmarks.points(model.mean.astype(float))
    assert points[45, 0] > points[42, 0] > points[30, 0] > points[39, 0] > points[36, 0]
    np.testing.assert_allclose(points[[8, 27, 28, 29, 30, 33, 51, 57, 62, 66], 0], 0, atol=1e-9)
    assert points[30, 2] == pytest.approx(points[:, 2].max(), abs=1e-9)  # the tip of the nose is foremost
    assert (np.diff(points[27:31, 1]) < 0).all()
    assert (points[[37, 38, 43, 44], 1] > points[[41, 40, 47, 46], 1] + 0.005).all()
    assert (points[17:27, 1] > points[36:48, 1].max()).all()
    assert points[:, 1].min() == pytest.approx(points[8, 1], abs=1e-3)
    assert (np.diff(points[:17, 0]) > 0).all()
    # On the borders of the parts: outer lip points on the lips' outline, brow points inside the brows.
    lips = model.landmarks.points(model.signed["lips"][:, None])[48:60, 0]
    assert np.abs(lips).max() < 0.001
    assert model.landmarks.points(model.signed["brows"][:, None])[[18, 19, 20, 23, 24, 25], 0].min() > -0.001


def test_landmarks_keep_their_uv_when_the_face_moves(model: FaceModel, people: FaceParams) -> None:
    """Barycentric points: interpolating positions or UV with the same weights is all there is."""
    vertices = model.vertices(people).astype(float)
    points = model.landmarks.points(vertices)
    assert points.shape == (len(people), 68, 3)
    corners = vertices[:, model.landmarks.triangles]
    assert (points >= corners.min(axis=2) - 1e-12).all()
    assert (points <= corners.max(axis=2) + 1e-12).all()
    uv = model.landmarks.points(model.uv)
    assert np.isfinite(uv).all()
    assert uv.min() >= 0
    assert uv.max() <= 1


def test_the_open_mouth_parts_the_inner_lips(model: FaceModel) -> None:
    neutral = model.neutral()
    expression = neutral.expression.copy()
    expression[0, model.action_labels.index("jawOpen")] = 0.6
    closed, opened = (
        model.landmarks.points(model.vertices(p)[0]) for p in (neutral, neutral.with_expression(expression))
    )
    assert abs(closed[62, 1] - closed[66, 1]) < 0.001
    assert opened[62, 1] - opened[66, 1] > 0.015
    assert closed[8, 1] - opened[8, 1] > 0.01


def _project(vertices: np.ndarray, yaw: float, pitch: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.radians([yaw, pitch])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rotation = nod @ turn
    flip = np.array([1.0, -1.0])
    return (vertices @ rotation.T)[:, :2] * flip * 1000, rotation[:2, 1] * flip


def test_marching_reaches_the_outline_of_a_turned_face(model: FaceModel) -> None:
    image, up = _project(model.mean.astype(float), yaw=50)
    rest, marched = model.landmarks.points(image), model.landmarks.march(image, up).points(image)
    np.testing.assert_array_equal(marched[17:], rest[17:])
    np.testing.assert_allclose(marched[:4], rest[:4], atol=1.0)  # the side that faces the camera stays
    # The far cheek: hidden at rest, on the cheek's outline after marching (the nose and lips may stand out farther).
    cheek = image[(model.mean[:, 0] > 0.03) & (model.signed["face"] > 0)]
    for i in range(13, 16):
        level = cheek[np.abs(cheek[:, 1] - marched[i, 1]) < 3.0]
        assert marched[i, 0] > rest[i, 0] + 5
        assert level[:, 0].max() - marched[i, 0] < 2.0


def test_marching_is_mirror_symmetric_and_leaves_the_frontal_face_alone(model: FaceModel) -> None:
    mean = model.mean.astype(float)
    image, up = _project(mean, yaw=0)
    np.testing.assert_allclose(model.landmarks.march(image, up).points(image), model.landmarks.points(image), atol=3.0)
    one, up = _project(mean, yaw=35, pitch=10)
    a = model.landmarks.march(one, up).points(one)
    other, up = _project(mean, yaw=-35, pitch=10)
    b = model.landmarks.march(other, up).points(other)
    np.testing.assert_allclose(b[list(IBUG68_MIRROR)] * [-1, 1], a, atol=1e-3)


def test_parts_mirror_and_cover_the_face(model: FaceModel) -> None:
    np.testing.assert_array_equal(np.array(PART_MIRROR)[model.part[model.mirror_face]], model.part)
    assert set(np.unique(model.part)) == set(range(len(PART_NAMES)))
    np.testing.assert_array_equal(model.part > 0, model.face_region)
    centre = model.mean[model.faces].mean(axis=1)
    assert (centre[model.part == PART_NAMES.index("left_brow"), 0] > 0).all()
    upper, lower = (centre[model.part == PART_NAMES.index(n), 1].mean() for n in ("upper_lip", "lower_lip"))
    assert upper > lower


def test_channels_are_weights_on_every_vertex(model: FaceModel) -> None:
    for name, values in {**model.channels, "occlusion": model.occlusion}.items():
        assert values.shape == (len(model.mean),), name
        assert values.min() >= 0, name
        assert values.max() <= 1, name
        assert values.max() > 0.8, name
        np.testing.assert_allclose(values[model.mirror], values, atol=1e-5, err_msg=name)
    eye = model.channels["eye"] == 1
    np.testing.assert_allclose(np.linalg.norm(model.eye_local[eye], axis=1), 1, atol=1e-6)
    assert not model.eye_local[~eye].any()


def test_data_files_are_small() -> None:
    folder = files("data_synth.faces") / "data"
    assert sum(len(item.read_bytes()) for item in folder.iterdir()) < 1_000_000


def test_cut_mesh_separates_the_signs_and_keeps_the_surface() -> None:
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(-1, 1, 13), np.linspace(-1, 1, 13))
    points = np.column_stack([x.ravel(), y.ravel()])
    quads = np.array(
        [[i * 13 + j, i * 13 + j + 1, (i + 1) * 13 + j + 1, (i + 1) * 13 + j] for i in range(12) for j in range(12)]
    )
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    field = np.hypot(points[:, 0], points[:, 1]) - 0.6 + 0.02 * rng.standard_normal(len(points))
    cut = cut_mesh(faces, field, np.ones(len(faces), bool))
    after = extend(points, [cut])
    signs = np.sign(cut.field[cut.faces])
    assert ((signs.min(axis=1) >= 0) | (signs.max(axis=1) <= 0)).all()

    def areas(p: np.ndarray, f: np.ndarray) -> np.ndarray:
        u, v = p[f[:, 1]] - p[f[:, 0]], p[f[:, 2]] - p[f[:, 0]]
        return 0.5 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])

    assert (areas(after, cut.faces) > 0).all()
    per_source = np.bincount(cut.source, areas(after, cut.faces), len(faces))
    np.testing.assert_allclose(per_source, areas(points, faces), rtol=1e-5)
    np.testing.assert_allclose(extend(np.stack([points, points]), [cut], axis=1)[1], after)


def test_cut_mesh_of_a_mirror_image_is_the_mirror_image(model: FaceModel) -> None:
    original = model.base_index >= 0
    count = int(original.sum())
    assert (model.mirror[:count] < count).all()
    faces = model.faces[(model.faces < count).all(axis=1)]
    cut = cut_mesh(faces, model.mean[:count, 1] - 0.0313, np.ones(len(faces), bool))
    mirror = mirror_of_cut(model.mirror[:count], cut)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    vertices = extend(model.mean[:count], [cut])
    np.testing.assert_allclose(vertices[mirror] * FLIP, vertices, atol=1e-6)


def test_polygon_distance_agrees_with_opencv() -> None:
    rng = np.random.default_rng(1)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 17))
    outline = np.column_stack([np.cos(turn), np.sin(turn)]) * rng.uniform(0.4, 1.0, (17, 1))
    points = rng.uniform(-1.2, 1.2, (300, 2))
    expected = [cv2.pointPolygonTest(outline.astype(np.float32)[:, None], p.tolist(), True) for p in points]
    np.testing.assert_allclose(polygon_distance(points, outline), expected, atol=1e-5)


def test_an_expression_on_a_neutral_face_equals_the_whole_forward_pass(model):
    people = model.sample_identities(np.random.default_rng(5), 6)
    actions = model.sample_expressions(np.random.default_rng(6), 6)
    whole = model.vertices(people.with_expression(actions))
    assert np.abs(whole - model.vertices(people)).max() > 1e-3
    np.testing.assert_allclose(model.express(model.vertices(people), actions), whole, atol=2e-6)
