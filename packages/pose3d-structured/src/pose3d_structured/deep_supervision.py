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


def deep_supervision(maps: PoseMaps, truth: Tensor, *, near: float = 1.5) -> DeepSupervision:
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
    centres = volume.centres(device=truth.device).to(truth.dtype)
    scale = sides[:, None, None, None]
    # NaN compares as false: what is not annotated is near nothing.
    apart = (truth[..., None, None, None] - centres) * scale
    close = apart.square().sum(2) <= near**2
    close_2d = apart[:, :, :2, 0].square().sum(2) <= near**2

    voxels = _mean_where(
        F.binary_cross_entropy_with_logits(maps.unary, close.to(maps.unary), reduction="none").sum((2, 3, 4)), solid
    )
    detection = _mean_where(
        F.binary_cross_entropy_with_logits(maps.detection, close_2d.to(maps.unary), reduction="none").sum((2, 3)), flat
    )
    # From here on the gaps are filled: NaN would pass the masks in the backward pass.
    filled = truth.nan_to_num()
    error = ((maps.positions - filled[..., None, None, None]) * scale).abs()
    residuals = _mean_where(error, (close & solid[..., None, None, None])[:, :, None].expand_as(error))

    joints = maps.joints
    i, j = (~torch.eye(joints, dtype=torch.bool, device=truth.device)).nonzero().unbind(1)
    wrong = (maps.offsets - (filled[:, i] - filled[:, j])[..., None, None]) * sides[:, None, None]
    # x and y of joint i are annotated where a pixel is near it, of joint j by `flat`; z of both by the difference.
    active = close_2d[:, i, None] & ~torch.isnan(truth[:, i] - truth[:, j])[..., None, None]
    smooth = F.smooth_l1_loss(wrong, torch.zeros_like(wrong), reduction="none")
    offsets = _mean_where(smooth, active & flat[:, j, None, None, None])
    return DeepSupervision(voxels + residuals + detection + offsets, voxels, residuals, detection, offsets)


def _mean_where(losses: Tensor, active: Tensor) -> Tensor:
    """The mean of the active entries; zero without any."""
    return torch.where(active, losses, 0.0).sum() / active.sum().clamp(min=1)
