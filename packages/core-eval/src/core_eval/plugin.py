"""What this package offers to the command line: metric factories by name."""

from __future__ import annotations

from core_eval.lazy import LazyFactory

METRICS: dict[str, LazyFactory] = {
    "accuracy": LazyFactory("core_eval.accuracy:accuracy"),
    "ced-auc": LazyFactory("core_eval.ced:ced_auc"),
    "detection-score": LazyFactory("core_eval.inception:detection_score"),
    "failure": LazyFactory("core_eval.ced:failure"),
    "gps": LazyFactory("core_eval.gps:gps_metric"),
    "gpsm": LazyFactory("core_eval.gps:gpsm_metric"),
    "inception-score": LazyFactory("core_eval.inception:inception_score"),
    "iou": LazyFactory("core_eval.iou:class_iou"),
    "mean-iou": LazyFactory("core_eval.iou:mean_iou"),
    "mpjpe": LazyFactory("core_eval.mpjpe:mpjpe"),
    "ms-ssim": LazyFactory("core_eval.image_similarity:ms_ssim"),
    "n-mpjpe": LazyFactory("core_eval.mpjpe:n_mpjpe"),
    "nme": LazyFactory("core_eval.nme:nme"),
    "oks": LazyFactory("core_eval.oks:oks_metric"),
    "p-mpjpe": LazyFactory("core_eval.mpjpe:p_mpjpe"),
    "pck": LazyFactory("core_eval.pck:pck"),
    "pck-auc": LazyFactory("core_eval.pck:pck_auc"),
    "pckh": LazyFactory("core_eval.pck:pckh"),
    "pckh-auc": LazyFactory("core_eval.pck:pckh_auc"),
    "point-error": LazyFactory("core_eval.nme:point_error"),
    "rcp": LazyFactory("core_eval.rcp:rcp"),
    "rcp-auc": LazyFactory("core_eval.rcp:rcp_auc"),
    "ssim": LazyFactory("core_eval.image_similarity:ssim"),
    "uv-auc": LazyFactory("core_eval.dense:uv_auc"),
    "uv-error": LazyFactory("core_eval.dense:uv_error"),
}
