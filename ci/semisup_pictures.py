"""Draw figures 4 and 7 of the semi-supervised landmark paper from models in the cache, as `bench reproduce` left them.

``python ci/semisup_pictures.py shapes OUT.png`` draws the maps of the model that saw class labels only, and prints
which shape each landmark follows and in what share of the test images. ``blocks`` draws what the four Seq-MT systems
find with 5 % of the labels. The pictures are the first of the test split, not chosen by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from bench import jobs, registry, workspace
from bench.cache import Cache, default_root
from bench.plan import budget_of, plan
from core_eval import Arrays, InputError, Sample
from landmark_semisup.consistency import followed, nearest
from landmark_semisup.figures import landmarks_figure, shapes_figure
from landmark_semisup.method import SemiSupervised

COUNT = 8
SHAPES = ("triangle", "square")
BLOCKS = ("Seq-MT (L)", "Seq-MT (L+C)", "Seq-MT (L+T)", "Seq-MT (L+T+C)")


def trained(table: str, row: str, column: str, budget: str) -> tuple[SemiSupervised, list[Sample]]:
    """The first run's model of a row in a column, and the test samples. Raises `InputError` if it is not there."""
    catalogue = workspace.find().catalogue
    spec = catalogue.table(table)
    benchmark = catalogue.benchmark(spec.protocol)
    runs = plan(spec, benchmark, data="stand-in", budget=budget_of(budget), seeds=1, rows=[row])
    place = jobs.Place(default_root(), None, False, "", False)
    job = next(job for job in jobs.jobs(runs, spec, benchmark, place) if column in job.run.columns)
    folder = Cache(place.cache).model(jobs.keys_of(job)) / "method"
    if not folder.is_dir():
        raise InputError(f"{row!r} of {table} has not been trained at the budget {budget}", file=folder)
    method: SemiSupervised = registry.make("method", job.run.method, job.run.options)
    method.load(folder)
    return method, list(jobs.data_of(job)[1].split(job.run.split))


def shapes(budget: str) -> np.ndarray:
    """Figure 4."""
    method, samples = trained("shapes", "Seq-MT (C only)", "accuracy", budget)
    found: list[Arrays] = list(method.predict(sample.inputs for sample in samples))
    near = np.stack([nearest(one, sample.target) for one, sample in zip(found, samples, strict=True)])
    for landmark, (thing, share) in enumerate(zip(*followed(near), strict=True), 1):
        print(f"landmark {landmark} follows the {SHAPES[thing]} in {share:.1f} % of {len(samples)} test images")
    first = samples[:COUNT]
    maps = method.maps(sample.inputs for sample in first)
    return shapes_figure(
        [(one.inputs, one.target, guess, own) for one, guess, own in zip(first, found[:COUNT], maps, strict=True)]
    )


def blocks(budget: str) -> np.ndarray:
    """Figure 7."""
    systems, first = [], []
    for row in BLOCKS:
        method, samples = trained("blocks", row, "p5", budget)
        first = samples[:COUNT]
        systems.append((row.removeprefix("Seq-MT "), list(method.predict(sample.inputs for sample in first))))
    return landmarks_figure([(one.inputs, one.target) for one in first], systems)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("shapes", "blocks"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--budget", default="quick")
    given = parser.parse_args()
    picture = {"shapes": shapes, "blocks": blocks}[given.what](given.budget)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(given.out), picture[..., ::-1])


if __name__ == "__main__":
    main()
