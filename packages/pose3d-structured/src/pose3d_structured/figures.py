"""Pictures of poses and of what the network says: figures 3.1 and 3.2 of the thesis.

Axis letters: S side of a square image, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from core_eval import Sample
from core_eval.skeletons import skeleton
from pose3d_structured.joints import MPII, Floats, bones_of, h36m_to_mpii, root_of
from pose3d_structured.method import StructuredPose
from pose3d_structured.metrics import reconstruction_error

TRUTH, UNARY, STRUCTURED = "#2b6cb0", "#c53030", "#2f855a"
"""The colours of Fig. 3.2."""
PELVIS = root_of(MPII)
VIEWS = {"front": (0, 1), "side": (2, 1), "top": (0, 2)}
"""Which axes of (x right, y down, z away from the camera) a view shows."""


@dataclass(frozen=True, slots=True)
class Case:
    """One frame: the true pose and two predictions aligned to it, (J, 3) in mm, and their errors in mm."""

    title: str
    sample: Sample
    truth: Floats
    unary: Floats
    structured: Floats
    errors: tuple[float, float]

    @property
    def gain(self) -> float:
        """How much better the structured pose is, in mm."""
        return self.errors[0] - self.errors[1]


def cases(method: StructuredPose, samples: Sequence[Sample], *, topology: str = "2-hop") -> list[Case]:
    """The frames of the largest, of the median and of the smallest gain of `topology` over "unary".

    Raises `InputError` for samples without poses in 3D, or a method that is not trained on the joints of "mpii16".
    """
    metric = reconstruction_error()
    found = []
    for sample, one, two in zip(
        samples,
        method.predict((sample.inputs for sample in samples), topology="unary"),
        method.predict((sample.inputs for sample in samples), topology=topology),
        strict=True,
    ):
        errors = (float(metric.per_sample(one, sample.target)), float(metric.per_sample(two, sample.target)))
        truth = _sixteen(sample.target["joints_mm"])
        first, second = (aligned(_sixteen(pose["joints_mm"]), truth) - truth[PELVIS] for pose in (one, two))
        found.append(Case("", sample, truth - truth[PELVIS], first, second, errors))
    found.sort(key=lambda case: -case.gain)
    picked = {"largest gain": found[0], "median": found[len(found) // 2], "largest loss": found[-1]}
    return [Case(title, c.sample, c.truth, c.unary, c.structured, c.errors) for title, c in picked.items()]


def poses(found: Sequence[Case]) -> Figure:
    """A row for each case: the image, and the truth, "unary" and the structured pose from three sides (Fig. 3.2)."""
    figure = Figure(figsize=(8.6, 2.35 * len(found) + 0.3), layout="constrained", dpi=110)
    grid = figure.subplots(len(found), 4, squeeze=False)
    for row, case in zip(grid, found, strict=True):
        row[0].imshow(case.sample.inputs["image"])
        row[0].set_title(f"{case.title}: {case.sample.id}", fontsize=7)
        row[0].axis("off")
        reach = 1.1 * max(np.abs(pose).max() for pose in (case.truth, case.unary, case.structured))
        for axes, (name, (right, down)) in zip(row[1:], VIEWS.items(), strict=True):
            for pose, colour, width in (
                (case.truth, TRUTH, 2.4),
                (case.unary, UNARY, 1.2),
                (case.structured, STRUCTURED, 1.2),
            ):
                for bone in bones_of(MPII):
                    axes.plot(pose[bone, right], pose[bone, down], color=colour, lw=width, solid_capstyle="round")
            axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal", xticks=[], yticks=[])
            axes.set_title(name, fontsize=7)
        row[1].set_xlabel(f"unary {case.errors[0]:.0f} mm, structured {case.errors[1]:.0f} mm", fontsize=7)
    names = {"truth": TRUTH, "unary": UNARY, "structured": STRUCTURED}
    handles = [figure.axes[1].plot([], [], color=colour, label=name)[0] for name, colour in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def residual_field(method: StructuredPose, sample: Sample, *, joint: str = "r_wrist") -> Figure:
    """Scores of one joint in the depths around its best voxel, and the candidates that residuals make (Fig. 3.1)."""
    index = skeleton(method.joints).joints.index(joint)
    image = np.asarray(sample.inputs["image"])
    maps = method.maps(image[None], topology="unary")
    scores = maps.unary[0, index].float().sigmoid().cpu().numpy()
    places = maps.positions[0, index].float().cpu().numpy()
    best = int(scores.max((1, 2)).argmax())
    slices = [k for k in (best - 1, best, best + 1) if 0 <= k < len(scores)]
    figure = Figure(figsize=(2.5 * len(slices), 2.9), layout="constrained", dpi=110)
    for axes, k in zip(figure.subplots(1, len(slices), squeeze=False)[0], slices, strict=True):
        _slice(axes, image, scores[k], places[:2, k])
        axes.set_title(f"depth {k + 1} of {len(scores)}", fontsize=8)
    figure.suptitle(f"{joint}: probability of each voxel, and its candidate", fontsize=8)
    return figure


def _slice(axes: Axes, image: np.ndarray, scores: np.ndarray, places: np.ndarray) -> None:
    rows, columns = scores.shape
    axes.imshow(image, extent=(0, 1, 1, 0), alpha=0.6)
    axes.imshow(scores, extent=(0, 1, 1, 0), cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    seen = scores > 0.05
    axes.quiver(
        *(a[seen] for a in (x, y, places[0] - x, places[1] - y)),
        **{"angles": "xy", "scale_units": "xy", "scale": 1, "color": "white", "width": 0.008},
    )
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], aspect="equal")


def aligned(pose: Floats, truth: Floats) -> Floats:
    """The pose (J, 3) after the similarity, without reflection, that brings it nearest to the truth (J, 3)."""
    centred, goal = pose - pose.mean(0), truth - truth.mean(0)
    rotation, _ = Rotation.align_vectors(goal, centred)
    turned = rotation.apply(centred)
    return np.asarray((turned * goal).sum() / (turned**2).sum() * turned + truth.mean(0))


def write(figure: Figure, path: Path) -> None:
    """As PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        figure.savefig(partial, format="png")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _sixteen(joints: np.ndarray) -> Floats:
    points = np.asarray(joints, np.float64)
    return h36m_to_mpii(points) if len(points) == 17 else points
