"""The system as a method: train both phases, infer 3D poses under any of the graphs, save, load.

Axis letters: N images, S side of a square image, J joints.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from core_eval import Arrays, InputError, Sample
from core_eval.skeletons import skeleton
from core_train import (
    ArrayBatches,
    Budget,
    chunks,
    cosine,
    fit_module,
    fold_batch_norm,
    load_weights,
    plan_precision,
    predict_batches,
    save_weights,
    seed_torch,
)
from pose3d_structured import budgets
from pose3d_structured.admm import infer
from pose3d_structured.energy import Floats, PoseEnergy
from pose3d_structured.images import PoseAugment, PoseSource, square
from pose3d_structured.joints import bone_lengths, root_of, target_pose
from pose3d_structured.network import STRIDE, PoseMaps, StructuredPoseNet
from pose3d_structured.topology import topologies, topology
from pose3d_structured.training import PoseTraining, calibrate

BATCH = 32
MEASURED = 512
"""Validation samples that the first values of c are measured on."""
SIZES = 500
"""Training samples that the size of a body is estimated from."""


class StructuredPose:
    """Volumetric quantised regression with structured inference (Güler, chapter 3).

    One model holds a network for each graph of Table 3.1: all start from the same one, trained under deep supervision,
    and are then trained alike for a while, each with the structured loss of its graph beside it ("unary": without).

    Args:
        joints: "mpii16", as in the thesis, or "h36m17".
    """

    def __init__(self, *, joints: str = "mpii16") -> None:
        if not topologies(joints):
            raise InputError(f"no graphs for joints {joints!r}; known: mpii16, h36m17", field="joints")
        self.joints = joints
        self._nets: dict[str, StructuredPoseNet] = {}
        self._plan = budgets.plan("smoke")
        self._bones = self._span = 0.0
        self._ready: dict[str, nn.Module] = {}

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train on square images with `points` and `joints_mm` (see `joints.target_pose`); resumes from `workdir`.

        Samples without `joints_mm` train the 2D losses alone. Raises `InputError` for an unknown budget, no samples,
        none in 3D, or a sample that cannot be used, which it names.
        """
        plan = budgets.plan(budget)
        train, valid = train[: plan.images], valid[: min(MEASURED, plan.images or MEASURED)]
        if not len(train):
            raise InputError("no training samples")
        for split in (train, valid):
            prepare = getattr(split, "prepare", None)
            if callable(prepare):  # a rendered split makes all of it at once faster than one by one
                prepare()
        self._measure(train)
        source = PoseSource(train, self.joints, plan.side, STRIDE)
        transform = PoseAugment(self.joints) if plan.augment else None
        seed_torch(seed, "weights")
        net = self._network(plan)
        name = f"pose3d-structured {self.joints} {asdict(plan)}"
        fit_module(
            PoseTraining(net, rate=plan.rate, kernel_rate=plan.kernel_rate),
            ArrayBatches(source, plan.batch, seed, "batches", transform=transform),
            budget=Budget(steps=plan.steps),
            seed=seed,
            workdir=workdir / "network",
            schedule=cosine(),
            averaging=0.99,
            run=name,
            title="network",
        )
        net.float()
        measured = PoseSource(valid, self.joints, plan.side, STRIDE) if len(valid) else source
        workers = plan_precision().threads
        self._nets, self._plan, self._ready = {}, plan, {}
        for graph in topologies(self.joints):
            edges = topology(graph, self.joints)
            own = copy.deepcopy(net)
            calibrate(own, measured, edges)
            fit_module(
                PoseTraining(
                    own.cpu().train(),
                    rate=plan.refine_rate,
                    kernel_rate=None,
                    edges=edges,
                    violations=plan.violations,
                    workers=workers,
                    settled=True,
                ),
                # The same images in the same order for every graph.
                ArrayBatches(source, plan.refine_batch, seed, "refine", transform=transform),
                budget=Budget(steps=plan.refine_steps),
                seed=seed,
                workdir=workdir / graph,
                schedule=cosine(),
                averaging=0.99,
                run=f"{name} {graph}",
                title=graph,
            )
            self._nets[graph] = own.eval()

    def predict(self, inputs: Iterable[Arrays], *, topology: str = "2-hop") -> Iterator[Arrays]:
        """Yield the pose of each square `image` (S, S, 3) uint8, the inference of a chunk spread over all cores.

        `joints_mm` (J, 3) float64: up to a similarity (Sec. 3.3); here relative to the pelvis, and as large as the
        mean training body. `converged` () bool: the stars agreed within 1 mm; always true where inference is exact.
        If not, the pose is the best consistent one that was met. `iterations` () int64: of ADMM, 0 where none was
        needed. `score` and `bound` () float64: of the pose, and of any pose.

        Args:
            topology: the graph, a name of Table 3.1.
        """
        graph = topology
        edges, net = self._edges(graph), self._network_of(graph)
        with ThreadPoolExecutor(plan_precision().threads) as pool:
            for chunk in chunks(inputs, BATCH):
                images = [square(np.asarray(arrays["image"]), self._plan.side, STRIDE) for arrays in chunk]
                sizes = {len(image) for image in images}
                maps = [next(predict_batches(net, [np.stack(images)]))] if len(sizes) == 1 else [
                    next(predict_batches(net, [image[None]])) for image in images
                ]  # fmt: skip
                yield from pool.map(self._infer, [energy for one in maps for energy in one.energies(edges)])

    def maps(self, images: np.ndarray, *, topology: str = "2-hop") -> PoseMaps:
        """What the network of a graph says of images (N, S, S, 3) uint8."""
        ready = np.stack([square(image, self._plan.side, STRIDE) for image in images])
        found: PoseMaps = next(predict_batches(self._network_of(topology), [ready]))
        return found

    def save(self, path: Path) -> None:
        """Write the weights of all networks and the size of a body into the folder `path`."""
        if not self._nets:
            raise InputError("the method is neither fitted nor loaded")
        tensors = {f"{graph}/{name}": t for graph, net in self._nets.items() for name, t in net.state_dict().items()}
        meta = {"joints": self.joints, "plan": asdict(self._plan), "bones": self._bones, "span": self._span}
        save_weights(path, tensors, meta)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else, or for other joints."""
        tensors, meta = load_weights(path)
        try:
            if meta["joints"] != self.joints:
                raise InputError(f"the weights are of {meta['joints']}, not {self.joints}", file=path, field="joints")
            plan, bones, span = budgets.Plan(**meta["plan"]), float(meta["bones"]), float(meta["span"])
            nets = {}
            for graph in topologies(self.joints):
                nets[graph] = self._network(plan)
                own = {name.partition("/")[2]: t for name, t in tensors.items() if name.partition("/")[0] == graph}
                nets[graph].load_state_dict(own)
                nets[graph].eval()
        except (KeyError, TypeError, ValueError, RuntimeError) as reason:
            if isinstance(reason, InputError):
                raise
            raise InputError(f"not weights of this network: {reason}", file=path) from None
        self._nets, self._plan, self._bones, self._span, self._ready = nets, plan, bones, span, {}

    def _network(self, plan: budgets.Plan) -> StructuredPoseNet:
        joints = len(skeleton(self.joints).joints)
        return StructuredPoseNet(joints, plan.depth, trunk=plan.trunk, stride=plan.stride, width=plan.width)

    def _edges(self, graph: str) -> np.ndarray:
        return topology(graph, self.joints)

    def _network_of(self, graph: str) -> nn.Module:
        """The network of a graph, with batch norm folded into its trunk's convolutions."""
        topology(graph, self.joints)
        if not self._nets:
            raise InputError("the method is neither fitted nor loaded")
        if graph not in self._ready:
            net = copy.deepcopy(self._nets[graph])
            net.trunk = fold_batch_norm(net.trunk)
            self._ready[graph] = net.eval()
        return self._ready[graph]

    def _measure(self, train: Sequence[Sample]) -> None:
        """The mean length of all bones together in mm, and how many mm the volume spans."""
        lengths, spans = [], []
        for index in range(min(len(train), SIZES)):
            sample = train[index]
            if "joints_mm" not in sample.target:
                continue
            size = len(np.asarray(sample.inputs["image"]))
            pose = target_pose(sample.target, size, self.joints, sample=sample.id)
            if not np.isfinite(pose).all():
                continue
            # In the true projection's plane the volume is as wide as the crop.
            real = target_pose({"points": sample.target["joints_mm"][:, :2]}, 1, self.joints)[:, :2]
            spans.append(float(np.sqrt(real.var(0).sum() / pose[:, :2].var(0).sum())))
            lengths.append(spans[-1] * bone_lengths(pose, self.joints).sum())
        if not spans:
            raise InputError("no training sample is known in 3D", field="joints_mm")
        self._bones, self._span = float(np.mean(lengths)), float(np.median(spans))

    def _infer(self, energy: PoseEnergy) -> Arrays:
        estimate = infer(energy, tolerance=1.0 / self._span)
        pose: Floats = energy.candidates.at(estimate.pose)
        length = bone_lengths(pose, self.joints).sum()
        scale = self._bones / length if length > 0 else self._span
        return {
            "joints_mm": scale * (pose - pose[root_of(self.joints)]),
            "converged": np.array(estimate.converged),
            "iterations": np.array(len(estimate.trace), np.int64),
            "score": np.array(estimate.score),
            "bound": np.array(estimate.bound),
        }
