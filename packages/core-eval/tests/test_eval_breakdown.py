"""Scores by group."""

from __future__ import annotations

import numpy as np
import pytest

from core_eval import InputError, score
from core_eval.breakdown import breakdown, mean_over_groups
from core_eval.dense import uv_error
from core_eval.mpjpe import p_mpjpe
from core_eval.nme import point_error

ACTIONS = {0: "Directions", 1: "Walking", 2: "WalkDog"}


def frames() -> list[tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Errors of 1 px for 6 frames of action 0, 4 px for 3 frames of action 1, 10 px for 1 frame of action 2."""
    truth = np.zeros((3, 2))
    counts = ((0, 1.0, 6), (1, 4.0, 3), (2, 10.0, 1))
    return [
        (f"{action}/{i}", {"points": truth + np.array([error, 0.0])}, {"points": truth, "action": np.array(action)})
        for action, error, count in counts
        for i in range(count)
    ]


def test_groups_by_hand() -> None:
    metric = point_error()
    whole = score(metric, frames())
    parts = breakdown(metric, whole, {sample: ACTIONS[int(sample[0])] for sample in whole.ids})
    assert {name: (part.value, part.n) for name, part in parts.items()} == {
        "Directions": (1.0, 6),
        "WalkDog": (10.0, 1),
        "Walking": (4.0, 3),
    }
    assert sorted(sample for part in parts.values() for sample in part.ids) == sorted(whole.ids)
    assert whole.value == pytest.approx((6 * 1 + 3 * 4 + 10) / 10)
    assert sum(part.value * part.n for part in parts.values()) == pytest.approx(whole.value * whole.n)


def test_mean_over_groups_weighs_every_group_alike() -> None:
    metric = mean_over_groups(point_error(), "action", name="average")
    result = score(metric, frames())
    assert result.value == pytest.approx((1 + 4 + 10) / 3)
    assert metric.signature == point_error().signature + "|mean-over:action"
    assert metric.name == "average"
    assert score(metric, frames()[::-1]).value == pytest.approx(result.value)


def test_pooled_metrics_are_pooled_inside_their_groups() -> None:
    def sample(name: str, pixels: int, error: float, camera: int) -> tuple[str, dict, dict]:
        truth = np.zeros((1, pixels, 2))
        return name, {"uv": truth + np.array([error, 0.0])}, {"uv": truth, "camera": np.array([camera])}

    items = [sample("a", 10, 0.1, 0), sample("b", 30, 0.5, 0), sample("c", 5, 0.2, 1)]
    assert score(mean_over_groups(uv_error(), "camera"), items).value == pytest.approx((0.4 + 0.2) / 2)


def test_failures_stay_in_their_group() -> None:
    nothing = np.full((1, 4, 2), np.nan)
    some = np.zeros((1, 4, 2))
    items = [
        ("a", {"uv": some}, {"uv": some, "camera": np.array(0)}),
        ("b", {"uv": some}, {"uv": nothing, "camera": np.array(1)}),
    ]
    result = score(mean_over_groups(uv_error(), "camera"), items)
    assert list(result.failures) == ["b"]
    assert result.value == pytest.approx((0 + np.sqrt(2)) / 2)
    flat = np.zeros((17, 3))
    lost = score(
        mean_over_groups(p_mpjpe(), "action"), [("a", {"joints_mm": flat}, {"joints_mm": flat, "action": np.array(0)})]
    )
    assert lost.value == np.inf
    infinite = items[0][0], {"uv": some}, {"uv": some, "camera": np.array(0)}
    parts = breakdown(uv_error(), score(uv_error(), [infinite, items[1]]), {"a": "front", "b": "back"})
    assert list(parts["back"].failures) == ["b"]
    assert not parts["front"].failures


def test_samples_without_a_group_are_refused() -> None:
    metric = point_error()
    with pytest.raises(InputError, match="no group"):
        breakdown(metric, score(metric, frames()), {"0/0": "Directions"})
    with pytest.raises(InputError, match=r"group number.*field camera"):
        score(mean_over_groups(metric, "camera"), frames())
