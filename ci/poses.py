"""Draw poses of a trained model: ``python ci/poses.py MODEL_FOLDER leaderboards/h36m``.

MODEL_FOLDER is ``models/<key>/method`` below the cache that `bench data where` names. Of the first 150 frames of the
stand-in's test split, those are drawn that gain most and least by structured inference, and the median.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_synth.bodies.dataset import stand_in_h36m
from pose3d_structured.figures import cases, poses, residual_field, write
from pose3d_structured.method import StructuredPose


def main(model: Path, out: Path) -> None:
    """Write ``poses.png`` and ``residuals.png``."""
    method = StructuredPose()
    method.load(model)
    found = cases(method, stand_in_h36m().split("test")[:150])
    write(poses(found), out / "poses.png")
    write(residual_field(method, found[1].sample), out / "residuals.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
