"""Quantised regression (DenseReg, eq. 2-5): classify a coarse bin, then regress the residual inside it."""

from core_quantreg.codec import IGNORE, bin_centres, bin_starts, decode_bins, decode_hard, decode_soft, encode
from core_quantreg.head import QuantHead, QuantOutput, to_mixture_of_experts
from core_quantreg.losses import QuantLoss, mixture_loss, quant_loss, residual_weight
from core_quantreg.predict import Prediction, predict
from core_quantreg.sampling import interpolation, sample_rows, upsample

__all__ = [
    "IGNORE",
    "Prediction",
    "QuantHead",
    "QuantLoss",
    "QuantOutput",
    "bin_centres",
    "bin_starts",
    "decode_bins",
    "decode_hard",
    "decode_soft",
    "encode",
    "interpolation",
    "mixture_loss",
    "predict",
    "quant_loss",
    "residual_weight",
    "sample_rows",
    "to_mixture_of_experts",
    "upsample",
]
