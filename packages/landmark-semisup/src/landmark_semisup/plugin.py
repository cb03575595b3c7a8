"""What this package offers to the command line: methods and metrics by name."""

from __future__ import annotations

from core_eval import LazyFactory

METHODS: dict[str, LazyFactory] = {"semi-supervised": LazyFactory("landmark_semisup.method:SemiSupervised")}
METRICS: dict[str, LazyFactory] = {"shape-consistency": LazyFactory("landmark_semisup.consistency:shape_consistency")}
