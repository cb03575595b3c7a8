"""The Mnemonic Descent Method (Trigeorgis et al., CVPR 2016): a recurrent network that descends towards the landmarks.

Axis letters: N images, S side of the frame, P landmarks, T steps, Q side of a patch.

At every step a patch is cut out at each landmark's current place, one small convolutional network (the same for all
patches and steps) describes it, and a recurrent layer that sees all descriptions and remembers the steps before moves
the landmarks. Unlike in a cascade of independent regressors, all steps are trained together, end to end.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_train import to_input
from face_densereg.mdm.plans import Plan

MOVE = 0.05
"""What the last layer counts in, sides of the frame: about as far as a start is from the truth. In sides themselves a
step of the optimiser moved all landmarks by many pixels, and never settled (the authors' code counts in px)."""


def sample_patches(pixels: Tensor, points: Tensor, side: int) -> Tensor:
    """(N, C, S, S) images and (N, P, 2) px -> (N P, C, Q, Q) patches around the points, bilinear, edge continued."""
    size = pixels.shape[-1]
    offsets = torch.arange(side, device=points.device, dtype=points.dtype) - (side - 1) / 2
    x = points[:, :, None, None, 0] + offsets
    y = points[:, :, None, None, 1] + offsets[:, None]
    grid = torch.stack(torch.broadcast_tensors(x, y), -1) * (2 / (size - 1)) - 1
    count, places = points.shape[:2]
    flat = F.grid_sample(pixels, grid.flatten(1, 2), padding_mode="border", align_corners=True)
    return flat.unflatten(2, (places, side)).movedim(2, 1).reshape(count * places, -1, side, side)


class PatchNet(nn.Module):
    """Two convolutions with pooling; the description joins the pooled map and the middle of the unpooled one."""

    def __init__(self, patch: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)
        self.fine = (patch - 2) // 2 - 2
        self.length = 2 * channels * (self.fine // 2) ** 2

    def forward(self, patches: Tensor) -> Tensor:
        """(N P, 3, Q, Q) -> (N P, length)."""
        patches = patches.contiguous(memory_format=torch.channels_last)
        fine = F.relu(self.second(F.max_pool2d(F.relu(self.first(patches)), 2)))
        pooled = F.max_pool2d(fine, 2)
        side = pooled.shape[-1]
        low = (self.fine - side) // 2
        middle = fine[..., low : low + side, low : low + side]
        return torch.cat([middle, pooled], 1).flatten(1)


class MnemonicDescent(nn.Module):
    """The unrolled recurrent network.

    Args:
        points: P.
        plan: sizes.
    """

    def __init__(self, points: int, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.patches = PatchNet(plan.patch, plan.channels)
        self.memory = nn.Linear(points * self.patches.length + plan.hidden, plan.hidden)
        self.move = nn.Linear(plan.hidden, 2 * points)
        # The first guess of an untrained network is the start itself.
        nn.init.zeros_(self.move.weight)
        nn.init.zeros_(self.move.bias)

    def forward(self, images: Tensor, start: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 RGB and (N, P, 2) float32 px of the frame -> shapes after each step, (T, N, P, 2) px.

        The places at which patches are cut out count as constants in the gradient, as in the authors' code: the
        gradient flows through the sum of the moves and through the memory.
        """
        pixels = to_input(images).contiguous()
        shape = start.float()
        state = shape.new_zeros(len(images), self.plan.hidden)
        shapes = []
        for _ in range(self.plan.steps):
            with torch.autocast(images.device.type, enabled=False):
                seen = sample_patches(pixels, shape.detach(), self.plan.patch)
                described = self.patches(seen).reshape(len(images), -1)
            state = torch.tanh(self.memory(torch.cat([described, state.to(described.dtype)], 1)))
            shape = shape + self.move(state).float().reshape(shape.shape) * (MOVE * self.plan.side)
            shapes.append(shape)
        return torch.stack(shapes)
