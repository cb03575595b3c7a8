"""`Metric.terms` is `reduce` in another form, and the bootstrap may use either."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

from core_eval import Metric, bootstrap, paired_bootstrap, scores
from core_eval.plugin import METRICS

FACES = {"normaliser": "outer-eye-corners"}
OPTIONS = {
    "ced-auc": {"limit": 0.1, **FACES},
    "failure": {"limit": 0.1, **FACES},
    "nme": FACES,
    "uv-auc": {"limit": 0.1},
    "uv-error": {},
}
RATIOS = sorted(OPTIONS)


def contributions(metric: Metric, rng: np.random.Generator, seeds: int, samples: int) -> np.ndarray:
    shape = (seeds, samples, *np.shape(metric.failed))
    return rng.gamma(2.0, 0.03, shape) + 0.001


@pytest.mark.parametrize("name", RATIOS)
def test_terms_and_reduce_agree(name: str) -> None:
    metric = METRICS[name](**OPTIONS[name])
    values = contributions(metric, np.random.default_rng(1), 1, 200)[0]
    top, bottom = metric.terms(values).sum(axis=0)
    assert top / bottom == pytest.approx(metric.reduce(values), rel=1e-12)


@pytest.mark.parametrize("name", RATIOS)
def test_the_bootstrap_draws_the_same_with_and_without_terms(name: str) -> None:
    metric = METRICS[name](**OPTIONS[name])
    a = contributions(metric, np.random.default_rng(2), 3, 60)
    b = 1.1 * contributions(metric, np.random.default_rng(3), 2, 60)
    groups = [f"identity {i // 4}" for i in range(60)]
    for compare, systems in ((bootstrap, (a,)), (paired_bootstrap, (a, b))):
        slow, fast = (
            compare(*systems, groups, metric.reduce, np.random.default_rng(4), replicates=200, terms=terms)
            for terms in (None, metric.terms)
        )
        for field in ("low", "high"):
            assert getattr(fast, field) == pytest.approx(getattr(slow, field), rel=1e-9)
        if compare is paired_bootstrap:
            assert fast.p_value == slow.p_value


def test_an_infinite_contribution_leaves_the_fast_path() -> None:
    metric = METRICS["nme"](**FACES)
    errors = np.full((1, 20), 0.05)
    errors[0, 0] = np.inf
    groups = [str(i) for i in range(20)]
    with np.errstate(invalid="ignore"):  # a quantile between two infinities
        interval = bootstrap(errors, groups, metric.reduce, np.random.default_rng(0), terms=metric.terms)
    assert interval.value == np.inf
    assert interval.low == pytest.approx(5.0)  # a third of the replicates miss the failed image


def test_several_metrics_are_scored_in_one_pass() -> None:
    auc, miss = (METRICS[name](**OPTIONS[name]) for name in ("ced-auc", "failure"))
    rng = np.random.default_rng(5)
    target = {"points": rng.uniform(0, 100, (68, 2))}
    passes = iter([("a", {"points": target["points"] + 1.0}, target), ("b", {"points": target["points"]}, target)])
    both = scores([auc, miss], passes)
    assert both["ced-auc"].per_sample.tolist() == both["failure"].per_sample.tolist()
    assert both["failure"].ids == ("a", "b")


def test_listing_the_metrics_imports_no_numpy_but_describing_one_shows_its_options() -> None:
    probe = "import sys, core_eval.plugin; from core_eval import InputError; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
    assert "normaliser" in inspect.signature(METRICS["ced-auc"]).parameters
