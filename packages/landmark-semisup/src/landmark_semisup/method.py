"""The systems of the paper as one method: network, costs and share of annotated images are options.

Axis letters: N images, H rows, W columns, P landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

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
from landmark_semisup import budgets, tasks
from landmark_semisup.arrays import Images, load, load_once
from landmark_semisup.batches import SemiBatches
from landmark_semisup.costs import parse_costs
from landmark_semisup.crops import framed, move
from landmark_semisup.networks import Network, Size
from landmark_semisup.rcn import NETWORKS
from landmark_semisup.subset import annotated_subset
from landmark_semisup.training import CHUNK, SemiTraining, validation

WITH_SOFT_ARGMAX = ("seq-mt", "rcn+")


class SemiSupervised:
    """Landmark localisation with few annotated images (Honari et al. 2018).

    Args:
        network: ``seq-mt``, ``comm-mt``, ``heatmap-mt``, ``rcn`` or ``rcn+``.
        costs: L (landmarks), C (classes) and T (equivariant landmark transformation), joined by +. T uses only images
            without landmark annotation, except on 300W.
        fraction: share of the training images whose landmark annotation is used.
        task: whose printed constants are used: ``blocks``, ``shapes``, ``hgr1``, ``multipie`` or ``300w``.
        classes: which labels cost C uses, by their keys in the target; None: the task's.
        landmarks: how many to find where cost L, and so the annotation, does not say it.
        beta: inverse temperature of the soft-argmax in place of the printed one.

    Raises `InputError` for unknown names, and for costs that the network cannot have.
    """

    def __init__(
        self,
        *,
        network: str = "seq-mt",
        costs: str = "L",
        fraction: float = 1.0,
        task: str = "blocks",
        classes: Sequence[str] | None = None,
        landmarks: int | None = None,
        beta: float | None = None,
    ) -> None:
        if network not in NETWORKS:
            raise InputError(f"unknown network {network!r}; known: {', '.join(NETWORKS)}", field="network")
        self.network, self.costs, self.fraction = network, parse_costs(costs), fraction
        self.task, self._task_name, self._landmarks = tasks.task(task, network), task, landmarks
        if "T" in self.costs and network not in WITH_SOFT_ARGMAX:
            raise InputError(
                f"cost T needs a soft-argmax, so {' or '.join(WITH_SOFT_ARGMAX)} alone, not {network}", field="costs"
            )
        if not 0 <= fraction <= 1:
            raise InputError(f"a fraction lies in [0, 1], got {fraction}", field="fraction")
        if fraction == 0 and self.costs == {"L"}:
            raise InputError("without annotated images, cost L alone teaches nothing", field="fraction")
        if landmarks is not None and ("L" in self.costs or landmarks < 1):
            raise InputError("a number of landmarks, at least 1, is chosen only without cost L", field="landmarks")
        if classes is not None and ("C" not in self.costs or not classes or isinstance(classes, str)):
            raise InputError("classes are a list of keys, at least one, chosen only with cost C", field="classes")
        self._classes = tuple(self.task.classes if classes is None else classes) if "C" in self.costs else ()
        if "C" in self.costs and not self._classes:
            raise InputError(f"the task {task} has no classes for cost C", field="costs")
        if beta is not None:
            if network not in WITH_SOFT_ARGMAX or not 0 < beta < float("inf"):
                raise InputError(
                    f"an inverse temperature is positive and finite, and of {' and '.join(WITH_SOFT_ARGMAX)} alone, "
                    f"got {beta} for {network}",
                    field="beta",
                )
            self.task = replace(self.task, beta=beta)
        self._beta = beta
        self._net: Network | None = None
        self._meta: dict[str, object] = {}

    def fit(
        self,
        train: Sequence[Sample],
        valid: Sequence[Sample],
        *,
        seed: int,
        budget: str,
        workdir: Path,
        repetition: int | None = None,
    ) -> None:
        """Train on images of one size with `points` and, for classes, labels; goes on from a checkpoint in `workdir`.

        Args:
            repetition: number of the run, the same for all systems that are compared: it alone draws the annotated
                images. None: `seed` does.

        Raises `InputError` for an unknown budget, no samples, samples that do not go together, a fraction that leaves a
        class without an annotated image, classes that are missing for cost C, no visible landmark for cost L, or an
        inverse temperature that overflows.
        """
        plan = self._plan(budget)
        if not len(train):
            raise InputError("no training samples")
        images = load_once(train, self.task, self._classes)
        annotated = self._annotated(images, seed if repetition is None else repetition)
        height, width = images.image.shape[1:3]
        points = images.points.shape[1] if self._landmarks is None else self._landmarks
        size = Size(height, width, points, tuple(int(images.labels[key].max()) + 1 for key in self._classes))
        seed_torch(seed, "weights")
        net = NETWORKS[self.network](self.task, plan, size)
        self._check_temperature(net, images)
        validate = None
        if len(valid) and self.costs & {"L", "C"}:  # the size of cost T alone says nothing
            held = load(valid if plan.valid is None else valid[: plan.valid], self.task, self._classes)
            validate = validation(held, "L" in self.costs, self._classes)
        options = f"{self.network} {'+'.join(sorted(self.costs))} {self.fraction} {self._task_name} {size}"
        module = SemiTraining(
            net,
            self.costs,
            validate=validate,
        )
        fit_module(
            module,
            SemiBatches(images, annotated, self.costs, self.task, (plan.batch, plan.others), seed, self._classes),
            budget=Budget(steps=plan.steps),
            seed=seed,
            workdir=workdir,
            schedule=cosine() if plan.schedule == "cosine" else constant(),
            run=f"semisup {options} {self._classes} {self.task.beta} {repetition} {asdict(plan)}",
            title=f"{self.network} {'+'.join(sorted(self.costs))} {100 * self.fraction:g} %",
        )
        self._net = module.best
        self._meta = {
            "network": self.network,
            "task": self._task_name,
            "classes": list(self._classes),
            "beta": self.task.beta,
            "plan": budget,
            "size": asdict(size),
        }

    def predict(self, inputs: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield `points` (P, 2) px and, with classes, the label () int64 of each kind.

        Raises `InputError` for an image of another size than the training images.
        """
        net = self._ready()
        for chunk in chunks(inputs, CHUNK):
            images, matrices = zip(*(framed(arrays, self.task) for arrays in chunk), strict=True)
            for image in images:
                if image.shape[:2] != (net.size.height, net.size.width):
                    raise InputError(
                        f"the network was trained on images of {net.size.width}x{net.size.height} px, "
                        f"not {image.shape[1]}x{image.shape[0]}",
                        field="image",
                    )
            answer = next(predict_batches(net, [np.stack(images)]))
            points = answer.points.double().cpu().numpy()
            labels = [logits.float().argmax(1).cpu().numpy() for logits in answer.logits]
            for row, (place, matrix) in enumerate(zip(points, matrices, strict=True)):
                inverse = np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]
                found = {key: np.array(label[row]) for key, label in zip(self._classes, labels, strict=True)}
                yield {"points": move(place, inverse), **found}

    def maps(self, inputs: Iterable[Arrays]) -> Iterator[np.ndarray]:
        """Yield the maps (P, H, W) float32 before the softmax, of images as `predict` takes them.

        Raises `InputError` for a network without maps.
        """
        net = self._ready()
        for arrays in inputs:
            answer = next(predict_batches(net, [framed(arrays, self.task)[0][None]]))
            if answer.maps is None:
                raise InputError(f"{self.network} has no maps", field="network")
            yield answer.maps.pixels()[0].float().cpu().numpy()

    def save(self, path: Path) -> None:
        """Write the weights into the folder `path`."""
        save_weights(path, self._ready(), self._meta)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else, or for another network, task or classes."""
        tensors, meta = load_weights(path)
        mine = {"network": self.network, "task": self._task_name, "classes": [*self._classes], "beta": self.task.beta}
        try:
            for name, value in mine.items():
                if meta[name] != value:
                    raise InputError(f"the weights are of {name} {meta[name]!r}, not {value!r}", file=path, field=name)
            size = Size(**{**meta["size"], "classes": tuple(meta["size"]["classes"])})
            net = NETWORKS[self.network](self.task, self._plan(meta["plan"]), size)
            net.load_state_dict(tensors)
        except (KeyError, TypeError, RuntimeError) as reason:
            raise InputError(f"not weights of this network: {reason}", file=path) from None
        self._net, self._meta = net.eval(), meta

    def _plan(self, budget: str) -> budgets.Plan:
        plan = budgets.plan(budget, self._task_name)
        return plan if self._beta is None else replace(plan, beta=None)  # what the user chose goes before the plan's

    def _annotated(self, images: Images, draw: int) -> np.ndarray:
        """(N,) bool: whose landmarks are used. Raises `InputError` where the costs have nothing to learn from."""
        for key in self._classes:
            if key not in images.labels:
                raise InputError("cost C needs the class of every training image", field=key)
        count = len(images.image)
        if "L" not in self.costs:
            return np.zeros(count, np.bool_)
        # Balanced over the task's classes, whichever of them cost C uses: all systems have the same subset.
        known = [images.labels[key] for key in self.task.classes if key in images.labels]
        annotated = annotated_subset(np.stack(known, 1) if known else np.zeros(count, np.int64), self.fraction, draw)
        if self.fraction and not images.known[annotated].any():
            raise InputError("no landmark of the annotated images is visible", field="visible")
        return annotated

    def _check_temperature(self, net: Network, images: Images) -> None:
        """Raise `InputError` if maps times beta are not finite before anything is learnt: then nothing ever is."""
        with torch.no_grad():
            places = net.eval()(torch.from_numpy(images.image[:1])).points
        net.train()
        if not torch.isfinite(places).all():
            raise InputError(f"the maps overflow at the inverse temperature {net.beta}", field="beta")

    def _ready(self) -> Network:
        if self._net is None:
            raise InputError("the method is neither fitted nor loaded")
        return self._net
