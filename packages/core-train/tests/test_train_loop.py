"""The loop: killed and resumed runs, stops, refusals, and what it leaves behind."""

import io
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from core_eval import InputError
from core_train import Budget, DivergedError, cosine
from core_train.progress import TrainingProgress

HELPER = Path(__file__).with_name("train_run_to_kill.py")


@pytest.fixture(scope="module")
def helper():
    return runpy.run_path(str(HELPER))


@pytest.fixture(scope="module")
def finished(helper, tmp_path_factory):
    """An uninterrupted run: (workdir, module, report)."""
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, *helper["train"](workdir)


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(helper, finished, tmp_path):
    victim = subprocess.Popen(
        [sys.executable, str(HELPER), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    checkpoint = tmp_path / "last.ckpt"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL, victim.stderr.read().decode()
    victim.stderr.close()
    module, report = helper["train"](tmp_path, init="other initial weights")
    _, reference, full = finished
    assert 0 < report.resumed_from < helper["STEPS"]
    assert report.steps == full.steps == helper["STEPS"]
    assert same(module, reference)


def test_the_seed_matters(helper, finished, tmp_path):
    module, _ = helper["train"](tmp_path, seed=2)
    assert not same(module, finished[1])


def test_a_finished_run_costs_no_step(helper, finished):
    workdir, reference, _ = finished
    module, report = helper["train"](workdir, init="other initial weights")
    assert report.resumed_from == report.steps == helper["STEPS"]
    assert module.rates == []
    assert same(module, reference)
    assert not module.training


def test_it_learns_and_leaves_one_file(finished):
    workdir, module, report = finished
    assert [path.name for path in workdir.iterdir()] == ["last.ckpt"]
    assert report.loss < 0.4  # the variance of |x|, which a constant gets, is 0.36, before dropout
    x = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (module.net(x) - x[:, :1].abs()).square().mean() < 0.1


def test_learning_rates_follow_the_schedule(helper, tmp_path):
    module, _ = helper["train"](tmp_path, steps=40)
    expected = [1e-2 * cosine()(step / 40) for step in range(40)]
    assert module.rates == pytest.approx(expected)


def test_averaging_is_the_recursion_it_should_be(helper, tmp_path):
    """With decay 0.9, after the first step's copy: w <- w + (1 - min(0.9, (1 + n)/(10 + n))) (current - w)."""
    seen = []

    class Recorded(helper["Net"]):
        def on_train_batch_start(self, batch, batch_idx):
            seen.append({k: v.clone() for k, v in self.state_dict().items()})

    globals_ = helper["train"].__globals__
    plain, globals_["Net"] = globals_["Net"], Recorded
    try:
        module, _ = helper["train"](tmp_path / "long", steps=12)
        raw, _ = helper["train"](tmp_path / "raw", steps=12, averaging=None)
    finally:
        globals_["Net"] = plain
    states = [*seen[1:12], raw.state_dict()]
    name = "net.0.weight"
    averaged = states[0][name].clone()
    for n, state in enumerate(states[1:], 1):
        averaged += (1 - min(0.9, (1 + n) / (10 + n))) * (state[name] - averaged)
    assert torch.allclose(module.state_dict()[name], averaged, atol=1e-6)
    assert not torch.allclose(module.state_dict()[name], raw.state_dict()[name], atol=1e-4)


def test_time_is_a_limit_too(helper, tmp_path):
    budget = Budget(steps=100_000, seconds=0.5)
    module, report = helper["train"](tmp_path, budget=budget)
    assert 0 < report.steps < 100_000
    assert module.rates[-1] < module.rates[0] * 10  # the schedule followed the time: it has come down from its top
    assert module.rates[-1] < 0.5 * max(module.rates)
    assert helper["train"](tmp_path, budget=budget)[1].steps == report.steps


def test_epochs_are_steps(helper, tmp_path):
    _, report = helper["train"](tmp_path, budget=Budget(epochs=1.2))
    assert report.steps == 18  # 500 // 32 = 15 batches
    with pytest.raises(ValueError, match="either steps or epochs"):
        Budget(steps=1, epochs=1)
    with pytest.raises(ValueError, match="positive"):
        Budget(steps=0)


@pytest.mark.parametrize(
    "options",
    [{"seed": 3}, {"steps": 121}, {"run": "another method"}, {"averaging": None}],
    ids=lambda o: next(iter(o)),
)
def test_a_checkpoint_of_another_run_is_refused(helper, finished, options):
    before = (finished[0] / "last.ckpt").read_bytes()
    with pytest.raises(InputError, match=r"of another run.*last\.ckpt"):
        helper["train"](finished[0], **options)
    assert (finished[0] / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "pickle"])
def test_a_damaged_checkpoint_is_refused(helper, finished, tmp_path, damage):
    data = (finished[0] / "last.ckpt").read_bytes()
    path = tmp_path / "last.ckpt"
    if damage == "pickle":  # runs code when unpickled
        torch.save({"global_step": 1, "run": _Evil()}, path)
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(InputError, match=r"not a checkpoint.*last\.ckpt"):
        helper["train"](tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of file sizes differ")
def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(helper, tmp_path, full_disk):
    with full_disk(2000), pytest.raises(InputError, match="cannot write the checkpoint"):
        helper["train"](tmp_path)
    assert not list(tmp_path.iterdir())


class _Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


def test_a_diverging_run_is_an_error(helper, tmp_path):
    source = helper["Source"]()
    source.y[::3] = float("inf")
    with pytest.raises(DivergedError, match="step 1 of"):
        helper["train"](tmp_path, source=source)
    assert not list(tmp_path.iterdir())


def test_errors_of_the_data_and_ctrl_c_reach_the_caller(helper, tmp_path):
    class Broken(helper["Source"]):
        def fetch(self, indices):
            raise InputError("broken image", file="a.png")

    class Stopped(helper["Source"]):
        def fetch(self, indices):
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    threads = threading.active_count()
    with pytest.raises(InputError, match=r"a\.png"):
        helper["train"](tmp_path, source=Broken())
    with pytest.raises(KeyboardInterrupt):
        helper["train"](tmp_path, source=Stopped())
    assert signal.getsignal(signal.SIGINT) is handler
    assert threading.active_count() == threads


def test_progress_without_a_terminal_is_plain_lines():
    out = io.StringIO()
    with TrainingProgress("fit", 3, console=Console(file=out, width=200), every=0) as line:
        line.update(1, 0.5)
        line.update(2, 0.25)
        line.update(3, 0.125)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("fit: step 1/3, loss 0.5, 0:00")
    assert lines[1].endswith("left")
    assert lines[2].startswith("fit: step 3/3, loss 0.125")
    out = io.StringIO()
    with TrainingProgress("fit", 3, console=Console(file=out), every=10) as line:
        line.update(1, 0.5)
        line.update(2, 0.5)
    assert out.getvalue() == ""


def test_progress_on_a_terminal_is_a_bar():
    out = io.StringIO()
    with TrainingProgress("fit", 3, console=Console(file=out, force_terminal=True, width=120)) as line:
        line.update(2, 0.25)
    assert "fit" in out.getvalue()
    assert "2/3" in out.getvalue()
