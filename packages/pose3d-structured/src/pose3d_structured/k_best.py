"""The K best configurations of a graphical model, for the structured loss (thesis Sec. 3.2.5).

Axis letters: J joints, V candidates of a joint, L leaves of a star, K configurations.
"""

from __future__ import annotations

import heapq

import numpy as np

from pose3d_structured.admm import infer
from pose3d_structured.energy import Floats, Integers, PoseEnergy
from pose3d_structured.star import solve_star, stars


def best_poses(energy: PoseEnergy, count: int) -> tuple[Floats, Integers]:
    """The poses of the largest scores.

    Exact without edges and on stars. On other graphs: ADMM's pose, improved joint by joint until no single joint can be
    improved, and with it the best poses that differ from it in one joint.

    Returns:
        (K,) scores in falling order and (K, J) candidates; K is smaller than `count` if there are not so many poses.
    """
    cover = stars(energy)
    if len(cover) > 1:
        poses = _around(energy, infer(energy).pose, count)
    elif cover:
        poses = _of_star(energy, count)
    else:
        joints = np.arange(energy.candidates.joints)
        ranked = [_top(scores, count) for scores in energy.candidates.scores.astype(np.float64)]
        poses = np.array([[ranked[j][rank] for j, rank in zip(joints, ranks, strict=True)] for ranks in _cheapest(
            [0.0], [[energy.candidates.scores[j, ranked[j]].astype(np.float64) for j in joints]], count
        )[1]])  # fmt: skip
    scores = energy.score(poses)
    order = np.argsort(-scores, kind="stable")
    return scores[order], poses[order]


def _top(values: Floats, count: int) -> Integers:
    """Indices of the largest finite values, in falling order."""
    count = min(count, int(np.isfinite(values).sum()))
    found = np.argpartition(-values, count - 1)[:count]
    return found[np.argsort(-values[found], kind="stable")]


def _cheapest(base: list[float], lists: list[list[Floats]], count: int) -> tuple[list[int], list[tuple[int, ...]]]:
    """The `count` largest sums base[r] + sum_l lists[r][l][rank_l], the lists falling: (r of each, ranks of each).

    Every sum has one predecessor, one rank smaller in its last moved list, which is at least as large; so a queue that
    starts with the best sum of every r meets them in order, each once.
    """
    queue = [
        (-(start + sum(float(values[0]) for values in spokes)), r, (0,) * len(spokes), 0)
        for r, (start, spokes) in enumerate(zip(base, lists, strict=True))
    ]
    heapq.heapify(queue)
    rows: list[int] = []
    found: list[tuple[int, ...]] = []
    while queue and len(found) < count:
        negative, r, ranks, moved = heapq.heappop(queue)
        rows.append(r)
        found.append(ranks)
        for k in range(moved, len(ranks)):
            values = lists[r][k]
            if ranks[k] + 1 < len(values):
                step = float(values[ranks[k]] - values[ranks[k] + 1])
                heapq.heappush(queue, (negative + step, r, (*ranks[:k], ranks[k] + 1, *ranks[k + 1 :]), k))
    return rows, found


def _of_star(energy: PoseEnergy, count: int) -> Integers:
    """All K best have their centre among the K best centres; for each of these the leaves are independent."""
    star = stars(energy)[0]
    found = energy.candidates
    centres = solve_star(found, star, count=count).chosen[:, 0]
    ranked: list[list[Integers]] = []
    lists: list[list[Floats]] = []
    for centre in centres:
        goal = found.positions[star.centre, :, centre].astype(np.float64) + star.shifts
        worths = [
            found.scores[leaf] - (c[:, None] * (found.positions[leaf] - target[:, None]) ** 2).sum(0)
            for leaf, target, c in zip(star.leaves, goal, star.stiffness, strict=True)
        ]
        ranked.append([_top(worth, count) for worth in worths])
        lists.append([worth[best] for worth, best in zip(worths, ranked[-1], strict=True)])
    base = found.scores[star.centre, centres].astype(float).tolist()
    rows, ranks = _cheapest(base, lists, count)
    poses = np.empty((len(rows), found.joints), np.int64)
    for pose, row, rank in zip(poses, rows, ranks, strict=True):
        pose[star.centre] = centres[row]
        pose[star.leaves] = [best[k] for best, k in zip(ranked[row], rank, strict=True)]
    return poses


def _around(energy: PoseEnergy, pose: Integers, count: int) -> Integers:
    """The best poses at most one joint away from a local maximum that is reached from `pose`."""
    pose = pose.copy()
    score = float(energy.score(pose))
    while True:
        table = substitutions(energy, pose)
        joint, candidate = np.unravel_index(int(table.argmax()), table.shape)
        if table[joint, candidate] <= score + 1e-9 * max(1.0, abs(score)):
            break
        pose[joint] = candidate
        score = float(table[joint, candidate])
    table[np.arange(len(pose)), pose] = -np.inf  # the pose itself, once for each joint
    others = _top(table.ravel(), count - 1) if count > 1 and np.isfinite(table).any() else np.empty(0, np.int64)
    poses = np.tile(pose, (1 + len(others), 1))
    joints, replaced = np.unravel_index(others, table.shape)
    poses[np.arange(1, len(poses)), joints] = replaced
    return poses


def substitutions(energy: PoseEnergy, pose: Integers) -> Floats:
    """(J, V): the score of the pose with joint j moved to candidate v."""
    found = energy.candidates
    places = found.at(pose)
    terms = found.scores.astype(np.float64)
    for (i, j), mu, c in zip(energy.edges, energy.offsets, energy.stiffness, strict=True):
        for joint, goal in ((i, places[j] + mu), (j, places[i] - mu)):
            terms[joint] -= (c[:, None] * (found.positions[joint] - goal[:, None]) ** 2).sum(0)
    joints = np.arange(found.joints)
    return energy.score(pose) + terms - terms[joints, pose][:, None]
