"""What this package offers to the command line: metric factories by name."""

from __future__ import annotations

from collections.abc import Callable

from core_eval.ced import ced_auc, failure
from core_eval.contracts import Metric
from core_eval.dense import uv_error
from core_eval.nme import nme

METRICS: dict[str, Callable[..., Metric]] = {
    "ced-auc": ced_auc,
    "failure": failure,
    "nme": nme,
    "uv-error": uv_error,
}
