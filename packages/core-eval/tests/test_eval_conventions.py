"""Published conventions by name."""

from __future__ import annotations

import numpy as np
import pytest

from core_eval import InputError, score
from core_eval.conventions import CONVENTIONS, DEFAULTS, variant, variants
from core_eval.plugin import METRICS

NEED_MORE = {"gps", "gpsm", "rcp", "rcp-auc"}  # a surface


@pytest.mark.parametrize("metric", sorted(METRICS.keys() - NEED_MORE - {"iou"}))
def test_every_metric_has_variants_with_names_and_signatures_of_their_own(metric: str) -> None:
    found = variants(metric)
    assert len({one.signature for one in found}) == len({one.name for one in found}) == len(found) >= 1
    ours = METRICS[metric](**DEFAULTS.get(metric, {}))
    assert found[0].signature == ours.signature, "the first variant is the one that is reported"
    assert {one.unit for one in found} == {ours.unit}
    assert {one.better for one in found} == {ours.better}
    if metric not in CONVENTIONS:
        assert found[0].name == ours.name


def test_metrics_are_listed_in_order_and_conventions_name_known_ones() -> None:
    assert list(METRICS) == sorted(METRICS)
    assert set(CONVENTIONS) <= set(METRICS)
    for known in CONVENTIONS.values():
        assert len({one.name for one in known}) == len(known)
        assert all(one.note for one in known)


def test_options_are_kept_and_the_options_of_a_convention_win() -> None:
    found = {one.name: one for one in variants("ced-auc", name="auc@0.05", limit=0.05, normaliser="box")}
    assert set(found) == {f"auc@0.05 ({name})" for name in (c.name for c in CONVENTIONS["ced-auc"])}
    perfect = [("a", {"points": np.eye(68, 2)}, {"points": np.eye(68, 2)})]
    values = {name: score(one, perfect).value for name, one in found.items()}
    assert values["auc@0.05 (closed-form)"] == 1.0
    assert values["auc@0.05 (menpo-simpson)"] == pytest.approx(1.002)


def test_conventions_that_only_exist_somewhere() -> None:
    names = [one.name for one in variants("pckh", joints="head")]
    assert "pckh (head-top)" in names
    assert "pckh (head-top)" not in [one.name for one in variants("pckh")]
    assert "pckh (index-11)" in [one.name for one in variants("pckh", threshold=0.1)]
    hands = [one.name for one in variants("nme", layout="hgr1", normaliser="wrist-width")]
    assert "nme (eye-centres)" not in hands
    assert "nme (box-diagonal)" in hands
    # The protocol's own normaliser is not listed twice.
    assert "nme (outer-eye-corners)" not in [one.name for one in variants("nme")]


def test_one_convention_by_name() -> None:
    assert "integral:trapezoid-2000" in variant("ced-auc", "trapezoid-2000").signature
    assert "limit:0.08" in variant("ced-auc", "histogram", limit=0.08).signature
    for metric, convention in (("ced-auc", "simpson"), ("pckh", "head-top"), ("p-mpjpe", "scaled")):
        with pytest.raises(InputError, match=f"{metric} has no convention '{convention}'"):
            variant(metric, convention)
    with pytest.raises(InputError, match="unknown metric 'auc'"):
        variants("auc")


def test_how_much_of_a_gap_is_the_metric() -> None:
    rng = np.random.default_rng(0)
    items = []
    for i in range(200):
        truth = rng.uniform(0, 100, (68, 2))
        truth[36], truth[45] = (20, 50), (80, 50)
        items.append((str(i), {"points": truth + rng.normal(size=(68, 2)) * rng.gamma(3, 0.8)}, {"points": truth}))
    areas = [score(one, items).value for one in variants("ced-auc")]
    assert 0 < np.ptp(areas) < 0.02
    assert np.ptp([score(one, items).value for one in variants("nme")]) > 1
