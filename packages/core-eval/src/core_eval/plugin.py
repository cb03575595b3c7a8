"""What this package offers to the command line: metric factories by name."""

from __future__ import annotations

from core_eval.lazy import LazyFactory

METRICS: dict[str, LazyFactory] = {
    "ced-auc": LazyFactory("core_eval.ced:ced_auc"),
    "failure": LazyFactory("core_eval.ced:failure"),
    "nme": LazyFactory("core_eval.nme:nme"),
    "oks": LazyFactory("core_eval.oks:oks_metric"),
    "uv-error": LazyFactory("core_eval.dense:uv_error"),
}
