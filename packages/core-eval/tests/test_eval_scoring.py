"""The scoring loop, signatures, landmark schemes and errors."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core_eval
from core_eval import InputError, Metric, NotMeasurableError, UnscorableError, scheme, score, signature
from core_eval.contracts import Arrays


def distance(prediction: Arrays, target: Arrays) -> float:
    if target["x"] < 0:
        raise UnscorableError("negative target")
    return float(np.abs(prediction["x"] - target["x"]))


METRIC = Metric(
    name="distance",
    unit="px",
    better="lower",
    signature=signature("distance"),
    needs=("x",),
    per_sample=distance,
    failed=100.0,
    reduce=lambda values: float(values.mean()),
)


def items(*pairs: tuple[object, float]) -> list[tuple[str, Arrays, Arrays]]:
    return [(f"s{i}", {"x": np.array(guess)}, {"x": np.array(truth)}) for i, (guess, truth) in enumerate(pairs)]


def test_the_mean_of_three() -> None:
    result = score(METRIC, iter(items((1.0, 1.0), (4.0, 1.0), (0.0, 6.0))))
    assert result.value == 3.0
    assert result.n == 3
    assert result.ids == ("s0", "s1", "s2")
    assert result.per_sample.tolist() == [0.0, 3.0, 6.0]
    assert not result.failures


def test_failures_stay_in_the_denominator_and_are_named() -> None:
    result = score(METRIC, items((np.nan, 1.0), (np.inf, 1.0), (1.0, 1.0), (1.0, -1.0)))
    assert result.value == 75.0
    assert result.failures == {"s0": "not finite", "s1": "not finite", "s3": "negative target"}
    assert result.n == 4


def test_a_failure_may_say_what_it_contributes() -> None:
    def misses(*_: Arrays) -> np.ndarray:
        raise UnscorableError("no torso", np.array([0.0, 7.0]))

    metric = replace(METRIC, per_sample=misses, failed=np.array([0.0, 1.0]), reduce=lambda v: float(v[:, 1].sum()))
    result = score(metric, items((1.0, 1.0)))
    assert result.per_sample.tolist() == [[0.0, 7.0]]
    assert result.failures == {"s0": "no torso"}


def test_bad_input_names_sample_and_field() -> None:
    with pytest.raises(InputError, match=r"sample s0, field x"):
        score(METRIC, [("s0", {}, {"x": np.array(0.0)})])
    with pytest.raises(InputError, match=r"duplicate.*sample s0"):
        score(METRIC, items((1.0, 1.0)) * 2)
    with pytest.raises(InputError, match="no samples"):
        score(METRIC, [])
    for junk in ("text", b"bytes", 1 + 2j, None):
        with pytest.raises(InputError, match=r"expected numbers.*sample s0, field x"):
            score(METRIC, items((junk, 1.0)))

    def refuse(*_: Arrays) -> float:
        raise InputError("wrong shape", field="x")

    with pytest.raises(InputError, match=r"wrong shape \(sample s0, field x\)"):
        score(replace(METRIC, per_sample=refuse), items((1.0, 1.0)))
    with pytest.raises(InputError, match="same name"):
        core_eval.scores([METRIC, METRIC], items((1.0, 1.0)))


def test_without_the_external_network_a_metric_is_not_measurable() -> None:
    with pytest.raises(NotMeasurableError, match="not measurable without the Inception network"):
        score(replace(METRIC, external="the Inception network"), [("s0", {}, {})])


def test_metrics_of_one_error_share_its_computation_and_nothing_else() -> None:
    calls = []

    def error(prediction: Arrays, target: Arrays, *, power: int) -> float:
        calls.append(power)
        return distance(prediction, target) ** power

    def metric(name: str, power: int, **more: object) -> Metric:
        return replace(METRIC, name=name, per_sample=partial(error, power=power), **more)

    metrics = [
        metric("mean", 1),
        metric("largest", 1, reduce=lambda values: float(values.max())),
        metric("square", 2),
        metric("unlike", 1, failed=7.0),
    ]
    pairs = items((1.0, 1.0), (4.0, 1.0), (np.nan, 1.0))
    found = core_eval.scores(metrics, pairs)
    assert sorted(calls) == [1] * 6 + [2] * 3, "two of the three metrics of the same error fail alike"
    for one in metrics:
        alone = score(one, pairs)
        assert (found[one.name].value, found[one.name].failures) == (alone.value, alone.failures)
        np.testing.assert_array_equal(found[one.name].per_sample, alone.per_sample)
    assert found["largest"].value == 100.0
    assert found["unlike"].value == pytest.approx(10 / 3)


def test_a_metric_bound_to_an_array_is_scored_alone() -> None:
    weights = np.ones(1)
    metrics = [
        replace(METRIC, name=name, per_sample=partial(lambda p, t, weight: distance(p, t) * weight[0], weight=weights))
        for name in ("a", "b")
    ]
    assert [one.value for one in core_eval.scores(metrics, items((4.0, 1.0))).values()] == [3.0, 3.0]


def test_nothing_is_kept_of_a_sample_that_one_metric_cannot_read() -> None:
    def refuse(*_: Arrays) -> float:
        raise InputError("wrong shape", field="x")

    scorer = core_eval.Scorer([METRIC, replace(METRIC, name="picky", per_sample=refuse)])
    with pytest.raises(InputError, match="sample s0"):
        scorer.add(*items((1.0, 1.0))[0])
    with pytest.raises(InputError, match="no samples"):
        scorer.scores()


def test_signatures_keep_their_order_and_refuse_separators() -> None:
    assert signature("failure", error="nme", limit="0.10") == "failure|error:nme|limit:0.10|v:1"
    assert signature("a", x=1) != signature("a", x=2)
    for bad in ("a|b", "a\nb"):
        with pytest.raises(ValueError, match="must not contain"):
            signature("m", choice=bad)


@given(
    st.dictionaries(st.text("abc", min_size=1), st.text("xyz:,=<>")), st.dictionaries(st.text("abc"), st.text("xyz"))
)
def test_different_choices_have_different_signatures(first: dict[str, str], second: dict[str, str]) -> None:
    same = list(first.items()) == list(second.items())
    assert (signature("m", **first) == signature("m", **second)) == same


def test_the_ibug_scheme() -> None:
    table = scheme("ibug68")
    assert table.points == 68
    assert table.outer_eye_corners == (36, 45)
    assert table.inner_eye_corners == (39, 42)
    mirror = np.array(table.mirror)
    np.testing.assert_array_equal(mirror[mirror], np.arange(68))
    # Mirroring swaps each pair and maps groups onto groups of the same size.
    assert tuple(mirror[list(table.outer_eye_corners)]) == table.outer_eye_corners[::-1]
    assert {int(mirror[i]) for i in table.eyes[0]} == set(table.eyes[1])
    spans = {frozenset(range(first, last + 1)) for first, last in table.groups.values()}
    assert {frozenset(int(mirror[i]) for i in span) for span in spans} == spans
    assert sorted(i for span in spans for i in span) == list(range(68))
    assert set(table.closed) == {"eye_image_left", "eye_image_right", "mouth_outer", "mouth_inner"}
    assert scheme("ibug68") is table
    with pytest.raises(InputError, match=r"unknown landmark scheme 'ibug69'.*ibug68"):
        scheme("ibug69")


def test_input_errors_name_the_place_that_is_known() -> None:
    assert str(InputError("bad")) == "bad"
    assert str(InputError("bad", file="f", sample="s", field="x")) == "bad (file f, sample s, field x)"
    assert isinstance(InputError("bad"), ValueError)


def test_every_public_name_resolves_and_importing_loads_no_numpy() -> None:
    for name in core_eval.__all__:
        assert getattr(core_eval, name) is not None
    with pytest.raises(AttributeError):
        _ = core_eval.nothing
    heavy = "import sys, core_eval; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'numba', 'torch')))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0
