"""The losses against a dense twin that enlarges every map, and against what must hold."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core_quantreg import IGNORE, QuantHead, QuantOutput, encode, mixture_loss, quant_loss, residual_weight, upsample
from core_quantreg.sampling import interpolation, sample_rows, sample_rows_naive

# parts, axes, map size, label size
CASES = {
    "1-d": (None, 3, (), ()),
    "line": (None, 1, (6,), (12,)),
    "image": (None, 2, (4, 5), (16, 20)),
    "odd ratio": (None, 2, (4, 5), (13, 11)),
    "same size": (None, 2, (6, 5), (6, 5)),
    "charts": (3, 2, (4, 5), (8, 10)),
    "volume": (None, 1, (3, 4, 5), (6, 8, 10)),
    "charts in a volume": (2, 3, (2, 3, 4), (4, 6, 8)),
}


def quant_loss_naive(output, u, part=None):
    """Enlarge everything, then take the losses position by position."""
    if part is None:
        part = torch.isfinite(u).all(1).long()
    maps = output.upsample(u.shape[2:])
    charts = maps.dim == 3
    q, r = encode(u, output.bins)
    bins = residual = torch.zeros((), dtype=torch.float64)
    count = 0
    for n in range(len(u)):
        for place in np.ndindex(*u.shape[2:]):
            here = (n, slice(None), *place)
            if not torch.isfinite(u[here]).all() or part[(n, *place)] <= 0:
                continue
            count += 1
            chart = (n, int(part[(n, *place)]) - 1) if charts else (n,)
            for a in range(u.shape[1]):
                true = q[here][a]
                column = (*chart, a, slice(None), *place)
                difference = (maps.residuals[column][true] - r[here][a]).abs()
                residual = residual + (0.5 * difference**2 if difference < 1 else difference - 0.5)
                if maps.logits is not None:
                    bins = bins - maps.logits[column].log_softmax(0)[true]
    # torch's cross entropy divides by the number of labels that are not ignored
    part_loss = F.cross_entropy(maps.part, part) if maps.part is not None else 0
    return part_loss + (bins + residual_weight(output.bins) * residual) / max(count, 1)


def _case(name, bins, dtype=torch.float64):
    parts, axes, small, large = CASES[name]
    generator = torch.Generator().manual_seed(3)
    head = QuantHead(4, bins, axes=axes, parts=parts, spatial=len(small), std=1.0).to(dtype)
    torch.nn.init.normal_(head.regressor.weight, generator=generator)
    features = torch.randn(2, 4, *small, generator=generator, dtype=dtype, requires_grad=True)
    u = torch.rand(2, axes, *large, generator=generator, dtype=dtype)
    part = torch.randint(0, (parts or 1) + 1, (2, *large), generator=generator)
    if large:
        u[torch.rand(u.shape, generator=generator) < 0.1] = float("nan")
        part[torch.rand(part.shape, generator=generator) < 0.1] = IGNORE
    else:
        part[:] = 1
    return head, features, u, part


@pytest.mark.parametrize("bins", [1, 5])
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_equal_the_dense_twin(name, bins):
    head, features, u, part = _case(name, bins)
    variables = [features, *head.parameters()]
    fast = quant_loss(head(features), u, part).total
    slow = quant_loss_naive(head(features), u, part)
    assert fast.item() == pytest.approx(slow.item(), rel=1e-6)
    for a, b in zip(torch.autograd.grad(fast, variables), torch.autograd.grad(slow, variables), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["image", "charts"])
def test_gradients_are_right(name):
    head, features, u, part = _case(name, 3)
    # weights of the interpolation are float32, exact for these sizes
    assert torch.autograd.gradcheck(lambda f: quant_loss(head(f), u, part).total, features)


def test_one_bin_is_plain_smooth_l1_of_the_coordinate():
    head, features, u, _ = _case("image", 1)
    output = head(features)
    loss = quant_loss(output, u, weight=70.0)
    seen = torch.isfinite(u).all(1)
    regressed = upsample(output.residuals.squeeze(2), u.shape[2:])
    plain = sum(F.smooth_l1_loss(regressed[:, a][seen], u[:, a][seen]) for a in range(2))
    assert loss.residual.item() == pytest.approx(plain.item(), rel=1e-6)
    assert loss.bins == 0
    assert loss.total.item() == pytest.approx((loss.part + 70 * plain).item(), rel=1e-6)
    assert residual_weight(1) == 70
    assert residual_weight(10) == 40


def test_large_residuals_are_linear():
    """|r - r*| = 3 costs 2.5, not 4.5 (Girshick's smooth L1)."""
    output = QuantOutput(residuals=torch.full((1, 1, 1), 3.5), logits=None, part=None)
    assert quant_loss(output, torch.full((1, 1), 0.5)).residual == pytest.approx(2.5)


def test_only_the_responsible_regressor_of_the_true_chart_is_penalised():
    output = QuantOutput(
        residuals=torch.randn(1, 3, 2, 5, 4, 4, requires_grad=True),
        logits=torch.randn(1, 3, 2, 5, 4, 4, requires_grad=True),
        part=torch.randn(1, 4, 4, 4, requires_grad=True),
        dim=3,
    )
    u = torch.full((1, 2, 4, 4), float("nan"))
    u[0, :, 1, 2] = torch.tensor([0.5, 0.99])  # bins 2 and 4
    part = torch.zeros(1, 4, 4, dtype=torch.long)
    part[0, 1, 2] = 3
    quant_loss(output, u, part).total.backward()
    hit = output.residuals.grad.nonzero()
    assert hit.tolist() == [[0, 2, 0, 2, 1, 2], [0, 2, 1, 4, 1, 2]]
    assert output.logits.grad.nonzero()[:, 1].unique().tolist() == [2]
    assert output.logits.grad[0, 2, :, :, 1, 2].all()


def test_unlabelled_images_change_nothing_but_the_part_loss():
    head, features, u, part = _case("image", 5)
    alone = quant_loss(head(features), u, part)
    nothing = torch.full_like(u, float("nan"))
    more = quant_loss(head(torch.cat([features, features])), torch.cat([u, nothing]), torch.cat([part, part * 0]))
    assert more.bins.item() == pytest.approx(alone.bins.item())
    assert more.residual.item() == pytest.approx(alone.residual.item())
    assert more.part != alone.part


@pytest.mark.parametrize("bins", [1, 5])
def test_no_label_at_all_is_a_zero_loss_with_zero_gradient(bins):
    head, features, u, part = _case("charts", bins)
    loss = quant_loss(head(features), torch.full_like(u, float("nan")), torch.full_like(part, IGNORE))
    assert loss.total == 0
    gradients = torch.autograd.grad(loss.total, [features, *head.parameters()])
    assert all((g == 0).all() for g in gradients)


def test_sampled_positions_estimate_the_loss_without_bias():
    head, features, u, part = _case("image", 5, torch.float32)
    output = head(features.detach())
    full = quant_loss(output, u, part)
    generator = torch.Generator().manual_seed(0)
    draws = [quant_loss(output, u, part, max_positions=50, generator=generator) for _ in range(300)]
    for field in ("bins", "residual"):
        values = torch.stack([getattr(draw, field) for draw in draws])
        error = (values.mean() - getattr(full, field)).abs()
        assert error < 4 * values.std() / 300**0.5
    assert quant_loss(output, u, part, max_positions=10**6).total == full.total


@pytest.mark.parametrize("name", ["1-d", "image", "charts", "volume"])
def test_mixture_loss_is_smooth_l1_of_the_soft_decoding(name):
    head, features, u, part = _case(name, 5)
    output = head(features)
    loss = mixture_loss(output, u, part)
    decoded = output.upsample(u.shape[2:]).soft()
    if output.dim == 3:
        chart = (part - 1).clamp(min=0)[:, None, None].expand(-1, 1, *decoded.shape[2:])
        decoded = decoded.gather(1, chart).squeeze(1)
    seen = (torch.isfinite(u).all(1) & (part > 0)).unsqueeze(1).expand_as(u)
    expected = F.smooth_l1_loss(decoded[seen], u[seen], reduction="sum") / seen[:, 0].sum()
    assert loss.residual.item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss.total.item() == pytest.approx((loss.part + 70 * expected).item(), rel=1e-6)


def test_half_precision_maps_give_a_float32_loss():
    head, features, u, part = _case("image", 5, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        output = head(features)
        assert output.residuals.dtype == torch.bfloat16
        loss = quant_loss(output, u, part)
    assert loss.total.dtype == torch.float32
    assert loss.total.item() == pytest.approx(quant_loss(head(features), u, part).total.item(), rel=0.02)


@pytest.mark.parametrize(
    ("source", "target"),
    [((4,), (12,)), ((4, 5), (16, 10)), ((5, 7), (13, 11)), ((6, 4), (3, 5)), ((2, 3, 4), (5, 6, 7))],
)
def test_interpolation_is_torchs(source, target):
    maps = torch.randn(2, 3, *source, generator=torch.Generator().manual_seed(0))
    image, pixel = torch.ones(2, torch.Size(target).numel()).nonzero().unbind(1)
    index, weight = interpolation(image, pixel, source, target)
    assert torch.allclose(weight.sum(1), torch.ones(()), atol=1e-6)
    rows = maps.movedim(1, -1).reshape(-1, 3)
    expected = upsample(maps, target).movedim(1, -1).reshape(-1, 3)
    assert torch.allclose(sample_rows(rows, index, weight), expected, atol=1e-6)
    assert torch.allclose(sample_rows_naive(rows, index, weight), expected, atol=1e-6)


def test_what_does_not_fit_is_refused():
    head, features, u, part = _case("charts", 5)
    output = head(features)
    with pytest.raises(ValueError, match="charts need"):
        quant_loss(output, u)
    with pytest.raises(ValueError, match="coordinates of shape"):
        quant_loss(output, u[:, :1], part)
    with pytest.raises(ValueError, match="parts of shape"):
        quant_loss(output, u, part[:, :-1])
    with pytest.raises(ValueError, match="uint16"):
        quant_loss(output, torch.zeros(u.shape, dtype=torch.uint16), part)
    with pytest.raises(ValueError, match="cannot be resized"):
        output.upsample((4,))
