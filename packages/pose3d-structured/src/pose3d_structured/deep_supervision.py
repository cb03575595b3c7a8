"""Losses on the unary and pairwise terms themselves (thesis Sec. 3.2.4), which need no inference.

Axis letters: N images, J joints, D x H x W voxels (depth, rows, columns), P = J (J - 1) ordered pairs of joints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_eval import InputError
from pose3d_structured.network import PoseMaps
from pose3d_structured.volume import Volume

NEAR = 1.5
"""How near to a joint a voxel, or a pixel of the maps, is its own, in voxels; the thesis prints no number."""


class DeepSupervision(NamedTuple):
    """Scalar losses; `total` is their sum.

    Attributes:
        voxels: cross entropy of the voxel classifiers, summed over voxels, a joint.
        residuals: L1, in voxels, of one residual.
        detection: cross entropy of the 2D detectors, summed over pixels, a joint.
        offsets: smooth L1, in voxels, of one offset.
    """

    total: Tensor
    voxels: Tensor
    residuals: Tensor
    detection: Tensor
    offsets: Tensor


def deep_supervision(maps: PoseMaps, truth: Tensor, *, near: float = NEAR) -> DeepSupervision:
    """The losses of the annotated joints alone; a mean over those, zero where none is active.

    Args:
        maps: of the network.
        truth: (N, J, 3) x, y, z in volume coordinates. NaN as z: the joint is known in 2D only, and trains the
            detectors and the x and y of offsets. NaN as x or y: the joint is not annotated, and trains nothing.
        near: a voxel, or a pixel of the maps, is near a joint when its centre is within this many voxels. Classifiers
            are to say so; residuals are active at near voxels, the offsets of joint i at pixels near joint i.

    Raises:
        InputError: a truth of another shape, or an infinite one.
    """
    if truth.shape != (*maps.unary.shape[:2], 3):
        raise InputError(f"truth {tuple(truth.shape)} does not fit maps {tuple(maps.unary.shape)}", field="truth")
    if torch.isinf(truth).any():
        raise InputError("the truth is infinite", field="truth")
    volume = Volume(*maps.unary.shape[2:])
    sides = torch.tensor([volume.width, volume.height, volume.depth], device=truth.device, dtype=maps.unary.dtype)
    truth = truth.to(maps.unary.dtype)
    flat = ~torch.isnan(truth[..., :2]).any(-1)
    solid = flat & ~torch.isnan(truth[..., 2])
    columns, rows, _ = volume.squares(truth)
    close_2d = rows[..., :, None] + columns[..., None, :] <= near**2  # false where NaN
    close = volume.near(truth, near)

    voxels = _mean_where(_cross_entropy(maps.unary, close).flatten(2).sum(2), solid)
    detection = _mean_where(_cross_entropy(maps.detection, close_2d).flatten(2).sum(2), flat)
    # Few voxels and pixels are active: only they are computed.
    image, joint, *voxel = (close & solid[..., None, None, None]).nonzero(as_tuple=True)
    found = maps.positions[image, joint, :, voxel[0], voxel[1], voxel[2]]
    residuals = _mean((found - truth[image, joint]).mul(sides).abs())

    joints = maps.joints
    others = torch.tensor([[j for j in range(joints) if j != i] for i in range(joints)], device=truth.device)
    image, joint, row, column = close_2d.nonzero(as_tuple=True)
    expected = truth[image, joint, None] - truth[image[:, None], others[joint]]
    known = ~torch.isnan(expected) & flat[image[:, None], others[joint], None]
    found = maps.offsets.unflatten(1, (joints, joints - 1))[image, joint, :, :, row, column]
    # Gaps are filled before the subtraction: NaN would pass the mask in the backward pass.
    wrong = ((found - expected.nan_to_num()) * sides)[known]
    offsets = _mean(F.smooth_l1_loss(wrong, torch.zeros_like(wrong), reduction="none"))
    return DeepSupervision(voxels + residuals + detection + offsets, voxels, residuals, detection, offsets)


def _cross_entropy(logits: Tensor, positive: Tensor) -> Tensor:
    """Of each classifier, in the shape of both."""
    return F.softplus(logits) - torch.where(positive, logits, 0.0)


def _mean_where(losses: Tensor, active: Tensor) -> Tensor:
    """The mean of the active entries; zero without any."""
    return torch.where(active, losses, 0.0).sum() / active.sum().clamp(min=1)


def _mean(losses: Tensor) -> Tensor:
    """The mean; zero of nothing."""
    return losses.sum() / max(losses.numel(), 1)
