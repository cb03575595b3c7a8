"""The systems of the paper as one method: network, costs and share of annotated images are options.

Axis letters: N images, H rows, W columns, P landmarks, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core_eval import Arrays, InputError, Sample
from core_train import (
    Budget,
    chunks,
    constant,
    cosine,
    fit_module,
    load_weights,
    predict_batches,
    save_weights,
    seed_torch,
)
from landmark_semisup import budgets
from landmark_semisup.arrays import Images, grey, load
from landmark_semisup.costs import parse_costs
from landmark_semisup.networks import NETWORKS, Network, Size
from landmark_semisup.subset import annotated_subset
from landmark_semisup.training import CHUNK, SemiBatches, SemiTraining, validation


class SemiSupervised:
    """Landmark localisation with few annotated images (Honari et al. 2018).

    Args:
        network: ``seq-mt``, ``comm-mt`` or ``heatmap-mt``.
        costs: L (landmarks), C (classes) and T (equivariant landmark transformation), joined by +. T uses only images
            without landmark annotation, as in the paper's Blocks, hands and Multi-PIE experiments.
        fraction: share of the training images whose landmark annotation is used.
        task: whose printed constants are used, ``blocks`` or ``shapes``.
        landmarks: how many to find where cost L, and so the annotation, does not say it.

    Raises `InputError` for unknown names, and for costs that the network cannot have.
    """

    def __init__(
        self,
        *,
        network: str = "seq-mt",
        costs: str = "L",
        fraction: float = 1.0,
        task: str = "blocks",
        landmarks: int | None = None,
    ) -> None:
        if network not in NETWORKS:
            raise InputError(f"unknown network {network!r}; known: {', '.join(NETWORKS)}", field="network")
        self.network, self.costs, self.fraction = network, parse_costs(costs), fraction
        self.task, self._task_name, self._landmarks = budgets.task(task), task, landmarks
        if "T" in self.costs and network != "seq-mt":
            raise InputError(f"the paper has cost T for seq-mt alone, not for {network}", field="costs")
        if not 0 <= fraction <= 1:
            raise InputError(f"a fraction lies in [0, 1], got {fraction}", field="fraction")
        if fraction == 0 and self.costs == {"L"}:
            raise InputError("without annotated images, cost L alone teaches nothing", field="fraction")
        if landmarks is not None and ("L" in self.costs or landmarks < 1):
            raise InputError("a number of landmarks, at least 1, is chosen only without cost L", field="landmarks")
        self._net: Network | None = None
        self._meta: dict[str, object] = {}

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train on images of one size with `points` and, for classes, `label`; goes on from a checkpoint in `workdir`.

        Raises `InputError` for an unknown budget, no samples, samples that do not go together, a fraction that leaves a
        class without an annotated image, classes that are missing for cost C, or no visible landmark for cost L.
        """
        plan = budgets.plan(budget)
        if not len(train):
            raise InputError("no training samples")
        images = load(train)
        annotated = self._annotated(images, seed)
        height, width = images.image.shape[1:3]
        points = images.points.shape[1] if self._landmarks is None else self._landmarks
        classes = 0 if "C" not in self.costs or images.label is None else int(images.label.max()) + 1
        size = Size(height, width, points, classes)
        seed_torch(seed, "weights")
        net = NETWORKS[self.network](self.task, plan, size)
        validate = None
        if len(valid):
            held = load(valid if plan.valid is None else valid[: plan.valid])
            validate = validation(held, landmarks="L" in self.costs)
        options = f"{self.network} {'+'.join(sorted(self.costs))} {self.fraction} {self._task_name} {size}"
        module = SemiTraining(
            net,
            self.costs,
            rate=plan.rate,
            validate=validate,
            check=plan.check,
            patience=plan.patience,
            steps=plan.steps,
        )
        fit_module(
            module,
            SemiBatches(images, annotated, self.costs, self.task, plan.batch, seed),
            budget=Budget(steps=plan.steps),
            seed=seed,
            workdir=workdir,
            schedule=cosine() if plan.schedule == "cosine" else constant(),
            run=f"semisup {options} {asdict(plan)}",
            title=f"{self.network} {'+'.join(sorted(self.costs))} {100 * self.fraction:g} %",
        )
        self._net = module.best
        self._meta = {"network": self.network, "task": self._task_name, "plan": budget, "size": asdict(size)}

    def predict(self, inputs: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield `points` (P, 2) px and, with classes, `label` () int64.

        Raises `InputError` for an image of another size than the training images.
        """
        net = self._ready()
        for chunk in chunks(inputs, CHUNK):
            images = [grey(arrays["image"]) for arrays in chunk]
            for image in images:
                if image.shape[:2] != (net.size.height, net.size.width):
                    raise InputError(
                        f"the network was trained on images of {net.size.width}x{net.size.height} px, "
                        f"not {image.shape[1]}x{image.shape[0]}",
                        field="image",
                    )
            answer = next(predict_batches(net, [np.stack(images)]))
            points = answer.points.double().cpu().numpy()
            labels = None if answer.logits is None else answer.logits.float().argmax(1).cpu().numpy()
            for row, place in enumerate(points):
                yield {"points": place} if labels is None else {"points": place, "label": np.array(labels[row])}

    def save(self, path: Path) -> None:
        """Write the weights into the folder `path`."""
        save_weights(path, self._ready(), self._meta)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else, or for another network or task."""
        tensors, meta = load_weights(path)
        try:
            for name, mine in (("network", self.network), ("task", self._task_name)):
                if meta[name] != mine:
                    raise InputError(f"the weights are of {name} {meta[name]!r}, not {mine!r}", file=path, field=name)
            net = NETWORKS[self.network](self.task, budgets.plan(meta["plan"]), Size(**meta["size"]))
            net.load_state_dict(tensors)
        except (KeyError, TypeError, RuntimeError) as reason:
            raise InputError(f"not weights of this network: {reason}", file=path) from None
        self._net, self._meta = net.eval(), meta

    def _annotated(self, images: Images, seed: int) -> np.ndarray:
        """(N,) bool: whose landmarks are used. Raises `InputError` where the costs have nothing to learn from."""
        if "C" in self.costs and images.label is None:
            raise InputError("cost C needs the class of every training image", field="label")
        label = np.zeros(len(images.image), np.int64) if images.label is None else images.label
        if "L" not in self.costs:
            return np.zeros(len(label), np.bool_)
        annotated = annotated_subset(label, self.fraction, seed)
        if self.fraction and not images.visible[annotated].any():
            raise InputError("no landmark of the annotated images is visible", field="visible")
        return annotated

    def _ready(self) -> Network:
        if self._net is None:
            raise InputError("the method is neither fitted nor loaded")
        return self._net
