"""Order, collation and prefetching of batches, seeds, and schedules."""

import threading
import time
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core_eval import Sample
from core_train import (
    ArrayBatches,
    EpochSampler,
    chunks,
    constant,
    cosine,
    gather,
    numpy_generator,
    polynomial,
    prefetch,
    seed_from_name,
    seed_torch,
    torch_generator,
)


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 5))
def test_an_epoch_shows_each_sample_at_most_once(size, batch_size, epoch):
    sampler = EpochSampler(size, batch_size, "seed")
    steps = range(epoch * len(sampler), (epoch + 1) * len(sampler))
    shown = np.concatenate([sampler.indices(step) for step in steps])
    assert len(shown) == len(set(shown.tolist())) == size // min(size, batch_size) * min(size, batch_size)
    assert shown.min() >= 0
    assert shown.max() < size


def test_batches_depend_on_seed_and_step_alone():
    a, b = EpochSampler(100, 8, "x", 1), EpochSampler(100, 8, "x", 1)
    there = [a.indices(step).tolist() for step in range(40)]
    back = [b.indices(step).tolist() for step in reversed(range(40))]
    assert there == back[::-1]
    assert there[0] != there[len(a)]  # another epoch, another order
    assert EpochSampler(100, 8, "x", 2).indices(0).tolist() != there[0]
    with pytest.raises(ValueError, match="cannot draw"):
        EpochSampler(0, 8)


def samples(n=6):
    return [
        Sample(str(i), {"image": np.full((2, 3, 3), i, np.uint8)}, {"points": np.full((4, 2), i / 2)}, "g")
        for i in range(n)
    ]


def test_samples_are_stacked():
    arrays = gather(samples(), np.array([4, 1]))
    assert arrays["image"].shape == (2, 2, 3, 3)
    assert arrays["image"][:, 0, 0, 0].tolist() == [4, 1]
    assert arrays["points"][:, 0, 0].tolist() == [2.0, 0.5]
    assert list(gather(samples(), np.array([0]), ["points"])) == ["points"]
    with pytest.raises(KeyError):
        gather(samples(), np.array([0]), ["depth"])
    twice = Sample("s7", {"image": np.zeros(1)}, {"image": np.zeros(1)}, "g")
    with pytest.raises(ValueError, match="s7: image in both"):
        gather([twice], np.array([0]))


def test_transforms_are_drawn_anew_in_each_step_and_alike_in_each_run():
    def make():
        return ArrayBatches(
            samples(), 3, "s", transform=lambda a, g: {**a, "points": a["points"] + g.normal(size=a["points"].shape)}
        )

    assert len(make()) == 2
    first, again, later = make().batch(0), make().batch(0), make().batch(2)
    assert isinstance(first["image"], torch.Tensor)
    assert torch.equal(first["points"], again["points"])
    assert not torch.equal(first["points"], later["points"])


def test_prefetch_keeps_order_and_bounds():
    made = []
    stream = prefetch(lambda step: made.append(step) or step * 10, 5, 12, depth=2)
    assert next(stream) == 50
    time.sleep(0.3)
    assert len(made) <= 5  # one consumed, two waiting, at most one in the hand and one begun
    assert list(stream) == [60, 70, 80, 90, 100, 110]


def test_prefetch_hands_over_errors_and_ends_its_thread():
    def fail(step):
        if step == 2:
            raise RuntimeError("broken sample")
        return step

    before = Counter(thread.name for thread in threading.enumerate())
    stream = prefetch(fail, 0, None)
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(RuntimeError, match="broken sample"):
        next(stream)
    endless = prefetch(lambda step: step, 0, None)
    next(endless)
    endless.close()
    assert Counter(thread.name for thread in threading.enumerate()) == before


def test_chunks():
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]


def test_seeds_are_fixed_by_name():
    # SHA-256 of the length-prefixed parts, computed by hand with hashlib: any change would move every result.
    import hashlib

    text = b"\x03\0\0\0\0\0\0\0abc\x01\0\0\0\0\0\0\x001"
    assert seed_from_name("abc", 1) == int.from_bytes(hashlib.sha256(text).digest()[:8], "little") // 2
    assert seed_from_name("ab", "c") != seed_from_name("a", "bc")
    assert numpy_generator("x").integers(1 << 30) == numpy_generator("x").integers(1 << 30)
    draws = [torch.rand(2, generator=torch_generator("x", i)).tolist() for i in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    seed_torch("y")
    first = torch.rand(1)
    seed_torch("y")
    assert torch.equal(first, torch.rand(1))


def test_schedules():
    poly = polynomial(0.9, warmup=0.1, start=0.2)
    assert poly(0.0) == pytest.approx(0.2)
    assert poly(0.05) == pytest.approx(0.6)
    assert poly(0.1) == pytest.approx(1.0)
    assert poly(0.55) == pytest.approx(0.5**0.9)
    assert poly(1.0) == 0.0
    # without a warm-up, torch's own polynomial decay
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    torchs = torch.optim.lr_scheduler.PolynomialLR(optimiser, total_iters=50, power=0.9)
    for step in range(50):
        assert polynomial()(step / 50) == pytest.approx(torchs.get_last_lr()[0], abs=1e-9)
        optimiser.step()
        torchs.step()
    assert [cosine(warmup=0, end=0.1)(t) for t in (0, 0.5, 1)] == pytest.approx([1, 0.55, 0.1])
    assert constant()(0.7) == 1
    with pytest.raises(ValueError, match="fraction"):
        cosine(warmup=1.0)
