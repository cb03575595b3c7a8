"""Eq. 2-5 against what must hold: round trips, limits, and the equations written out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_quantreg import IGNORE, bin_centres, decode_bins, decode_hard, decode_soft, encode

ULP = 2.0**-23
bins_and_u = st.tuples(st.integers(1, 128), st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))


@settings(max_examples=200, deadline=None)
@given(bins_and_u)
def test_bin_and_residual_restore_the_coordinate(case):
    bins, values = case
    u = torch.tensor(values, dtype=torch.float32)
    q, r = encode(u, bins)
    assert q.dtype == torch.long
    assert (q >= 0).all()
    assert (q < bins).all()
    assert ((q.double() / bins + r.double() - u).abs() <= ULP).all()
    assert (r >= -ULP).all()
    assert (r <= 1 / bins + ULP).all()


@settings(max_examples=100, deadline=None)
@given(bins_and_u, st.integers(0, 2**31))
def test_decoding_an_encoded_coordinate_gives_it_back(case, seed):
    bins, values = case
    u = torch.tensor(values, dtype=torch.float32)[:, None]  # N, A = 1
    q, r = encode(u, bins)
    noise = torch.randn(*u.shape, bins, generator=torch.Generator().manual_seed(seed))
    residuals = noise.scatter(2, q[..., None], r[..., None])  # the other experts say nonsense
    logits = noise.clamp(-5, 5).scatter(2, q[..., None], 200.0)
    assert (decode_hard(logits, residuals) - u).abs().max() <= ULP
    assert (decode_soft(logits, residuals) - u).abs().max() <= 2 * ULP
    assert (decode_bins(logits) - u).abs().max() <= 0.5 / bins + ULP


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 49, 60])
def test_edges_of_bins_are_restored_and_one_lies_in_the_last_bin(bins):
    edges = torch.arange(bins + 1) / bins
    around = torch.cat([edges, torch.nextafter(edges, torch.tensor(0.0)), torch.nextafter(edges, torch.tensor(1.0))])
    q, r = encode(around, bins)
    assert q[bins] == bins - 1
    assert torch.allclose(q / bins + r, around, rtol=0, atol=ULP)
    centres, rest = encode(bin_centres(bins), bins)
    assert centres.tolist() == list(range(bins))
    assert torch.allclose(rest, torch.tensor(0.5 / bins), atol=ULP)


def test_one_bin_is_the_coordinate_itself():
    u = torch.rand(2, 3, 5)
    q, r = encode(u, 1)
    assert (q == 0).all()
    assert torch.equal(r, u)
    assert torch.equal(decode_hard(None, r.unsqueeze(2)), u)
    assert torch.equal(decode_soft(None, r.unsqueeze(2)), u)


def test_nan_is_not_labelled_and_values_outside_keep_their_distance():
    q, r = encode(torch.tensor([float("nan"), -0.25, 1.5]), 10)
    assert q.tolist() == [IGNORE, 0, 9]
    assert r.tolist() == pytest.approx([0.0, -0.25, 0.6])
    with pytest.raises(ValueError, match="at least 1"):
        encode(torch.zeros(1), 0)


def _maps(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, dtype=dtype, generator=generator) for _ in range(2)]


@pytest.mark.parametrize(
    ("shape", "dim"), [((4, 3, 6), 2), ((2, 2, 5, 3, 4), 2), ((2, 3, 2, 5, 3, 4), 3), ((2, 1, 4, 2, 3, 4), 2)]
)
def test_decoding_is_the_sum_of_the_equations(shape, dim):
    """1-D, image, charts and volume; eq. 4 and eq. 5 as sums over i."""
    f, r = _maps(*shape)
    bins = shape[dim]
    f, r = f.movedim(dim, 0).numpy(), r.movedim(dim, 0).numpy()
    q = np.argmax(f, 0)
    experts = [i / bins + r[i] for i in range(bins)]
    eq4 = sum((q == i) * experts[i] for i in range(bins))
    eq5 = sum(np.exp(f[i]) / sum(np.exp(f[j]) for j in range(bins)) * experts[i] for i in range(bins))
    logits, residuals = _maps(*shape)
    # i / K is a float32 constant, hence the tolerance.
    assert np.allclose(decode_hard(logits, residuals, dim=dim).numpy(), eq4, atol=1e-7)
    assert np.allclose(decode_soft(logits, residuals, dim=dim).numpy(), eq5, atol=1e-7)


def test_half_precision_maps_are_decoded_in_float32():
    """bfloat16 has 8 bits: the sum 59/60 + r would be off by 0.004, a quarter of a bin."""
    bins = 60
    u = torch.linspace(0, 1, 1001)[:, None]
    q, r = encode(u, bins)
    logits = torch.zeros(*u.shape, bins).scatter(2, q[..., None], 5.0).bfloat16()
    residuals = r[..., None].expand(-1, -1, bins).bfloat16()
    decoded = decode_hard(logits, residuals)
    assert decoded.dtype == torch.float32
    assert (decoded - u).abs().max() < 2.0**-8 / bins
    assert decode_soft(logits, residuals).dtype == torch.float32


def test_soft_decoding_has_the_right_gradient():
    logits, residuals = (maps.requires_grad_() for maps in _maps(2, 2, 4, 3))
    assert torch.autograd.gradcheck(decode_soft, (logits, residuals))
