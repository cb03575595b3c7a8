"""Recombinator networks, RCN (Honari et al. 2016) and RCN+ (Fig. 15, Sec. 4.5), and all networks by name.

Figure 15's sizes are not in the paper's text; those here are what the public code of RCN builds for 300W (which the
paper says it uses): 64 maps everywhere, convolutions 3 x 3 on the way down and 5 x 5 where two resolutions meet.

Axis letters: N images, P landmarks, H rows, W columns.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from landmark_semisup.budgets import Plan
from landmark_semisup.networks import CommMT, HeatmapMT, Network, SeqMT, convolution

MAPS = 64
BRANCHES = 5
"""At 80 px: 80, 40, 20, 10 and 5."""


def resolutions(side: int) -> int:
    """How many branches fit: each halves the shorter side, down to an odd number of px or `BRANCHES` of them."""
    count = 1
    while count < BRANCHES and side % 2 == 0:
        side, count = side // 2, count + 1
    return count


class Recombinator(nn.Module):
    """Maps (N, P, H, W) of features (N, F, H, W), from coarse to fine.

    On the way down, a convolution and a pooling by 2 lead from branch to branch. From the coarsest on, each branch ends
    in a convolution and one of side 1 (in the second coarsest, the first alone), and its maps, repeated 2 x 2, are
    joined to what the next finer branch had before its pooling. The finest ends in two more of side 1, the last of
    which gives the landmarks' maps and has no ReLU.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        plan: Plan,
        *,
        branches: int = BRANCHES,
        last: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        maps = plan.maps or MAPS
        self.down = nn.ModuleList(
            nn.Sequential(*convolution(maps if level else features, maps, 3, plan)) for level in range(branches)
        )
        self.join = nn.ModuleList()
        for level in range(branches):  # from the finest
            deep = level < branches - 1
            modules = convolution(2 * maps if deep else maps, maps, 5, plan)
            if level == 0 or level != branches - 2:
                modules += [nn.Conv2d(maps, maps, 1), nn.ReLU()]
            self.join.append(nn.Sequential(*modules))
        self.last = nn.Sequential(nn.Conv2d(maps, maps, 1), nn.ReLU(), last(maps, outputs, 1))
        self.pool = nn.MaxPool2d(2)
        self.repeat = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, features: Tensor) -> Tensor:
        """(N, F, H, W) -> (N, P, H, W)."""
        levels: list[Tensor] = []
        for level, step in enumerate(self.down):
            features = step(self.pool(features) if level else features)
            levels.append(features)
        coarse = self.join[-1](levels[-1])
        for level in range(len(levels) - 2, -1, -1):
            coarse = self.join[level](torch.cat([levels[level], self.repeat(coarse)], 1))
        maps: Tensor = self.last(coarse)
        return maps


class RecombinatorMaps(Network):
    """A network whose localiser is a recombinator network, which pools."""

    phases: ClassVar[bool] = False

    def landmark_maps(self) -> nn.Sequential:
        """The localiser up to its folded maps."""
        height, width = self.size.height // self.fold, self.size.width // self.fold
        branches = min(resolutions(height), resolutions(width))
        outputs = self.size.points * self.fold**2
        net = Recombinator(self.fold**2, outputs, self.plan, branches=branches, last=self.pointwise)
        return nn.Sequential(net)


class RCN(RecombinatorMaps, HeatmapMT):
    """The original: a softmax over each map, and the largest pixel as the answer."""


class RCNPlus(RecombinatorMaps, SeqMT):
    """RCN+: soft-argmax in its place, which cost T needs."""


NETWORKS: dict[str, type[Network]] = {
    "seq-mt": SeqMT,
    "comm-mt": CommMT,
    "heatmap-mt": HeatmapMT,
    "rcn": RCN,
    "rcn+": RCNPlus,
}
