"""The head, the mixture-of-experts reparametrisation, and prediction at image scale."""

import pytest
import torch

from core_quantreg import QuantHead, predict, quant_loss, to_mixture_of_experts

SHAPES = {0: (), 1: (5,), 2: (5, 4), 3: (3, 5, 4)}


def _features(channels, size, n=3):
    return torch.randn(n, channels, *size, generator=torch.Generator().manual_seed(1))


def _head(*args, **options):
    torch.manual_seed(0)
    return QuantHead(*args, **{"std": 1.0, **options})


@pytest.mark.parametrize("spatial", SHAPES)
@pytest.mark.parametrize("parts", [None, 1, 3])
@pytest.mark.parametrize("bins", [1, 4])
def test_shapes(spatial, parts, bins):
    size = SHAPES[spatial]
    output = _head(6, bins, axes=3, parts=parts, spatial=spatial)(_features(6, size))
    lead = () if parts is None else (parts,)
    assert output.residuals.shape == (3, *lead, 3, bins, *size)
    assert (output.logits is None) == (bins == 1)
    assert output.part.shape == (3, (parts or 1) + 1, *size)
    assert output.bins == bins
    assert output.size == size
    for decoded in (output.hard(), output.soft()):
        assert decoded.shape == (3, *lead, 3, *size)
    result = predict(output)
    assert result.u.shape == (3, 3, *size)
    assert torch.equal(result.u.isnan().all(1), result.part == 0)


@pytest.mark.parametrize("bins", [1, 2, 10])
def test_a_new_head_decodes_the_centre_of_a_bin(bins):
    """Whatever the number of bins, training starts without a bias to one side of the bin."""
    output = QuantHead(6, bins, std=1e-6)(_features(6, (4, 4)))
    assert torch.allclose((output.hard() * bins) % 1, torch.tensor(0.5), atol=1e-3)
    assert torch.allclose(output.soft(), torch.tensor(0.5), atol=1e-4)


@pytest.mark.parametrize("parts", [None, 3])
@pytest.mark.parametrize("spatial", SHAPES)
def test_shifting_the_biases_changes_no_decoded_value(parts, spatial):
    """Sec. 4.1: r_i + i d in the bias of regressor i."""
    head = _head(6, 7, parts=parts, spatial=spatial)
    features = _features(6, SHAPES[spatial])
    before = head.regressor.bias.clone()
    plain, mixture = head(features), to_mixture_of_experts(head)(features)
    assert torch.allclose(plain.soft(), mixture.soft(), atol=1e-5)
    assert torch.allclose(plain.hard(), mixture.hard(), atol=1e-5)
    assert not torch.allclose(plain.residuals, mixture.residuals, atol=1e-2)
    assert torch.equal(before, head.regressor.bias)
    with pytest.raises(ValueError, match="already"):
        to_mixture_of_experts(to_mixture_of_experts(head))


def test_mixture_commutes_with_upsampling():
    head = _head(6, 4)
    features = _features(6, (5, 4))
    plain, mixture = (h(features).upsample((10, 16)) for h in (head, to_mixture_of_experts(head)))
    assert torch.allclose(plain.soft(), mixture.soft(), atol=1e-5)


def test_prediction_takes_each_position_from_its_own_chart():
    output = _head(6, 4, parts=3)(_features(6, (5, 4)))
    result = predict(output, (10, 8))
    large = output.upsample((10, 8))
    charts = large.hard().clamp(0, 1)
    part = large.part.argmax(1)
    assert torch.equal(result.part, part)
    assert set(part.unique().tolist()) == {0, 1, 2, 3}
    for n, y, x in torch.cartesian_prod(torch.arange(3), torch.arange(10), torch.arange(8)).tolist():
        here = result.u[n, :, y, x]
        if part[n, y, x] == 0:
            assert here.isnan().all()
        else:
            assert torch.equal(here, charts[n, part[n, y, x] - 1, :, y, x])


def test_bins_alone_are_bin_centres():
    output = _head(6, 5)(_features(6, (5, 4)))
    u = predict(output, mode="bins").u
    assert {round(v, 4) for v in u[~u.isnan()].tolist()} <= {0.1, 0.3, 0.5, 0.7, 0.9}
    with pytest.raises(ValueError, match="no bins"):
        predict(_head(6, 1)(_features(6, (5, 4))), mode="bins")


def test_impossible_heads_are_refused():
    with pytest.raises(ValueError, match="bins=0"):
        QuantHead(4, 0)
    with pytest.raises(ValueError, match="charts need"):
        QuantHead(4, 2, parts=3, background=False)


@pytest.mark.parametrize("bins", [1, 10])
def test_a_head_learns_a_coordinate(bins):
    """200 positions with Fourier features: encode, loss and decode agree on what is learnt."""
    x = torch.linspace(0, 1, 200)
    waves = torch.arange(1, 17)[:, None] * torch.pi * x
    features = torch.cat([waves.sin(), waves.cos()])[None]
    u = (0.5 + 0.5 * torch.sin(5 * x))[None, None]
    head = _head(32, bins, axes=1, spatial=1, background=False, std=0.01)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(300):
        optimiser.zero_grad()
        quant_loss(head(features), u).total.backward()
        optimiser.step()
    error = (predict(head(features)).u - u).abs()
    assert error.mean() < 0.005
