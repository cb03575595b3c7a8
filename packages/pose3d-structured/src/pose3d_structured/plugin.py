"""What this package offers to the command line: methods and metrics by name."""

from __future__ import annotations

from core_eval import LazyFactory

METHODS: dict[str, LazyFactory] = {"structured": LazyFactory("pose3d_structured.method:StructuredPose")}
METRICS: dict[str, LazyFactory] = {
    "agreement": LazyFactory("pose3d_structured.metrics:agreement"),
    "mpjpe": LazyFactory("pose3d_structured.metrics:root_relative_error"),
    "p-mpjpe": LazyFactory("pose3d_structured.metrics:reconstruction_error"),
}
