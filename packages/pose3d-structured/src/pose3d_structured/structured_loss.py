"""The structured loss (thesis Sec. 3.2.5, eq. 3.9): the truth shall outscore every other pose by a margin.

Axis letters: N images, J joints, D x H x W voxels, V = D H W, E edges, K configurations.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core_eval import InputError
from pose3d_structured.energy import Integers, PoseEnergy, candidates
from pose3d_structured.k_best import best_poses
from pose3d_structured.volume import Volume

VIOLATIONS = 20
"""K of Sec. 3.2.5."""


def pose_scores(
    scores: Tensor, positions: Tensor, offsets: Tensor, stiffness: Tensor, edges: Tensor, poses: Tensor
) -> Tensor:
    """Eq. 3.2 of one image, differentiable in scores, positions, offsets and stiffness.

    Args:
        scores: (J, V).
        positions: (J, 3, V).
        offsets: (E, 3), expected x_i - x_j.
        stiffness: (E, 3) or (3,), c_d.
        edges: long (E, 2).
        poses: long (K, J).

    Returns:
        (K,).
    """
    joints = torch.arange(len(scores), device=scores.device)
    unary = scores[joints, poses].sum(1)
    places = positions.movedim(1, 2)[joints, poses]
    strain = places[:, edges[:, 0]] - places[:, edges[:, 1]] - offsets
    return unary - (stiffness * strain.square()).sum((1, 2))


def structured_loss(
    scores: Tensor,
    positions: Tensor,
    offsets: Tensor,
    stiffness: Tensor,
    edges: Integers,
    truth: Tensor,
    *,
    count: int = VIOLATIONS,
    margin: float = 1.0,
    near: float = 0.0,
    workers: int = 1,
) -> Tensor:
    """Mean slack max(S(pose) + margin * Delta(truth, pose) - S(truth), 0) of the K most violated poses of each image.

    The poses are found by loss-augmented inference: Delta, the mean distance of the joints, is a sum over joints and so
    belongs to the unary terms. They are then scored again in a way that autograd follows: the sub-gradients.
    A true joint is the best candidate among those that deep supervision calls right: the voxel that holds it and those
    nearby, which residuals move to the same place. Were it the first alone, all the others would be violations.

    Args:
        scores: (N, J, D, H, W).
        positions: (N, J, 3, D, H, W), in volume coordinates.
        offsets: (N, E, 3).
        stiffness: (E, 3) or (3,), c_d >= 0.
        edges: (E, 2) of a `topology`.
        truth: (N, J, 3) in volume coordinates; images with a joint that is not known in 3D do not count.
        count: K.
        margin: weight of Delta, which is in volume coordinates; the paper prints no unit.
        near: voxels whose centres are within this many voxels of a joint are right, too.
        workers: threads that search, an image each.

    Returns:
        A scalar; zero without images that count.

    Raises:
        InputError: numbers that are not finite; see `candidates` and `PoseEnergy`.
    """
    if len(truth) != len(scores) or truth.shape[1:] != (scores.shape[1], 3):
        raise InputError(f"truth {tuple(truth.shape)} does not fit scores {tuple(scores.shape)}", field="truth")
    volume = Volume(*scores.shape[2:])
    pairs = torch.as_tensor(edges, device=scores.device)
    losses = []
    counting = torch.isfinite(truth).all((1, 2)).nonzero().flatten().tolist()

    def violated(n: int) -> Integers:
        return most_violated(
            scores[n], positions[n], offsets[n], stiffness, edges, truth[n], count=count, margin=margin
        )

    with ThreadPoolExecutor(workers) as pool:
        found_poses = list(pool.map(violated, counting))
    for n, violating in zip(counting, found_poses, strict=True):
        goal = truth[n].to(positions.dtype)
        poses = torch.from_numpy(violating).to(scores.device)
        own = F.one_hot(volume.encode(goal)[0], scores[n, 0].numel()).bool()
        right = torch.where(own | volume.near(goal, near).flatten(1), scores[n].flatten(1), -torch.inf).argmax(1)[None]
        unary, places = scores[n].flatten(1), positions[n].flatten(2)
        valued = pose_scores(unary, places, offsets[n], stiffness, pairs, torch.cat([right, poses]))
        found = places.movedim(1, 2)[torch.arange(len(goal), device=poses.device), poses]
        distance = torch.linalg.vector_norm(found - goal, dim=2).mean(1)
        losses.append((valued[1:] + margin * distance - valued[0]).clamp(min=0).mean())
    return torch.stack(losses).mean() if losses else scores.sum() * 0


def most_violated(
    scores: Tensor,
    positions: Tensor,
    offsets: Tensor,
    stiffness: Tensor,
    edges: Integers,
    truth: Tensor,
    *,
    count: int = VIOLATIONS,
    margin: float = 1.0,
) -> Integers:
    """Poses (K, J) of one image with the largest S + margin * Delta; arguments as in `structured_loss`, without N."""
    unary, places, offset, stiff, goal = (
        tensor.detach().double().cpu().numpy() for tensor in (scores, positions, offsets, stiffness, truth)
    )
    distance = np.sqrt(((places - goal[:, :, None, None, None]) ** 2).sum(1))
    augmented = candidates(unary + margin / len(goal) * distance, places)
    return best_poses(PoseEnergy(augmented, edges, offset, stiff), count)[1]
