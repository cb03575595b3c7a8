"""ResNet-101 with dilated convolutions, stride 8: the paper-budget backbone of DenseReg Sec. 5.1."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import resnet101  # type: ignore[import-untyped]


class DilatedResNet101(nn.Module):
    """torchvision's ResNet-101 without its classifier, strides 16 and 32 replaced by dilation.

    Parameter names are torchvision's (without `fc`), so its state dict loads. Nothing is downloaded; the paper starts
    from weights trained for MS COCO segmentation, which are the user's to give.

    Attributes:
        out_channels, stride: of the output, 2048 and 8.
    """

    def __init__(self) -> None:
        super().__init__()
        self.out_channels, self.stride, self.size_multiple = 2048, 8, 8
        network = resnet101(weights=None, replace_stride_with_dilation=[False, True, True])
        for name, part in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, part)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 2048, ceil(H / 8), ceil(W / 8))."""
        x = images
        for part in self.children():
            x = part(x)
        return x
