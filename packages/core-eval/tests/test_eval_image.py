"""SSIM, MS-SSIM, and the scores that need a network."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import scipy.stats
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from core_eval import InputError, Metric, NotMeasurableError, score
from core_eval.image_similarity import MS_SSIM_CONVENTIONS, SSIM_CONVENTIONS, ms_ssim, ssim, ssim_maps, ssim_means
from core_eval.inception import detection_score, inception_score, inception_scores


def image(seed: int = 0, shape: tuple[int, ...] = (176, 192, 3)) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return (gaussian_filter(noise, (3, 3, 0)[: len(shape)]) * 900 + 128).clip(0, 255).astype(np.uint8)


def noisy(clean: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=clean.shape) * sigma
    return (clean + noise).clip(0, 255).astype(np.uint8)


def measure(metric: Metric, guess: np.ndarray, truth: np.ndarray) -> float:
    return score(metric, [("a", {"image": guess}, {"image": truth})]).value


WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


@pytest.mark.parametrize("shape", [(176, 192, 3), (33, 47, 3), (11, 11, 1), (64, 12), (300, 11, 3)])
@pytest.mark.parametrize("sigma", [1, 15, 80])
def test_ssim_agrees_with_scikit_image(shape: tuple[int, ...], sigma: float) -> None:
    truth = image(0, shape)
    guess = noisy(truth, sigma)
    channels = {"channel_axis": 2} if len(shape) == 3 else {}
    peer = structural_similarity(guess, truth, data_range=255, **WANG, **channels)
    assert measure(ssim(), guess, truth) == pytest.approx(peer, abs=1e-12)
    shares = structural_similarity(guess / 255, truth / 255, data_range=1.0, **WANG, **channels)
    assert measure(ssim(data_range=1.0), guess / 255, truth / 255) == pytest.approx(shares, abs=1e-12)
    assert shares == pytest.approx(peer)  # the range scales away
    default = structural_similarity(guess, truth, data_range=255, **channels)
    assert measure(ssim(convention="scikit-image"), guess, truth) == pytest.approx(default, abs=1e-12)
    width = float(guess.max()) - float(guess.min())
    generated = structural_similarity(guess, truth, data_range=width, **WANG, **channels)
    assert measure(ssim(convention="range-of-prediction"), guess, truth) == pytest.approx(generated, abs=1e-12)


def test_zero_padded_convention_agrees_with_a_padded_convolution() -> None:
    truth = image(0, (40, 50))
    guess = noisy(truth, 20)
    x, y = guess.astype(np.float64), truth.astype(np.float64)
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(plane: np.ndarray) -> np.ndarray:
        return scipy.signal.convolve2d(plane, window, mode="same")

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    peer = ((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()
    assert measure(ssim(convention="zero-padded"), guess, truth) == pytest.approx(float(peer), abs=1e-12)


@pytest.mark.parametrize("shape", [(176, 192), (11, 30), (31, 11)])
def test_compiled_and_plain_form_agree(shape: tuple[int, int]) -> None:
    x, y = (image(seed, shape).astype(np.float64) for seed in (0, 1))
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    maps = ssim_maps(x, y, window / window.sum(), 255.0)
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(ssim_means(x, y, 255.0), [plane[inner].mean() for plane in maps], rtol=1e-12)


def test_constant_images_by_hand() -> None:
    dark, bright = np.full((20, 20, 3), 60, np.uint8), np.full((20, 20, 3), 180, np.uint8)
    c1 = 2.55**2
    expected = (2 * 60 * 180 + c1) / (60**2 + 180**2 + c1)  # no contrast: luminance alone
    assert measure(ssim(), dark, bright) == pytest.approx(expected)
    large = [np.kron(plane, np.ones((9, 9, 1), np.uint8)) for plane in (dark, bright)]
    assert measure(ms_ssim(), *large) == pytest.approx(expected**0.1333)


@pytest.mark.parametrize("metric", [ssim(), ms_ssim()], ids=lambda metric: metric.name)
def test_invariants(metric: Metric) -> None:
    truth = image()
    assert measure(metric, truth, truth) == pytest.approx(1.0)
    values = [measure(metric, noisy(truth, sigma), truth) for sigma in (2, 8, 20, 60)]
    assert values == sorted(values, reverse=True)
    guess = noisy(truth, 20)
    base = measure(metric, guess, truth)
    assert 0 < base < 1
    assert measure(metric, truth, guess) == pytest.approx(base)
    assert measure(metric, guess[:, ::-1], truth[:, ::-1]) == pytest.approx(base)
    assert measure(metric, guess.swapaxes(0, 1), truth.swapaxes(0, 1)) == pytest.approx(base)
    assert measure(metric, guess[..., ::-1], truth[..., ::-1]) == pytest.approx(base)
    items = [(str(i), {"image": g}, {"image": truth}) for i, g in enumerate((truth, guess))]
    assert score(metric, items).value == pytest.approx((1 + base) / 2)


def test_repainting_the_border_white_inflates_ssim() -> None:
    truth, guess = image(), noisy(image(), 60)
    padded = [np.pad(a, ((0, 0), (40, 40), (0, 0)), constant_values=255) for a in (guess, truth)]
    assert measure(ssim(), *padded) > measure(ssim(), guess, truth) + 0.05


def by_scikit_image(guess: np.ndarray, truth: np.ndarray) -> tuple[list[float], float]:
    """Mean contrast-structure of the four finer scales and mean SSIM of the coarsest; a huge K1 takes luminance out."""
    x, y = (np.atleast_3d(a).astype(np.float64) for a in (guess, truth))
    structures = []
    for _ in range(4):
        structures.append(structural_similarity(x, y, data_range=255, channel_axis=2, K1=1e9, **WANG))
        x, y = downscale_local_mean(x, (2, 2, 1)), downscale_local_mean(y, (2, 2, 1))
    return structures, structural_similarity(x, y, data_range=255, channel_axis=2, **WANG)


WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


@pytest.mark.parametrize("shape", [(176, 192, 3), (256, 208, 3), (192, 176)])
@pytest.mark.parametrize("sigma", [5, 40])
def test_ms_ssim_agrees_with_scikit_image_scale_by_scale(shape: tuple[int, ...], sigma: float) -> None:
    truth = image(0, shape)
    guess = noisy(truth, sigma)
    structures, coarsest = by_scikit_image(guess, truth)
    expected = np.prod(np.array(structures) ** WEIGHTS[:4]) * coarsest ** WEIGHTS[4]
    assert measure(ms_ssim(), guess, truth) == pytest.approx(expected, abs=1e-9)


def test_a_popular_port_multiplies_the_coarsest_scale_once_per_finer_one() -> None:
    truth, guess = image(), noisy(image(), 40)
    structures, coarsest = by_scikit_image(guess, truth)
    expected = np.prod(np.array(structures) ** WEIGHTS[:4] * coarsest ** WEIGHTS[4])  # the port's line
    right, port = (measure(ms_ssim(convention=name), guess, truth) for name in MS_SSIM_CONVENTIONS)
    assert port == pytest.approx(expected, abs=1e-9)
    assert port < right


def test_odd_sides_repeat_their_last_line() -> None:
    truth, guess = image(0, (177, 193, 3)), noisy(image(0, (177, 193, 3)), 30)
    even = [np.pad(a, ((0, 15), (0, 15), (0, 0)), mode="symmetric") for a in (guess, truth)]
    assert measure(ms_ssim(), guess, truth) == pytest.approx(measure(ms_ssim(), *even), abs=0.02)


def test_bad_images() -> None:
    good = image(0, (20, 20, 3))
    bad = (
        (good[:19], good, {}, "shape"),
        (good[..., 0], good, {}, "shape"),
        (good / 255, good, {}, "float64"),
        (good, good, {"data_range": 1.0}, "range 255"),
        (good[:10], good[:10], {}, "smaller"),
        (good / 100, good / 255, {"data_range": 1.0}, "outside"),
        (good[None], good[None], {}, "shape"),
    )
    for guess, truth, options, message in bad:
        with pytest.raises(InputError, match=message):
            measure(ssim(**options), guess, truth)
    with pytest.raises(InputError, match="smaller than the 161"):
        measure(ms_ssim(), image(0, (160, 200, 3)), image(0, (160, 200, 3)))
    lost = np.where(good > 3, good / 255, np.nan)
    result = score(ssim(data_range=1.0), [("a", {"image": lost}, {"image": good / 255})])
    assert result.failures == {"a": "not finite"}
    assert not np.isfinite(result.value), "an image that is no image must not score"
    flat = np.full_like(good, 9)
    assert list(score(ssim(convention="range-of-prediction"), [("a", {"image": flat}, {"image": good})]).failures) == [
        "a"
    ]
    for factory in (ssim, ms_ssim):
        with pytest.raises(InputError, match="unknown convention"):
            factory(convention="default")
        with pytest.raises(InputError, match="data_range"):
            factory(data_range=0.0)
    assert len({ssim(convention=name).signature for name in SSIM_CONVENTIONS}) == len(SSIM_CONVENTIONS)


def images(probabilities: np.ndarray) -> list[tuple[str, dict, dict]]:
    return [(str(i), {"inception_probabilities": p}, {}) for i, p in enumerate(probabilities)]


def test_inception_score_agrees_with_scipy_entropies() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(20, 0.2), 57)
    for splits in (1, 5, 10):
        parts = [p[i * 57 // splits : (i + 1) * 57 // splits] for i in range(splits)]
        expected = [np.exp(np.mean([scipy.stats.entropy(row, part.mean(axis=0)) for row in part])) for part in parts]
        np.testing.assert_allclose(inception_scores(p, splits), expected)
        assert score(inception_score(splits=splits, classes=20), images(p)).value == pytest.approx(np.mean(expected))


def test_inception_score_limits() -> None:
    certain = np.eye(8)[np.arange(80) % 8]
    assert inception_scores(certain, 1)[0] == pytest.approx(8.0)  # sure and diverse: the number of classes
    assert inception_scores(np.full((80, 8), 1 / 8), 10) == pytest.approx(np.ones(10))  # never sure
    assert inception_scores(np.repeat(np.eye(8)[:1], 80, axis=0), 1)[0] == pytest.approx(1.0)  # sure, always the same
    p = np.random.default_rng(1).dirichlet(np.ones(8), 40)
    order = np.random.default_rng(2).permutation(40)
    assert inception_scores(p[order], 1) == pytest.approx(inception_scores(p, 1))
    assert inception_scores(p[:, ::-1], 4) == pytest.approx(inception_scores(p, 4))
    with pytest.raises(InputError, match="split"):
        inception_scores(p[:3], 4)


def test_scores_by_networks_are_not_measurable_without_them() -> None:
    for metric, network in ((inception_score(), "Inception"), (detection_score(), "SSD300")):
        with pytest.raises(NotMeasurableError, match=f"not measurable without .*{network}"):
            score(metric, [("a", {"image": image()}, {})])
        assert network.lower() in metric.signature


def test_bad_probabilities() -> None:
    for p in ([0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0], [1.0], [[0.5, 0.5]]):
        with pytest.raises(InputError, match=r"sample 0, field inception_probabilities"):
            score(inception_score(splits=1, classes=2), images(np.array([p])))
    with pytest.raises(InputError, match="sample 1"):
        score(
            inception_score(splits=1, classes=4),
            [*images(np.eye(4)[:1]), ("1", {"inception_probabilities": np.eye(5)[0]}, {})],
        )
    with pytest.raises(InputError, match="splits"):
        inception_score(splits=0)


def test_detection_score_by_hand() -> None:
    found = [np.array([0.2, 0.9, np.nan]), np.array([np.nan] * 3), np.array([0.6, np.nan, np.nan])]
    items = [(str(i), {"person_confidence": c}, {}) for i, c in enumerate(found)]
    result = score(detection_score(), items)
    assert result.value == pytest.approx((0.9 + 0.0 + 0.6) / 3)
    assert not result.failures
    assert score(detection_score(), [("a", {"person_confidence": np.array(0.7)}, {})]).value == pytest.approx(0.7)
    assert score(detection_score(), [("a", {"person_confidence": np.zeros(0)}, {})]).value == 0.0
    with pytest.raises(InputError, match="confidence"):
        score(detection_score(), [("a", {"person_confidence": np.array([1.5])}, {})])
