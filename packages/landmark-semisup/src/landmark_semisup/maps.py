"""Maps of landmarks, as the last convolution of a network leaves them.

Axis letters: N images, P landmarks, H rows, W columns, K numbers of a map in the order in which they lie in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps whose squares of `fold` px are still channels, so that reading them needs no copy in the order of pixels.

    Attributes:
        folded: (N, P fold^2, rows, columns).
        fold: side of the squares, px.
        size: (H, W) of the image, px.
        origin: (left, top), px: where the image begins in the maps, which may be larger than it.
    """

    folded: Tensor
    fold: int
    size: tuple[int, int]
    origin: tuple[int, int] = (0, 0)

    def flat(self) -> Tensor:
        """(N, P, K), without a copy; `places` tells which pixel is where."""
        return self.folded.reshape(len(self.folded), -1, self.fold**2 * self.folded[0, 0].numel())

    def places(self) -> Tensor:
        """(K, 2) px float32, of each number of a map; NaN outside of the image."""
        rows, columns = self.folded.shape[-2:]
        return _places(rows, columns, self.fold, self.size, self.origin).to(self.folded.device)

    def pixels(self) -> Tensor:
        """(N, P, H, W), in the order of pixels."""
        return self.unfolded().folded

    def unfolded(self) -> Maps:
        """The same with squares of one px, and no larger than the image: a copy, if this is not so already."""
        (left, top), (height, width) = self.origin, self.size
        maps = self.folded if self.fold == 1 else F.pixel_shuffle(self.folded, self.fold)
        return Maps(maps[:, :, top : top + height, left : left + width], 1, self.size)


@lru_cache(maxsize=128)
def _places(rows: int, columns: int, fold: int, size: tuple[int, int], origin: tuple[int, int]) -> Tensor:
    x = torch.arange(columns * fold, dtype=torch.float32) - origin[0]
    y = torch.arange(rows * fold, dtype=torch.float32) - origin[1]
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))  # (2, rows, columns), of x and of y
    inside = (grid >= 0).all(0) & (grid[0] < size[1]) & (grid[1] < size[0])
    return F.pixel_unshuffle(torch.where(inside, grid, torch.nan), fold).reshape(2, -1).T.contiguous()
