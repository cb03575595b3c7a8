"""Draw the README's picture from a trained model: ``python ci/picture.py MODEL_FOLDER leaderboards/300w/faces.png``.

MODEL_FOLDER is ``models/<key>/method`` below the cache that `bench data where` names. The faces are the first of the
stand-in's test split, not chosen by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from data_synth.faces.dataset import StandIn300W
from face_densereg.gallery import figure
from face_densereg.method import DenseReg


def main(model: Path, out: Path) -> None:
    """Write the picture."""
    method = DenseReg(bins=10)
    method.load(model)
    samples = StandIn300W().split("test")[:8]
    predictions = method.predict(sample.inputs for sample in samples)
    items = [(s.inputs, s.target, p) for s, p in zip(samples, predictions, strict=True)]
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), figure(items, side=160, columns=2)[..., ::-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
