"""What this package offers to the command line: metric factories by name."""

from __future__ import annotations

from core_eval.lazy import LazyFactory

METRICS: dict[str, LazyFactory] = {
    "ced-auc": LazyFactory("core_eval.ced:ced_auc"),
    "failure": LazyFactory("core_eval.ced:failure"),
    "gps": LazyFactory("core_eval.gps:gps_metric"),
    "gpsm": LazyFactory("core_eval.gps:gpsm_metric"),
    "nme": LazyFactory("core_eval.nme:nme"),
    "oks": LazyFactory("core_eval.oks:oks_metric"),
    "rcp": LazyFactory("core_eval.rcp:rcp"),
    "rcp-auc": LazyFactory("core_eval.rcp:rcp_auc"),
    "uv-error": LazyFactory("core_eval.dense:uv_error"),
}
