"""Networks shared by the packages. Each is a plain module with `out_channels` and `stride`, and downloads nothing."""

from core_train.backbones.small_unet import SmallUNet

__all__ = ["SmallUNet"]
