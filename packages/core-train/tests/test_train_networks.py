"""Backbones, inference and the hardware plan."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core_train import (
    Plan,
    adamw,
    fold_batch_norm,
    hardware,
    memory,
    plan_precision,
    predict_batches,
    to_input,
)
from core_train.backbones import DilatedResNet101, Hourglass, InceptionUnit, SmallUNet
from core_train.backbones.hourglass import UpUnit

FLOAT32 = Plan("cpu", "32-true", channels_last=True, threads=1)

NETWORKS = {
    "small u-net": (SmallUNet, (64, 96)),
    "small u-net, stride 2": (lambda: SmallUNet((8, 16, 16), (0, 1, 1), out_stage=0), (32, 16)),
    "hourglass": (lambda: Hourglass(32), (64, 96)),
    "two hourglasses": (lambda: Hourglass(32, 2), (32, 32)),
    "dilated resnet": (DilatedResNet101, (64, 40)),
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    """A network whose batch norms have seen data, and images for it."""
    make, size = NETWORKS[request.param]
    torch.manual_seed(0)
    network = make()
    images = to_input(torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8))
    with torch.no_grad():
        for _ in range(3):
            network.train()(images)
    return network.eval(), images


def test_output_has_the_announced_shape(case):
    network, images = case
    with torch.no_grad():
        output = network(images)
    n, _, h, w = images.shape
    assert output.shape == (n, network.out_channels, h // network.stride, w // network.stride)
    assert h % network.size_multiple == 0
    assert output.isfinite().all()
    assert output.std() > 0


def test_every_parameter_gets_a_gradient(case):
    network, images = case
    network = network.train()
    # identity-initialised residual units pass no gradient to their first convolution: start them off
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.fill_(0.5)
    network(images).square().mean().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    network.zero_grad()
    network.eval()
    assert missing == []


def test_folding_batch_norm_keeps_the_output(case):
    network, images = case
    with torch.no_grad():
        expected = network(images)
        folded = fold_batch_norm(network)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
        assert (folded(images) - expected).abs().max() < 1e-4 * expected.abs().max()
        assert torch.equal(network(images), expected)


def test_a_shift_by_the_coarsest_stride_shifts_the_output():
    """Inside, away from the padding, a convolutional network has no absolute position: labels at stride s line up with
    pixels."""
    torch.manual_seed(0)
    network = SmallUNet((8, 8, 8), (0, 1, 1)).eval()
    image = torch.randn(1, 3, 128, 128)
    shifted = torch.roll(image, (8, 16), (2, 3))
    with torch.no_grad():
        a, b = network(image), network(shifted)
    assert torch.allclose(a[:, :, 12:18, 12:18], b[:, :, 14:20, 16:22], atol=1e-4)


def test_hourglass_sees_all_scales():
    """Fig. 15: four scales; the output at the centre depends on pixels far away, through the coarsest of them."""
    torch.manual_seed(0)
    network = Hourglass(16).eval()
    image = torch.randn(1, 3, 128, 128, requires_grad=True)
    network(image)[0, :, 16, 16].sum().backward()
    reach = image.grad.abs().sum(1)[0].nonzero()
    assert (reach.max(0).values - reach.min(0).values).min() >= 100
    assert len(Hourglass(16, 3).eval().features(torch.zeros(1, 3, 32, 32))) == 3
    with pytest.raises(ValueError, match="width 24"):
        Hourglass(24)


def test_atrous_convolution_reads_nine_different_coarse_pixels():
    """After the doubling by repetition, rate 2 is a 3x3 convolution of the coarse map, at both fine pixels of each."""
    unit = UpUnit(4)
    coarse = torch.randn(1, 4, 6, 6)
    fine = unit.atrous[0](F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
    plain = F.conv2d(coarse, unit.atrous[0].weight, padding=1)
    assert torch.allclose(fine, F.interpolate(plain, scale_factor=2.0, mode="nearest"), atol=1e-5)


def test_inception_module_has_its_branches():
    unit = InceptionUnit(16, 32)
    widths = [unit.point, unit.middle[-1], unit.deep[-1], unit.pool[-1]]
    assert [branch[0].out_channels for branch in widths] == [8, 8, 12, 4]
    with pytest.raises(ValueError, match="multiple of 8"):
        InceptionUnit(16, 30)


def test_paper_backbone_is_torchvisions():
    network = DilatedResNet101()
    from torchvision.models import resnet101

    names = set(resnet101(weights=None).state_dict()) - {"fc.weight", "fc.bias"}
    assert set(network.state_dict()) == names
    assert network.layer4[2].conv2.dilation == (4, 4)


def test_pixels_are_scaled_and_laid_out_channels_last():
    pixels = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    tensor = to_input(pixels)
    assert tensor.shape == (2, 3, 4, 6)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(tensor, ((pixels.float() - 127.5) / 64).permute(0, 3, 1, 2))
    with pytest.raises(TypeError, match="uint8"):
        to_input(pixels.float())


def test_batches_are_predicted_in_order():
    torch.manual_seed(0)
    network = SmallUNet((8, 8, 8), (0, 1, 1)).eval()
    images = [np.random.default_rng(i).normal(size=(2, 3, 16, 16)).astype(np.float32) for i in range(3)]
    outputs = list(predict_batches(network, iter(images), plan=FLOAT32))
    with torch.no_grad():
        for image, output in zip(images, outputs, strict=True):
            assert not output.requires_grad
            assert torch.allclose(output, network(torch.from_numpy(image)), atol=1e-5)
    half = Plan("cpu", "bf16-mixed", channels_last=True, threads=1)
    (rough,) = predict_batches(network, images[:1], plan=half)
    assert rough.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="training mode"):
        next(predict_batches(network.train(), images, plan=FLOAT32))


def test_plan_fits_the_machine(monkeypatch):
    machine = hardware("cpu")
    assert 1 <= machine.cores <= os.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    plan = plan_precision("cpu")
    assert plan.device == "cpu"
    assert plan.threads == machine.cores
    assert (plan.precision == "bf16-mixed") == machine.bf16
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert plan_precision("cpu").threads == 3
    with pytest.raises(ValueError, match="no device 'tpu'"):
        hardware("tpu")


@pytest.mark.parametrize("bf16", [False, True])
def test_half_precision_only_where_the_hardware_has_it(monkeypatch, bf16):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert plan_precision("cpu").precision == ("bf16-mixed" if bf16 else "32-true")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept():
    """A block of 64 MiB, made and freed ten times, faults its pages in once instead of ten times."""
    script = """
import resource
import runpy
import sys

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        b"x" * (1 << 26)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

returned = faults()
assert runpy.run_path(sys.argv[1])["keep_freed_memory"]()
print(faults() / returned)
"""
    # In a fresh process, without torch: any earlier call would have changed this one already.
    command = [sys.executable, "-c", script, memory.__file__]
    assert float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) < 0.3


def test_weight_decay_spares_biases_and_norms():
    network = SmallUNet((8, 8), (0, 1), out_stage=0)
    decayed, spared = adamw(network, 1e-3, weight_decay=0.1).param_groups
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0
    assert all(p.ndim == 4 for p in decayed["params"])
    assert all(p.ndim == 1 for p in spared["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(network.parameters()))
