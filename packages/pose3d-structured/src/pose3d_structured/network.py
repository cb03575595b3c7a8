"""The network: unary terms, residuals and pairwise offsets from one image (thesis Sec. 3.2.1 and 3.3).

Axis letters: N images, J joints, D x H x W voxels (depth, rows, columns), P = J (J - 1) ordered pairs of joints, E
edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torchvision.models import resnet152  # type: ignore[import-untyped]

from core_eval import InputError
from core_train import to_input
from core_train.backbones import SmallUNet
from pose3d_structured.energy import Integers, PoseEnergy, candidates
from pose3d_structured.volume import Volume

STRIDE = 16
"""Of the paper's network."""
_GAIN = 10.0
"""Adam moves a parameter by about its rate in a step; c has to be able to change by factors."""


class StridedResNet152(nn.Module):
    """torchvision's ResNet-152 without its classifier, stride 32 replaced by dilation: stride 16, 2048 channels.

    The paper prints "151 layers": its convolutions in a row. Parameter names are torchvision's (without `fc`);
    nothing is downloaded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = 2048
        network = resnet152(weights=None, replace_stride_with_dilation=[False, False, True])
        for name, part in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, part)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, 16 H, 16 W) -> (N, 2048, H, W)."""
        x = images
        for part in self.children():
            x = part(x)
        return x


@dataclass(frozen=True, slots=True)
class PoseMaps:
    """What the network says of N images.

    Attributes:
        unary: (N, J, D, H, W), the terms U_i of eq. 3.2; as logits they say whether the joint is near the voxel.
        positions: (N, J, 3, D, H, W), voxel centre plus residual, in volume coordinates.
        detection: (N, J, H, W) logits of the joint near the pixel of the map.
        offsets: (N, P, 3, H, W), at a pixel near joint i the expected x_i - x_j, in volume coordinates; `pair_index`.
        stiffness: (3,), c_d > 0.
    """

    unary: Tensor
    positions: Tensor
    detection: Tensor
    offsets: Tensor
    stiffness: Tensor

    @property
    def joints(self) -> int:
        """J."""
        return self.unary.shape[1]

    def edge_offsets(self, edges: Integers) -> Tensor:
        """(N, E, 3): mu_ij of each edge, read where joint i scores best, and -mu_ji where joint j does; their mean."""
        pairs = torch.as_tensor(edges, device=self.unary.device).reshape(-1, 2)
        if not len(pairs):
            return self.offsets.new_zeros(len(self.unary), 0, 3)
        i, j = pairs.unbind(1)
        # The pixel below each joint's best voxel: (N, J).
        pixel = self.unary.amax(2).flatten(2).argmax(2)
        flat = self.offsets.flatten(3)
        images = torch.arange(len(flat), device=flat.device)[:, None]
        there = flat[images, pair_index(i, j, self.joints), :, pixel[:, i]]
        back = flat[images, pair_index(j, i, self.joints), :, pixel[:, j]]
        return (there - back) / 2

    def energies(self, edges: Integers, samples: Sequence[str] | None = None) -> list[PoseEnergy]:
        """The graphical model of each image, for `infer`.

        Raises:
            InputError: a map is not finite; names the sample.
        """
        maps = (self.unary, self.positions, self.edge_offsets(edges))
        unary, positions, offsets = (tensor.detach().float().cpu().numpy() for tensor in maps)
        stiffness = self.stiffness.detach().double().cpu().numpy()
        names = samples if samples is not None else [None] * len(unary)
        return [
            PoseEnergy(candidates(score, place, sample=name), edges, offset, stiffness)
            for score, place, offset, name in zip(unary, positions, offsets, names, strict=True)
        ]


def pair_index(i: Tensor, j: Tensor, joints: int) -> Tensor:
    """The channel of the ordered pair i, j (i != j), among P = J (J - 1)."""
    return i * (joints - 1) + j - (j > i).long()


class StructuredPoseNet(nn.Module):
    """A fully convolutional trunk, and branches that are single convolutions on its last layer (Sec. 3.3).

    Args:
        joints: J.
        depth: D; H and W are those of the image divided by `stride`.
        trunk: "resnet" (the paper's) or "unet" (small).
        stride: 16 (the paper's), or 8 with the U-Net.
        width: channels of the U-Net at stride 2.

    Raises:
        ValueError: fewer than two joints, no depth, or a stride that the trunk does not have.
    """

    def __init__(
        self,
        joints: int = 16,
        depth: int = 20,
        *,
        trunk: Literal["resnet", "unet"] = "unet",
        stride: int = STRIDE,
        width: int = 16,
    ) -> None:
        super().__init__()
        if joints < 2 or depth < 1:
            raise ValueError(f"no network for {joints} joints and {depth} depths")
        if stride not in ((STRIDE,) if trunk == "resnet" else (STRIDE // 2, STRIDE)):
            raise ValueError(f"the trunk {trunk!r} has no stride of {stride}")
        self.joints, self.depth, self.stride = joints, depth, stride
        widths = (width, 2 * width, 4 * width, 6 * width, 8 * width)
        self.trunk = (
            StridedResNet152()
            if trunk == "resnet"
            else SmallUNet(widths, (0, 1, 1, 1, 1), out_stage=3 if stride == STRIDE else 2)
        )
        channels = cast(int, self.trunk.out_channels)
        # The inner product of a pixel's features with a weight vector of the joint and depth.
        self.unary = nn.Conv2d(channels, joints * depth, 1)
        self.residual = nn.Conv2d(channels, 3 * joints * depth, 1)
        self.detection = nn.Conv2d(channels, joints, 1)
        self.offset = nn.Conv2d(channels, 3 * joints * (joints - 1), 1)
        # At first every candidate is at its voxel's centre, and no joint is displaced from another.
        for branch, std in ((self.unary, 0.01), (self.residual, 0.0), (self.detection, 0.01), (self.offset, 0.0)):
            nn.init.normal_(branch.weight, std=std)
            nn.init.zeros_(cast(Tensor, branch.bias))
        # 50 at first: a standard deviation of a tenth of the volume.
        self.raw_stiffness = nn.Parameter(torch.full((3,), math.log(50.0) / _GAIN))

    @property
    def stiffness(self) -> Tensor:
        """(3,): c_d > 0."""
        return torch.exp(_GAIN * self.raw_stiffness)

    @torch.no_grad()
    def set_stiffness(self, values: Tensor) -> None:
        """Set c_d (3,). Raises `InputError` unless they are finite and positive."""
        if values.shape != (3,) or not (torch.isfinite(values) & (values > 0)).all():
            raise InputError(f"stiffness is three positive numbers, not {values.tolist()}", field="stiffness")
        self.raw_stiffness.copy_(values.log() / _GAIN)

    def forward(self, images: Tensor) -> PoseMaps:
        """(N, S, S, 3) uint8 RGB, S a multiple of 16 -> the maps, float32.

        Raises:
            InputError: a size that is no multiple of 16.
        """
        if images.shape[1] % STRIDE or images.shape[2] % STRIDE:
            raise InputError(f"the sides of an image are multiples of {STRIDE}: {tuple(images.shape)}", field="image")
        features = self.trunk(to_input(images))
        unary = self.unary(features).unflatten(1, (self.joints, self.depth)).float()
        residual = self.residual(features).unflatten(1, (self.joints, 3, self.depth)).float()
        centres = Volume(*unary.shape[2:]).centres(device=unary.device)
        return PoseMaps(
            unary=unary,
            positions=centres + residual,
            detection=self.detection(features).float(),
            offsets=self.offset(features).unflatten(1, (-1, 3)).float(),
            stiffness=self.stiffness,
        )
