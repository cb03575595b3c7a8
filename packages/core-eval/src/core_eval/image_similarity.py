"""Structural similarity of images.

Axis letters: H rows, W columns, K window taps, L scales.

SSIM (Wang, Bovik, Sheikh and Simoncelli 2004): in a window with weights w around each pixel, with means, variances and
the covariance taken under w,

    luminance l = (2 mx my + C1) / (mx^2 + my^2 + C1),   contrast-structure s = (2 sxy + C2) / (sx^2 + sy^2 + C2),

C1 = (0.01 R)^2, C2 = (0.03 R)^2 with R the range of the data; SSIM is the mean of l s over all whole windows. The
window is an 11 x 11 Gaussian of standard deviation 1.5. MS-SSIM (Wang, Simoncelli and Bovik 2003): s at five scales, l
at the coarsest, each halving a mean over 2 x 2 pixels; the product of the means to the powers 0.0448, 0.2856, 0.3001,
0.2363 and 0.1333. Colour channels are averaged (at each scale). Libraries differ in the window, the border and R:
theirs are in `SSIM_CONVENTIONS` and `MS_SSIM_CONVENTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.signature import signature
from core_eval.statistics import over_samples

Floats = NDArray[np.float64]

K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def _gaussian() -> Floats:
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    return np.asarray(taps / taps.sum())


@dataclass(frozen=True, slots=True)
class SsimConvention:
    """How a public implementation computes SSIM: the window, how far the mean reaches into the border, and R."""

    window: Callable[[], Floats]
    border: bool  # zero-pad and average over the whole image
    unbiased: bool  # sample variances: divide by n - 1
    range_of_prediction: bool  # R = max - min of the predicted image
    source: str


SSIM_CONVENTIONS: dict[str, SsimConvention] = {
    "wang-2004": SsimConvention(_gaussian, False, False, False, "the paper; what this project reports"),
    "scikit-image": SsimConvention(
        lambda: np.full(7, 1 / 7), False, True, False, "default of skimage: uniform 7 x 7 window, sample covariance"
    ),
    "zero-padded": SsimConvention(_gaussian, True, False, False, "pytorch-ssim: zero padding, mean over all pixels"),
    "range-of-prediction": SsimConvention(_gaussian, False, False, True, "pose-gan: R from the generated image"),
}

MS_SSIM_CONVENTIONS: dict[str, str] = {
    "wang-2003": "the paper; what this project reports",
    "coarsest-to-the-fourth": "pytorch-msssim: the coarsest scale's factor is multiplied in once per finer scale",
}


def ssim_maps(
    x: Floats, y: Floats, window: Floats, data_range: float, *, unbiased: bool = False
) -> tuple[Floats, Floats]:
    """SSIM and its contrast-structure factor at every pixel of two (H, W) planes, zero-padded: (H, W) each.

    `window` (K,) is one axis of a separable window. The plain form; border pixels within K // 2 see the padding.
    """
    from scipy.ndimage import correlate1d

    def mean(plane: Floats) -> Floats:
        rows = correlate1d(plane, window, axis=0, mode="constant")
        return np.asarray(correlate1d(rows, window, axis=1, mode="constant"))

    count = len(window) ** 2
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mx, my = mean(x), mean(y)
    factor = count / (count - 1) if unbiased else 1.0
    variances = factor * (mean(x * x) + mean(y * y) - mx * mx - my * my)
    structure = (2 * factor * (mean(x * y) - mx * my) + c2) / (variances + c2)
    return (2 * mx * my + c1) / (mx * mx + my * my + c1) * structure, structure


def ssim_means(x: Floats, y: Floats, data_range: float) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure over the whole Gaussian windows of two (H, W) planes."""
    from core_eval._ssim_kernel import ssim_sums

    whole = (x.shape[0] - 10) * (x.shape[1] - 10)
    total, structure = ssim_sums(x, y, _gaussian()[5:], (K1 * data_range) ** 2, (K2 * data_range) ** 2)
    return total / whole, structure / whole


def image_ssim(prediction: Arrays, target: Arrays, *, key: str, data_range: float, convention: str) -> float:
    """SSIM of ``prediction[key]`` and ``target[key]``, (H, W) or (H, W, channels).

    Raises `InputError` for shapes or types that do not fit each other or are smaller than a window, `UnscorableError`
    for values that are not finite.
    """
    rule = SSIM_CONVENTIONS[convention]
    window = rule.window()
    guess, truth = _planes(prediction, target, key, data_range, len(window))
    if rule.range_of_prediction:
        data_range = float(guess.max() - guess.min())
        if data_range == 0:
            raise UnscorableError("the predicted image is constant: it has no range")
    if convention == "wang-2004":
        return float(np.mean([ssim_means(g, t, data_range)[0] for g, t in zip(guess, truth, strict=True)]))
    edge = 0 if rule.border else len(window) // 2
    inner = slice(edge, -edge or None)
    values = [
        ssim_maps(g, t, window, data_range, unbiased=rule.unbiased)[0][inner, inner].mean()
        for g, t in zip(guess, truth, strict=True)
    ]
    return float(np.mean(values))


def image_ms_ssim(prediction: Arrays, target: Arrays, *, key: str, data_range: float, convention: str) -> float:
    """MS-SSIM of ``prediction[key]`` and ``target[key]``, (H, W) or (H, W, channels), of at least 161 pixels a side.

    A scale whose mean structure is negative counts 0, for it has no real power. Raises as `image_ssim`.
    """
    levels = len(SCALE_WEIGHTS)
    guess, truth = _planes(prediction, target, key, data_range, 10 * 2 ** (levels - 1) + 1)
    means = np.empty((levels, 2))
    for level in range(levels):
        if level:
            guess, truth = _halve(guess), _halve(truth)
        pairs = zip(guess, truth, strict=True)
        means[level] = np.mean(
            [ssim_means(np.ascontiguousarray(g), np.ascontiguousarray(t), data_range) for g, t in pairs], axis=0
        )
    means = np.maximum(means, 0.0) ** SCALE_WEIGHTS[:, None]
    coarsest = means[-1, 0] ** (1 if convention == "wang-2003" else levels - 1)
    return float(means[:-1, 1].prod() * coarsest)


def _halve(planes: Floats) -> Floats:
    """(channels, H, W) -> means over 2 x 2 pixels; an odd last row or column is repeated, as in Wang's code."""
    _, height, width = planes.shape
    planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="symmetric")
    return (planes[:, ::2, ::2] + planes[:, 1::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, 1::2]) / 4


def _planes(prediction: Arrays, target: Arrays, key: str, data_range: float, smallest: int) -> tuple[Floats, Floats]:
    """Two (channels, H, W) float64 arrays."""
    guess, truth = np.asarray(prediction[key]), np.asarray(target[key])
    if guess.shape != truth.shape or guess.ndim not in (2, 3):
        raise InputError(f"the predicted image has shape {guess.shape}, the true one {truth.shape}", field=key)
    if (guess.dtype == np.uint8) != (truth.dtype == np.uint8):
        raise InputError(f"one image is {guess.dtype}, the other {truth.dtype}", field=key)
    if truth.dtype == np.uint8 and data_range != 255:
        raise InputError(f"an image of bytes has the range 255, not {data_range:g}", field=key)
    if min(guess.shape[:2]) < smallest:
        raise InputError(f"an image of {guess.shape[:2]} pixels is smaller than the {smallest} needed", field=key)
    planes = tuple(
        np.ascontiguousarray(np.moveaxis(np.atleast_3d(image), -1, 0), dtype=np.float64) for image in (guess, truth)
    )
    for image in planes:
        if not np.isfinite(image).all():
            raise UnscorableError("not finite")
        if image.min() < 0 or image.max() > data_range:
            raise InputError(f"a value is outside [0, {data_range:g}]", field=key)
    return planes[0], planes[1]


def ssim(name: str = "ssim", *, key: str = "image", data_range: float = 255.0, convention: str = "wang-2004") -> Metric:
    """Mean over images of SSIM, in [-1, 1], higher is better; `data_range` is 255 for bytes, 1 for shares."""
    return _metric(name, "ssim", image_ssim, key, data_range, convention, tuple(SSIM_CONVENTIONS))


def ms_ssim(
    name: str = "ms-ssim", *, key: str = "image", data_range: float = 255.0, convention: str = "wang-2003"
) -> Metric:
    """Mean over images of MS-SSIM, in [0, 1], higher is better; images need at least 161 pixels a side."""
    return _metric(name, "ms-ssim", image_ms_ssim, key, data_range, convention, tuple(MS_SSIM_CONVENTIONS))


def _metric(
    name: str,
    kind: str,
    similarity: Callable[..., float],
    key: str,
    data_range: float,
    convention: str,
    known: tuple[str, ...],
) -> Metric:
    if convention not in known:
        raise InputError(f"unknown convention {convention!r}; known: {', '.join(known)}", field="convention")
    if not (np.isfinite(data_range) and data_range > 0):
        raise InputError(f"must be a positive number, got {data_range}", field="data_range")
    limits = "of-prediction" if convention == "range-of-prediction" else f"{data_range:g}"
    return Metric(
        name=name,
        unit="similarity",
        better="higher",
        signature=signature(kind, image=key, range=limits, channels="mean", rule=convention, pool="per-image"),
        needs=(key,),
        per_sample=partial(similarity, key=key, data_range=float(data_range), convention=convention),
        failed=-np.inf,  # a failed image makes the mean infinite, hence not a number that can be published
        reduce=lambda values: float(np.mean(values)),
        terms=over_samples,
    )
