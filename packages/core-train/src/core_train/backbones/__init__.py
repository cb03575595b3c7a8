"""Networks shared by the packages. Each is a plain module with `out_channels` and `stride`, and downloads nothing."""

from core_train.backbones.dilated_resnet import DilatedResNet101
from core_train.backbones.hourglass import Hourglass, HourglassStage, InceptionUnit
from core_train.backbones.small_unet import SmallUNet
from core_train.backbones.units import ConvUnit, ResidualUnit

__all__ = ["ConvUnit", "DilatedResNet101", "Hourglass", "HourglassStage", "InceptionUnit", "ResidualUnit", "SmallUNet"]
