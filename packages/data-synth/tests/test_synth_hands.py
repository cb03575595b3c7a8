import numpy as np
import pytest

from core_eval import InputError, scheme
from core_eval.normalisers import normaliser_of
from data_synth.faces.camera import View, frame
from data_synth.hands import dataset, landmarks
from data_synth.hands.dataset import COUNTS, GESTURES, hgr1, label_of, render_range
from data_synth.hands.gestures import GESTURES as TABLE
from data_synth.hands.gestures import NAMES, draw_habit, draw_pose, draw_view, pose_of
from data_synth.hands.model import FINGERS, JOINTS, SUBJECTS, HandModel, hand_axes
from data_synth.hands.pose import HIGH, LOW, Pose, pose_hand
from data_synth.hands.skin import paint
from data_synth.raster import rasterise, rasterise_quincunx, vertex_normals

IMAGES = {"train": 8 * GESTURES, "test": 162}


@pytest.fixture(scope="module")
def model():
    return HandModel.load()


@pytest.fixture(scope="module")
def drawn():
    """split -> the arrays of its first images."""
    out = {}
    for split, count in IMAGES.items():
        blocks = [render_range(split, range(first, min(first + 20, count))) for first in range(0, count, 20)]
        out[split] = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return out


def a_pose(seed, label=None):
    rng = np.random.default_rng(seed)
    return draw_pose(int(rng.integers(GESTURES)) if label is None else label, draw_habit(rng), rng)


# The data set


def test_counts_subjects_and_gestures_are_the_papers():
    data = hgr1()
    assert {split: len(data.split(split)) for split in COUNTS} == {"train": 573, "valid": 163, "test": 162}
    people = {split: {label_of(split, index)[1] for index in range(COUNTS[split])} for split in COUNTS}
    assert people == {"train": {1, 2, 3, 4, 5, 6, 7, 8}, "valid": {11, 12}, "test": {9, 10}}
    assert len(NAMES) == GESTURES
    assert "".join(NAMES) == "12345ABCDEFGHIKLMNOPRSTUWYZ"


@pytest.mark.parametrize("split", COUNTS)
def test_each_gesture_is_shown_equally_often_by_different_subjects(split):
    found = [label_of(split, index) for index in range(COUNTS[split])]
    shown = np.bincount([label for label, _ in found], minlength=GESTURES)
    assert shown.max() - shown.min() <= 1
    for label in range(GESTURES):
        assert len({person for one, person in found if one == label}) >= 2


def test_same_pictures_whatever_was_rendered_before(drawn):
    for name, array in render_range("test", range(40, 60)).items():
        np.testing.assert_array_equal(array, drawn["test"][name][40:60])


def test_more_images_go_on_where_the_papers_end(tmp_path):
    data = hgr1(scale=3, cache=tmp_path)
    assert len(data.split("valid")) == 489
    assert data.fingerprint("valid") != hgr1().fingerprint("valid")


def test_samples_say_what_they_are(drawn):
    recipe = hgr1().recipe
    arrays = drawn["test"]
    samples = [recipe.sample("test", i, {name: arrays[name][i] for name in arrays}) for i in range(162)]
    assert len({sample.id for sample in samples}) == 162
    for index, sample in enumerate(samples):
        label, person = label_of("test", index)
        assert sample.inputs.keys() == {"image"}
        assert sample.target.keys() == {"points", "visible", "label", "subject"}
        assert (sample.target["label"], sample.target["subject"]) == (label, person)
        assert sample.target["label"].dtype == np.int64
        assert sample.group == f"subject-{person:02d}"
        assert recipe.tile(sample).shape == (192, 192, 3)


def test_bad_requests_are_explained(tmp_path):
    with pytest.raises(InputError, match="no root folder"):
        hgr1(root=tmp_path)
    with pytest.raises(InputError, match="at least 1"):
        hgr1(scale=0)
    with pytest.raises(InputError, match="unknown split"):
        hgr1().split("dev")


def test_fingerprint_covers_the_code_that_draws(monkeypatch):
    before = hgr1().fingerprint("test")
    monkeypatch.setattr(dataset, "_USED", dataset._USED[1:])
    assert hgr1().fingerprint("test") != before


# What the landmarks say


def normalised(points):
    """Landmarks (N, 25, 2) around their middle, with the root mean square distance from it as unit."""
    centred = points - points.mean(axis=1, keepdims=True)
    return centred / np.sqrt(np.square(centred).sum(axis=2).mean(axis=1))[:, None, None]


def test_true_landmarks_tell_the_gestures(drawn):
    labels = {split: np.array([label_of(split, i)[0] for i in range(count)]) for split, count in IMAGES.items()}
    train, test = (normalised(drawn[split]["points"]) for split in IMAGES)
    centroids = np.stack([train[labels["train"] == k].mean(axis=0) for k in range(GESTURES)])
    guess = np.square(test[:, None] - centroids[None]).sum(axis=(2, 3)).argmin(axis=1)
    assert (guess == labels["test"]).mean() > 0.75


def test_wrist_is_wide_enough_to_normalise_errors(drawn):
    for arrays in drawn.values():
        found = [normaliser_of({"points": points}, scheme("hgr1"), "wrist-width") for points in arrays["points"]]
        assert min(found) > 5
        assert max(found) < 40
        assert ((arrays["points"] > -0.5) & (arrays["points"] < 63.5)).all()


def test_about_as_many_points_are_seen_as_in_the_paper(drawn):
    seen = np.concatenate([arrays["visible"].sum(axis=1) for arrays in drawn.values()])
    assert 17 <= seen.mean() <= 25
    assert seen.min() >= 10
    assert (seen < 25).any()


def test_first_end_of_the_wrist_is_on_the_side_of_the_thumb(drawn):
    for split, count in IMAGES.items():
        points = drawn[split]["points"]
        for index in range(count):
            label, _ = label_of(split, index)
            yaw, _, roll = TABLE[NAMES[label]].view
            if roll == 0 and abs(yaw) < 40:  # the palm faces the camera: thumb at image right
                assert points[index, 0, 0] > points[index, 24, 0]


# Poses


@pytest.mark.parametrize("label", range(GESTURES))
def test_angles_stay_within_the_joints_limits(label):
    table = pose_of(TABLE[NAMES[label]]).packed()
    assert (table >= LOW.packed()).all()
    assert (table <= HIGH.packed()).all()
    for seed in range(20):
        angles = a_pose(seed, label).packed()
        assert (angles >= LOW.packed()).all()
        assert (angles <= HIGH.packed()).all()
        np.testing.assert_array_equal(Pose.unpacked(angles).packed(), angles)


@pytest.mark.parametrize("seed", range(6))
def test_posed_joints_fold_by_the_angles_asked_for(model, seed):
    pose, person = a_pose(seed), 1 + seed
    joints = pose_hand(model, person, pose).joints
    for row, finger in enumerate(FINGERS):
        first = JOINTS.index(f"{finger}-1")
        bones = np.diff(joints[first : first + 4], axis=0)
        rest = np.diff(model.joints[person - 1, first : first + 4], axis=0)
        np.testing.assert_allclose(np.linalg.norm(bones, axis=1), np.linalg.norm(rest, axis=1), atol=1e-6)
        bones /= np.linalg.norm(bones, axis=1, keepdims=True)
        folds = pose.thumb[3:] if finger == "thumb" else pose.fingers[row - 1, 1:]
        for k in range(2):
            assert np.degrees(np.arccos(bones[k] @ bones[k + 1])) == pytest.approx(abs(folds[k]), abs=0.01)
        if finger != "thumb":
            straight = np.array([np.sin(np.radians(pose.spread[row - 1])), np.cos(np.radians(pose.spread[row - 1])), 0])
            knuckle = np.degrees(np.arctan2(bones[0, 2], bones[0] @ straight))
            assert knuckle == pytest.approx(pose.fingers[row - 1, 0], abs=0.01)


def test_skin_follows_the_joints_as_the_plain_formula_says(model):
    person, pose = 4, a_pose(5)
    posed = pose_hand(model, person, pose)
    rest = model.joints[person - 1].astype(float)
    chosen = np.random.default_rng(0).choice(len(model.weights), 40, replace=False)
    rigid = model.weights[chosen].max(axis=1) > 0.999  # these move with one bone: all distances to its joints stay
    assert rigid.sum() > 5
    for vertex in chosen[rigid]:
        joint = int(model.weights[vertex].argmax())
        name = JOINTS[joint]
        ends = [joint] if name in ("forearm", "hand") else [joint, joint + 1]
        for end in ends:
            before = np.linalg.norm(model.vertices[person - 1, vertex] - rest[end])
            assert np.linalg.norm(posed.vertices[vertex] - posed.joints[end]) == pytest.approx(before, abs=1e-5)
    still = model.weights[:, JOINTS.index("hand")] > 0.999
    np.testing.assert_allclose(posed.vertices[still], model.vertices[person - 1][still], atol=1e-6)


def test_hands_are_right_hands_with_the_palm_to_the_front(model):
    assert model.vertices.shape[0] == SUBJECTS
    for joints in model.joints:
        np.testing.assert_allclose(hand_axes(joints), np.eye(3), atol=1e-5)
        tips = joints[[JOINTS.index(f"{finger}-tip") for finger in FINGERS]]
        knuckles = joints[[JOINTS.index(f"{finger}-1") for finger in FINGERS]]
        assert (tips[:, 2] > knuckles[:, 2]).all(), "relaxed fingers fold to the palm"
        assert tips[0, 0] > tips[1:, 0].max(), "the thumb is at the side of +x"
        assert 0.15 < tips[2, 1] < 0.25
    volume = np.einsum("fa,fa->", model.vertices[0][model.faces[:, 0]], np.cross(
        model.vertices[0][model.faces[:, 1]], model.vertices[0][model.faces[:, 2]]))  # fmt: skip
    assert volume > 0
    np.testing.assert_allclose(model.weights.sum(axis=1), 1, atol=1e-5)


def test_webs_lie_between_their_fingers(model):
    rest = Pose(np.zeros((4, 3)), np.array([8.0, 0, -6, -14]), np.array([50.0, 30, 0, 10, 10]), np.zeros(2))
    points = landmarks.place(model, pose_hand(model, 1, rest), np.eye(3))
    at = dict(zip(landmarks.NAMES, points, strict=True))
    for one, other in (("index", "middle"), ("middle", "ring"), ("ring", "little")):
        web = at[f"web-{one}-{other}"]
        assert at[f"{other}-1"][0] < web[0] < at[f"{one}-1"][0]
        assert abs(web[1] - at[f"{one}-1"][1]) < 0.03
    assert at["wrist-thumb-side"][0] > 0.015
    assert at["wrist-little-side"][0] < -0.015


def test_palms_are_pale_and_every_finger_has_a_nail(model):
    for number in range(1, SUBJECTS + 1):
        skin = paint(model, number)
        assert skin.albedo.min() > 0
        assert skin.albedo.max() < 1
        normals = vertex_normals(model.vertices[number - 1], model.faces)
        on_hand = model.weights[:, JOINTS.index("hand")] > 0.9
        palm, back = (skin.albedo[on_hand & (sign * normals[:, 2] > 0.8)].mean() for sign in (1, -1))
        assert palm > back
        nail = skin.gloss > 0.1
        for finger in FINGERS:
            at = nail & (model.weights[:, JOINTS.index(f"{finger}-3")] > 0.5)
            assert 1 <= at.sum() < 40, finger


# Occlusion


def ray_hits(projected, faces, x, y):
    """Index and depth of the nearest front-facing triangle at (x, y), in plain arithmetic; -1 where there is none."""
    a, b, c = (projected[faces[:, k]] for k in range(3))
    edge = np.stack(
        [(q[:, 0] - p[:, 0]) * (y - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x - p[:, 0]) for p, q in ((b, c), (c, a), (a, b))]
    )
    area = edge.sum(axis=0)
    inside = np.flatnonzero((edge <= 0).all(axis=0) & (area < 0))  # the front runs clockwise where y points down
    if not len(inside):
        return -1, np.inf
    near = sum(edge[k] / p[:, 2] for k, p in enumerate((a, b, c)))[inside] / area[inside]
    return int(inside[near.argmax()]), float(1 / near.max())


@pytest.mark.parametrize("seed", range(8))
def test_seen_landmarks_are_those_whose_own_skin_a_ray_meets_first(model, seed):
    label = (5 * seed) % GESTURES
    rng = np.random.default_rng(seed)
    posed = pose_hand(model, 1 + seed, a_pose(seed, label))
    loose = View(*draw_view(label, rng), distance=0.8)
    spots = landmarks.place(model, posed, loose.rotation)
    view = frame(loose, loose.turn(spots), 128, 0.7, (0.0, 0.0))
    projected = view.project(view.turn(posed.vertices)).astype(float)
    points = view.project(view.turn(spots).astype(float))
    raster = rasterise_quincunx(projected, model.faces, 128, 128, cull_back=True)
    seen = landmarks.visible_points(model, points, raster)
    covered = rasterise(projected, model.faces, 128, 128).tri >= 0
    expected = np.zeros(25, bool)
    for index, (x, y, depth) in enumerate(points):
        column, row = round(x), round(y)
        patch = covered[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert patch.any() or not seen[index], "a seen landmark lies on the hand"
        triangle, nearest = ray_hits(projected, model.faces, x, y)
        owner = landmarks._OWN[index, model.bone_of_face[triangle]]
        expected[index] = triangle >= 0 and owner and depth - nearest <= landmarks.THICKEST
    outline = [0, 24, 9, 14, 19]  # on the skin's edge, where a ray may miss by a hair
    inner = np.setdiff1d(np.arange(25), outline)
    assert (seen[inner] | ~expected[inner]).sum() >= len(inner) - 1
    assert (seen[inner] == expected[inner]).mean() >= 0.8


def test_fist_hides_its_finger_tips_from_behind(model):
    posed = pose_hand(model, 2, pose_of(TABLE["S"]))
    tips = [landmarks.NAMES.index(f"{finger}-tip") for finger in FINGERS[1:]]
    knuckles = [landmarks.NAMES.index(f"{finger}-1") for finger in FINGERS[1:]]
    for yaw, hidden in ((180.0, tips), (0.0, knuckles)):
        loose = View(yaw, 0.0, 0.0, distance=0.8)
        spots = landmarks.place(model, posed, loose.rotation)
        view = frame(loose, loose.turn(spots), 128, 0.7, (0.0, 0.0))
        raster = rasterise_quincunx(view.project(view.turn(posed.vertices)), model.faces, 128, 128, cull_back=True)
        seen = landmarks.visible_points(model, view.project(view.turn(spots).astype(float)), raster)
        assert seen[hidden].sum() <= 1
        assert seen[[0, 24]].all()
