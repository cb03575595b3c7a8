"""Training step of the quick network: the machine's plan against plain float32 NCHW. Run: pytest bench_train_step.py
-s"""

import time

import pytest
import torch

from core_train import adamw, plan_precision, prepare_process, to_input
from core_train.backbones import SmallUNet

N, SIZE = 32, 128


def make_step(precision, channels_last):
    torch.manual_seed(0)
    network = SmallUNet()
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    optimiser = adamw(network, 1e-3)
    pixels = torch.randint(0, 256, (N, SIZE, SIZE, 3), dtype=torch.uint8)

    def step():
        images = to_input(pixels)
        if not channels_last:
            images = images.contiguous()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss = network(images).float().square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def test_planned_step_beats_plain_float32(benchmark):
    plan = plan_precision("cpu")
    prepare_process(plan)
    plain, planned = make_step("32-true", False), make_step(plan.precision, plan.channels_last)
    ratios = []
    for step in (plain, planned):
        step()
    for _ in range(5):  # interleaved, so that other work on the machine hits both
        seconds = []
        for step in (plain, planned):
            begin = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - begin)
        ratios.append(seconds[0] / seconds[1])
    benchmark.pedantic(planned, rounds=5)
    ratio = sorted(ratios)[2]
    benchmark.extra_info.update(ratio=ratio, precision=plan.precision, images_per_second=N / benchmark.stats["min"])
    print(
        f"\n{plan.precision}, channels last: {N / benchmark.stats['min']:.0f} images/s, "
        f"{ratio:.2f} times plain float32 NCHW"
    )
    if plan.precision == "32-true":
        pytest.skip(f"this processor has no bfloat16 arithmetic, from which 2 times comes; {ratio:.2f} times without")
    assert ratio >= 2


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_each_mode(benchmark, precision, channels_last):
    """For the table: the plan should have chosen the fastest."""
    prepare_process(plan_precision("cpu"))
    benchmark.pedantic(make_step(precision, channels_last), rounds=2, warmup_rounds=1)
    benchmark.extra_info["images_per_second"] = N / benchmark.stats["min"]
