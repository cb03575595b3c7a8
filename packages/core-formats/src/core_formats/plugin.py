"""What this package offers to the command line: format factories by name, in the order in which they are listed."""

from __future__ import annotations

from core_eval import LazyFactory

FORMATS: dict[str, LazyFactory] = {
    "npz": LazyFactory("core_formats.npz:Npz"),
    "json": LazyFactory("core_formats.json_format:Json"),
    "csv": LazyFactory("core_formats.landmark_csv:LandmarkCsv"),
    "pts": LazyFactory("core_formats.pts_folder:PtsFolder"),
    "ljson": LazyFactory("core_formats.ljson:Ljson"),
    "coco-keypoints": LazyFactory("core_formats.coco:CocoKeypoints"),
    "densepose": LazyFactory("core_formats.densepose:DensePose"),
    "mpii": LazyFactory("core_formats.mpii:Mpii"),
    "lsp": LazyFactory("core_formats.lsp:Lsp"),
    "videopose3d": LazyFactory("core_formats.videopose3d:VideoPose3d"),
}
