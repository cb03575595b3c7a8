"""Make the weights that face-densereg ships from a trained model.

``python ci/ship_weights.py MODEL_FOLDER --budget quick --seed 0 --source "commit 0123abc"``

MODEL_FOLDER holds what `DenseReg.save` wrote: ``models/<key>/method`` below the cache that `bench data where` names.
Its accuracy is measured on the stand-in's test split. What `bench demo face --retrain` made has mask and card already:
its folder is copied as it is.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from data_synth.depth_faces import StandInDepth
from data_synth.faces.dataset import StandIn300W
from data_synth.helen import StandInHelen
from face_densereg.depth import DenseRegDepth
from face_densereg.weights import CARD, QUICK, open_weights
from face_densereg.weights.train import finish


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=QUICK)
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--source", default="", help="commit or hashes of the source that trained it")
    asked = parser.parse_args()
    opened = open_weights(asked.model)
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    if (asked.model / CARD).is_file():
        for file in sorted(asked.model.iterdir()):
            shutil.copyfile(file, asked.out / file.name)
        return
    opened.method.save(asked.out)
    faces = StandInDepth() if isinstance(opened.method, DenseRegDepth) else StandIn300W()
    training = {"budget": asked.budget, "seed": asked.seed, "source": asked.source}
    finish(opened.method, {"faces": faces, "parts": StandInHelen()}, asked.out, training=training, say=print)


if __name__ == "__main__":
    main()
