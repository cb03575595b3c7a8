"""Motion: limits of joints, constant bones, contact with the floor and with the body itself, different actions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from data_synth.bodies.actions import ACTIONS, draw_action
from data_synth.bodies.contact import TOLERANCE, settle
from data_synth.bodies.dataset import ACTION_NAMES, _outfit
from data_synth.bodies.limits import LIMITS, angles
from data_synth.bodies.people import NAMES, OTHERS, SUBJECTS, Bodies
from data_synth.bodies.pose import solve, two_bones, wrist_of
from data_synth.bodies.render import Actor, BodyRenderer
from data_synth.bodies.sequences import DEEPEST, flesh_of, record
from data_synth.bodies.skeleton import BONE, JOINT_PARENTS, about, bend
from data_synth.seeds import generator

FRAMES = np.arange(0, 200, 8)
CAST = (("S1", 1), ("S6", 2), ("S11", 2))
LEFT, RIGHT = 0, 1


@pytest.fixture(scope="module")
def recordings():
    """action -> [(subject, skeleton, recording)] of three people."""
    skeletons = Bodies.load().skeletons
    return {
        action: [(who, skeletons[NAMES.index(who)], record(("h36m",), who, action, take, FRAMES)) for who, take in CAST]
        for action in ACTIONS
    }


def test_actions_are_those_of_the_data_set():
    assert tuple(ACTIONS) == ACTION_NAMES


def test_people_are_different():
    bodies = Bodies.load()
    assert len(NAMES) == len(SUBJECTS) + OTHERS == len(bodies.vertices)
    tall = np.ptp(bodies.vertices[:, :, 2], axis=1)
    assert tall.min() > 1.45
    assert tall.max() < 2.05
    shapes = bodies.vertices - bodies.vertices.mean(axis=1, keepdims=True)
    apart = [np.abs(a - b).max() for k, a in enumerate(shapes) for b in shapes[:k]]
    assert min(apart) > 0.01


def test_rotations_mean_what_they_say():
    down, front = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
    np.testing.assert_allclose(bend(np.array([90.0, 0, 0])) @ -down, front, atol=1e-12)  # flexion bows forward
    np.testing.assert_allclose(bend(np.array([0, 90.0, 0])) @ -down, [1, 0, 0], atol=1e-12)  # lean to the left
    np.testing.assert_allclose(bend(np.array([0, 0, 90.0])) @ front, [1, 0, 0], atol=1e-12)  # turn to the left
    stance = np.tile(np.eye(3), (1, len(BONE), 1, 1))
    assert all(np.abs(value).max() < 1e-9 for value in angles(stance).values())
    raised = stance.copy()
    raised[:, BONE["thigh.L"]] = about("x", -60)
    raised[:, BONE["upperarm.R"]] = about("y", 40)
    raised[:, BONE["forearm.R"]] = about("y", 40)
    found = angles(raised)
    assert found["hip-forward"][0] == pytest.approx([60, 0])
    assert found["knee"][0] == pytest.approx([60, 0])  # the shin still hangs down
    assert found["shoulder-outward"][0] == pytest.approx([0, 40])
    assert found["elbow"][0] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("hinge", [1.0, -1.0])
def test_two_bones_reach_their_target_and_point_at_the_pole(hinge):
    rng = generator("test", "two bones")
    start, pole = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    target = start + rng.normal(size=(200, 3)) * 0.4
    upper, lower, within = two_bones(start, target, (0.5, 0.4), pole, hinge)
    elbow = start - 0.5 * upper[:, :, 2]
    end = elbow - 0.4 * lower[:, :, 2]
    assert 0.3 < within.mean() < 1
    np.testing.assert_allclose(end[within], target[within], atol=1e-9)
    gap = target - start
    side = elbow - start - gap * (((elbow - start) * gap).sum(1) / (gap * gap).sum(1))[:, None]
    assert ((side * pole).sum(axis=1) > 0).all()
    for turn in (upper, lower):
        np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (200, 1, 1)), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(turn), 1, atol=1e-9)
    # One hinge: both bones have the same axis, and the elbow folds to -y, the knee to +y.
    np.testing.assert_allclose(upper[:, :, 0], lower[:, :, 0], atol=1e-12)
    fold = (upper[:, :, 1] * -lower[:, :, 2]).sum(axis=1)
    assert (np.sign(fold) == -hinge).all()
    # Out of reach it points at the target all the same.
    far = ~within
    along = (end - start)[far] / np.linalg.norm((end - start)[far], axis=1, keepdims=True)
    np.testing.assert_allclose(along, gap[far] / np.linalg.norm(gap[far], axis=1, keepdims=True), atol=1e-9)


def test_bones_keep_their_length(recordings):
    parents = np.array(JOINT_PARENTS[1:])
    for who in {name for name, _ in CAST}:
        lengths = []
        for takes in recordings.values():
            for subject, skeleton, recording in takes:
                if subject == who:
                    joints = skeleton.joints(recording.pose.pivots, recording.pose.turn)
                    lengths.append(np.linalg.norm(joints[:, 1:] - joints[:, parents], axis=2))
        spread = np.ptp(np.concatenate(lengths), axis=0)
        assert spread.max() < 1e-9


def test_joints_stay_within_their_limits(recordings):
    for action, takes in recordings.items():
        for _, _, recording in takes:
            for name, value in angles(recording.pose.turn).items():
                if name in LIMITS:
                    low, high = LIMITS[name]
                    assert value.min() >= low - 1e-6, (action, name)
                    assert value.max() <= high + 1e-6, (action, name)


def test_repair_parts_what_overlaps_and_leaves_the_rest():
    bodies = Bodies.load()
    index = NAMES.index("S1")
    skeleton, flesh = bodies.skeletons[index], flesh_of("S1")
    controls = draw_action("Photo", generator("test", "repair"), np.arange(200) / 10, skeleton, 1).at(FRAMES)
    before = solve(controls, skeleton)
    deep = flesh.depth(skeleton, before)[0].max(axis=1)
    assert (deep > 2 * TOLERANCE).any()
    after, left = settle(controls, skeleton, flesh)
    np.testing.assert_allclose(left, np.maximum(flesh.depth(skeleton, after)[0].max(axis=1), 0), atol=1e-9)
    assert (left <= DEEPEST).all()
    # The trunk is not touched, and hands stay near where they were wanted.
    np.testing.assert_array_equal(after.turn[:, BONE["head"]], before.turn[:, BONE["head"]])
    for s, side in enumerate("LR"):
        wanted = wrist_of(controls.hands[s], skeleton, before.turn, before.pivots, s)
        moved = np.linalg.norm(after.pivots[:, BONE[f"hand.{side}"]] - wanted, axis=1)
        assert np.median(moved) < 0.08


def test_nobody_floats_or_sinks_into_the_floor(recordings):
    renderer = BodyRenderer.load()
    for action, takes in recordings.items():
        lowest = []
        for who, skeleton, recording in takes:
            for k in range(0, len(FRAMES), 4):
                pose = recording.pose
                world = renderer.vertices(Actor(skeleton, _outfit(who, 1, 0), pose.turn[k], pose.pivots[k]))
                lowest.append(float(world[:, 2].min()))
        assert min(lowest) > -0.03, action
        assert max(lowest) < 0.06, action
        assert np.median(np.abs(lowest)) < 0.012, action


def test_arms_are_outside_of_the_trunk(recordings):
    """By rays against the mesh, which the repair with its spheres knows nothing of."""
    renderer = BodyRenderer.load()
    bodies = renderer.bodies
    owner = np.argmax(bodies.weights, axis=1)
    core = np.isin(owner, [BONE[name] for name in ("pelvis", "torso", "neck", "head")])
    arms = np.isin(owner, [BONE[f"{bone}.{s}"] for bone in ("forearm", "forearm-twist", "hand") for s in "LR"])
    arms = np.flatnonzero(arms)[::7]
    faces = bodies.faces[core[bodies.faces].all(axis=1)]
    worst = []
    for takes in recordings.values():
        who, skeleton, recording = takes[0]
        outfit = _outfit(who, 1, 0)
        bare = replace(outfit, vertices=bodies.vertices[NAMES.index(who)])
        for k in (3, 13, 23):
            pose = recording.pose
            world = renderer.vertices(Actor(skeleton, bare, pose.turn[k], pose.pivots[k])).astype(np.float64)
            trunk = trimesh.Trimesh(world, faces, process=False)
            inside = trunk.ray.contains_points(world[arms])
            gap = cKDTree(world[core]).query(world[arms][inside])[0]
            worst.append(gap.max(initial=0.0))
    assert max(worst) < 0.05, sorted(worst)[-12:]
    assert np.mean(np.array(worst) > 0.03) < 0.1


def test_every_action_has_statistics_of_its_own(recordings):
    """Frames of a take of somebody else are nearest to those of the same action far more often than by chance."""

    def features(takes):
        rows = []
        for _, skeleton, recording in takes:
            joints = skeleton.joints(recording.pose.pivots, recording.pose.turn)
            facing = recording.pose.turn[:, 0]
            local = np.einsum("tij,tki->tkj", facing, joints - joints[:, :1]) / skeleton.leg
            height = joints[:, :1, 2] / skeleton.leg
            size = [height.mean(0), height.std(0)]
            rows.append(np.concatenate([local.mean(0).ravel(), 2 * local.std(0).ravel(), *size]))
        return rows

    described = {action: features(takes) for action, takes in recordings.items()}
    names = list(described)
    hits = [
        names[int(np.argmin([np.linalg.norm(described[name][0] - described[action][2]) for name in names]))] == action
        for action in names
    ]
    assert np.mean(hits) >= 0.4  # by chance 0.07
    heights = {name: np.mean([row[-2] for row in rows]) for name, rows in described.items()}
    assert min(heights, key=heights.__getitem__) == "SittingDown"
    assert heights["Sitting"] < 0.7 < heights["Walking"]


def test_walkers_alternate_their_feet(recordings):
    for _, skeleton, recording in recordings["Walking"]:
        feet = recording.pose.pivots[:, [BONE["foot.L"], BONE["foot.R"]]] - recording.pose.root[:, None]
        ahead = -(recording.pose.turn[:, 0, :, 1][:, None] * feet).sum(axis=2) / skeleton.leg
        assert np.corrcoef(ahead[:, LEFT], ahead[:, RIGHT])[0, 1] < -0.8
        assert np.ptp(ahead[:, LEFT]) > 0.4


def test_motion_depends_on_its_name_alone():
    some, others = FRAMES, FRAMES[5:20:3]
    first = record(("h36m",), "S5", "Photo", 1, some)
    second = record(("h36m",), "S5", "Photo", 1, others)
    np.testing.assert_array_equal(first.pose.turn[5:20:3], second.pose.turn)
    assert not np.allclose(record(("h36m",), "S5", "Photo", 2, some).pose.turn, first.pose.turn)
