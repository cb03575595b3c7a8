"""Remembered intervals and tests: those of `core_eval`, and made anew whenever anything behind them changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import resampled
from bench.naming import seed
from core_eval import InputError, Paired, bootstrap, paired_bootstrap, statistics
from core_eval.statistics import over_samples

NAMES = ("claim", "table", "a", "b")
GROUPS = [f"g{i // 2}" for i in range(60)]
A, B = np.random.default_rng(0).normal(size=(2, 3, 60)) + np.array([0.0, 0.5])[:, None, None]


def mean(values: np.ndarray) -> float:
    return float(values.mean())


@pytest.fixture
def computed(monkeypatch, tmp_path) -> list[str]:
    """What was not remembered."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    calls: list[str] = []
    for function in (bootstrap, paired_bootstrap):
        name = function.__name__

        def counted(*args: object, name: str = name, function=function, **rest: object) -> object:
            calls.append(name)
            return function(*args, **rest)

        monkeypatch.setattr(resampled, name, counted)
    return calls


def test_what_is_remembered_is_what_was_computed(computed) -> None:
    rng = np.random.default_rng(seed(*NAMES))
    wanted = paired_bootstrap(A, B, GROUPS, mean, rng, replicates=500, terms=over_samples)
    for _ in range(2):
        assert resampled.paired(A, B, GROUPS, mean, over_samples, NAMES, "mean", 500) == wanted
    interval = bootstrap(A, GROUPS, mean, np.random.default_rng(seed(*NAMES)), terms=over_samples)
    for _ in range(2):
        assert resampled.interval(A, GROUPS, mean, over_samples, NAMES, "mean") == interval
    assert computed == ["paired_bootstrap", "bootstrap"]


def test_whatever_changes_is_computed_again(computed, monkeypatch) -> None:
    usual = (A, B, GROUPS, mean, over_samples, NAMES, "mean", 100)
    other = {
        0: A + 1e-12,
        1: B.astype(np.float32).astype(np.float64),
        2: [f"h{group}" for group in GROUPS],
        5: (*NAMES, "quick"),
        6: "median",
        7: 101,
    }
    resampled.paired(*usual)
    for place, value in other.items():
        resampled.paired(*usual[:place], value, *usual[place + 1 :])
    resampled.paired(B, A, *usual[2:])
    resampled.paired(A[:1], B, *usual[2:])
    assert len(computed) == 9
    monkeypatch.setattr(resampled, "sources", lambda package: {package: "another hash"})
    resampled.paired(*usual)
    assert len(computed) == 10


def test_a_damaged_record_is_made_again_and_an_error_is_not_remembered(computed, tmp_path) -> None:
    usual = (A, GROUPS, mean, over_samples, NAMES, "mean")
    wanted = resampled.interval(*usual)
    (file,) = (tmp_path / "resampled").iterdir()
    for text in ("{", "[]", '{"value": 1.0}'):
        file.write_text(text)
        assert resampled.interval(*usual) == wanted
    assert len(computed) == 4
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be compared"):
            resampled.paired(np.full_like(A, np.inf), np.full_like(A, np.inf), GROUPS, mean, None, NAMES, "mean", 10)
    assert len(computed) == 6


def test_a_cache_that_cannot_be_written_hinders_nothing(computed, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", "/proc/nowhere")
    found = [resampled.interval(A, GROUPS, mean, over_samples, NAMES, "mean") for _ in range(2)]
    assert found[0] == found[1]
    assert len(computed) == 2


def test_how_many_draws_are_made_at_a_time_changes_no_number(monkeypatch) -> None:
    def found() -> Paired:
        return paired_bootstrap(A, B, GROUPS, mean, np.random.default_rng(1), replicates=301, terms=over_samples)

    small = found()
    for block in (1, 2**22):
        monkeypatch.setattr(statistics, "BLOCK", block)
        assert found() == replace(
            small, low=pytest.approx(small.low, rel=1e-12), high=pytest.approx(small.high, rel=1e-12)
        )


def test_another_run_of_the_pages_computes_nothing(checkout, bench, computed, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(checkout.cache))
    bench("reproduce", "toy-table", "--seeds", "2")
    assert computed.count("bootstrap") == 5
    assert computed.count("paired_bootstrap") == 3
    bench("leaderboard")
    bench("leaderboard", "--check")
    assert len(computed) == 8
