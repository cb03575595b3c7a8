"""The paper's equations 1 to 4, each in one place.

Axis letters: N images, P landmarks (the paper's K), C classes, H rows, W columns. Points are (x, y) in px, 0-based
pixel centres; a matrix (2, 3) maps them as (x', y') = M (x, y, 1). All costs are computed in float32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core_eval import InputError

COSTS = ("L", "C", "T")


def soft_argmax(maps: Tensor, beta: float, places: Tensor | None = None) -> Tensor:
    """Expected place under a spatial softmax of beta times each map (eq. 1 and 2).

    Differentiable; tends to the arg max as beta grows. A softmax subtracts the largest value first, so no map overflows
    it unless its product with beta does.

    Args:
        maps: (N, P, H, W); or (N, P, K) in any order of the pixels, with their `places`.
        beta: the inverse temperature.
        places: (K, 2) px, where each number of a map belongs; those at NaN do not count.

    Returns: (N, P, 2) float32 px.

    Raises `InputError` for a beta that is not positive and finite.
    """
    if not 0 < beta < float("inf"):
        raise InputError(f"the inverse temperature must be positive and finite, got {beta}", field="beta")
    if places is None:
        height, width = maps.shape[-2:]
        grid = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
        places = torch.stack(grid, -1).view(-1, 2).to(maps.device, torch.float32)
    point: Tensor = _ExpectedPlace.apply(maps.float().reshape(-1, len(places)), beta, places)
    return point.view(*maps.shape[:2], 2)


class _ExpectedPlace(torch.autograd.Function):
    """(R, K), beta, (K, 2) -> (R, 2): `soft_argmax` of one map in a row.

    The derivative of sum_k p_k c_k, p = softmax(beta m), is beta p_k (c_k - sum_j p_j c_j) by m_k: a product of small
    matrices and one pass over the maps, where the rules of the single steps make one each. Reading 68 maps costs more
    than making them.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, beta: float, places: Tensor) -> Tensor:
        inside = ~places.isnan().any(-1)
        floor = torch.where(inside, 0.0, -torch.inf)
        across = torch.where(inside[:, None], places, 0.0).T.contiguous()
        share = torch.add(floor, maps, alpha=beta).softmax(-1)
        point = (across @ share.T).T
        ctx.beta = beta
        ctx.save_for_backward(share, across, point)
        return point

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        share, across, point = ctx.saved_tensors
        grad = ctx.beta * grads[0]
        lever = torch.cat([grad, -(grad * point).sum(1, keepdim=True)], 1)
        return (lever @ F.pad(across, (0, 0, 0, 1), value=1.0)).mul_(share), None, None


def landmark_cost(points: Tensor, truth: Tensor, annotated: Tensor) -> Tensor:
    """Mean squared distance, px^2, over the annotated landmarks (second part of eq. 3).

    An image's mean runs over its annotated landmarks (occluded ones are masked, Sec. 4.3), the batch's over the images
    that have any; zero if none has.

    Args:
        points, truth: (N, P, 2) px; `truth` may hold anything where there is no annotation.
        annotated: (N, P) bool.
    """
    square = torch.where(annotated[..., None], points.float() - truth.float(), 0.0).square().sum(-1)
    return _mean_of_annotated(square, annotated)


def heatmap_cost(maps: Tensor, truth: Tensor, annotated: Tensor) -> Tensor:
    """Cross entropy of a spatial softmax at the pixel of the true landmark: the landmark cost of Heatmap-MT.

    Landmarks outside the image have no pixel and count as not annotated.

    Args:
        maps: (N, P, H, W).
        truth: (N, P, 2) px.
        annotated: (N, P) bool.
    """
    height, width = maps.shape[-2:]
    inside = annotated & within(torch.nan_to_num(truth, nan=-1e6), height, width)
    pixel = torch.where(inside[..., None], truth, 0.0).round().long()
    place = pixel[..., 1] * width + pixel[..., 0]
    entropy = -maps.float().flatten(2).log_softmax(-1).gather(-1, place[..., None])[..., 0]
    return _mean_of_annotated(torch.where(inside, entropy, 0.0), inside)


def classification_cost(logits: Tensor, label: Tensor) -> Tensor:
    """Negative log likelihood of the true class, mean over the images (first part of eq. 3).

    Args:
        logits: (N, C).
        label: (N,) int64.
    """
    return F.cross_entropy(logits.float(), label)


def transformation_cost(points: Tensor, moved_points: Tensor, matrices: Tensor, size: tuple[int, int]) -> Tensor:
    """Equivariant landmark transformation (eq. 4, unweighted): T of the landmarks, and the landmarks of T of the image.

    Mean squared distance, px^2; gradients flow into both. Where T takes a landmark out of the image, soft-argmax cannot
    follow it, so it is left out: a choice of ours, since the paper's transformations are small.

    Args:
        points: (N, P, 2) px, of the images.
        moved_points: (N, P, 2) px, of the transformed images.
        matrices: (N, 2, 3), the T of each image.
        size: (H, W).
    """
    expected = transform_points(points.float(), matrices)
    square = (expected - moved_points.float()).square().sum(-1)
    inside = within(expected.detach(), *size)
    return torch.where(inside, square, 0.0).sum() / inside.sum().clamp(min=1)


def transform_points(points: Tensor, matrices: Tensor) -> Tensor:
    """(N, P, 2) px by (N, 2, 3) matrices."""
    return points @ matrices[:, :, :2].mT + matrices[:, None, :, 2]


def within(points: Tensor, height: int, width: int) -> Tensor:
    """Whether points (..., 2) lie in the image, up to the outer edges of its pixels."""
    limit = torch.tensor([width, height], dtype=points.dtype, device=points.device) - 0.5
    return ((points >= -0.5) & (points < limit)).all(-1)


def parse_costs(text: str) -> frozenset[str]:
    """``L+T+C`` -> its letters, in any order. Raises `InputError` for others, repeated ones, or none."""
    letters = [part.strip() for part in text.split("+")]
    if len(set(letters)) != len(letters) or not set(letters) <= set(COSTS):
        raise InputError(f"costs are joined from {', '.join(COSTS)}, as in L+C+T, got {text!r}", field="costs")
    return frozenset(letters)


def _mean_of_annotated(values: Tensor, annotated: Tensor) -> Tensor:
    """Mean over the annotated landmarks of an image, then over the images that have one."""
    count = annotated.sum(1)
    per_image = values.sum(1) / count.clamp(min=1)
    return per_image.sum() / (count > 0).sum().clamp(min=1)
