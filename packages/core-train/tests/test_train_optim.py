"""Muon: what it does to a kernel, and that everything else gets AdamW."""

import copy

import pytest
import torch
from torch import nn

from core_train import Muon, adamw
from core_train.optim import NEWTON_SCHULZ, orthogonalise


def network() -> nn.Sequential:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2))
    return nn.Sequential(trunk, nn.Conv2d(16, 2, 1))


def muon(net: nn.Sequential, lr: float = 0.02) -> Muon:
    return Muon(net, net[0], lr, adam_lr=3e-3)


def train(net: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> list[float]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(16, 3, 12, 12, generator=generator)
    wanted = images[:, :2, 2:11:2, 2:11:2][..., :4, :4]
    losses = []
    for _ in range(steps):
        loss = (net(images) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def _orthogonalise_naive(x: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    a, b, c = NEWTON_SCHULZ
    x = x / x.norm()
    for _ in range(rounds):
        square = x @ x.T
        x = (a * torch.eye(len(x), dtype=x.dtype) + b * square + c * square @ square) @ x
    return x


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12), (1, 5), (5, 1)])
def test_orthogonalising_agrees_with_the_rounds_written_out(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    result = orthogonalise(matrix)
    torch.testing.assert_close(result, _orthogonalise_naive(matrix), rtol=1e-4, atol=1e-6)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_orthogonalising_forgets_the_scale_and_turns_with_the_matrix():
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(8, 30, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))[0]
    torch.testing.assert_close(orthogonalise(1e3 * matrix), orthogonalise(matrix), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(orthogonalise(turn @ matrix), turn @ orthogonalise(matrix), rtol=1e-6, atol=1e-8)
    assert torch.equal(orthogonalise(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_single_precision_is_enough_for_gradients_of_low_rank():
    generator = torch.Generator().manual_seed(4)
    u, v = (
        torch.linalg.qr(torch.randn(64, 64, generator=generator))[0],
        torch.linalg.qr(torch.randn(500, 64, generator=generator))[0],
    )
    matrix = (u * torch.logspace(0, -5, 64)) @ v.T
    difference = orthogonalise(matrix) - _orthogonalise_naive(matrix.double()).float()
    assert difference.norm() < 2e-3 * _orthogonalise_naive(matrix).norm()


def test_a_step_moves_kernels_of_the_trunk_by_the_rate_and_the_rest_as_adamw_does():
    net, other = network(), network()
    kernels = {name for name, p in net.named_parameters() if name.startswith("0.") and p.ndim > 1}
    assert kernels == {"0.0.weight", "0.3.weight"}
    before = copy.deepcopy(dict(net.named_parameters()))
    train(net, muon(net), 1)
    train(other, adamw(other, 3e-3, weight_decay=1e-2), 1)
    for name, p in net.named_parameters():
        if name in kernels:
            moved = (p - (1 - 0.02 * 1e-2) * before[name]).flatten(1)
            values = torch.linalg.svdvals(moved / (0.02 * max(1.0, len(p) / p[0].numel()) ** 0.5))
            values = values[values > 1e-3]  # two outputs: the second kernel's gradient has rank 2
            assert 0.5 < values.min() <= values.max() < 1.3
            assert p.grad is not None
        else:
            torch.testing.assert_close(p, dict(other.named_parameters())[name])


def test_it_learns_and_a_restored_state_goes_on_the_same(tmp_path):
    net = network()
    optimiser = muon(net)
    losses = train(net, optimiser, 30)
    assert losses[-1] < 0.3 * losses[0]
    torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict()}, tmp_path / "state.pt")
    again = network()
    restored = muon(again)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again.load_state_dict(state["net"])
    restored.load_state_dict(state["optimiser"])
    assert train(net, optimiser, 5) == train(again, restored, 5)


def test_a_frozen_kernel_stays():
    net = network()
    net[0][0].weight.requires_grad_(False)
    before = net[0][0].weight.clone()
    train(net, muon(net), 2)
    assert torch.equal(net[0][0].weight, before)
