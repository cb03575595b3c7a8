"""The words of the project: what a sample, a dataset, a method, a metric and a score are.

Axis letters: N samples, H rows and W columns of an image, P points, J joints.

Conventions for the arrays that travel between the layers (all keys optional, one meaning each):

===========  =================  ============================================================================
key          shape, dtype       meaning
===========  =================  ============================================================================
image        (H, W, 3) uint8    RGB
points       (P, 2) float64     px, order (x, y), 0-based pixel centres: the top-left pixel's centre is (0, 0)
visible      (P,) bool          the point is not self-occluded
box          (4,) float64       px, (x1, y1, x2, y2): the box that comes with the annotation
head_box     (4,) float64       px, (x1, y1, x2, y2): the head rectangle of MPII
joints_mm    (J, 3) float64     mm, in the camera's frame
uv           (H, W, 2) float32  template coordinates (u_h, u_v) in [0, 1]; NaN where there is no template
part         (H, W) uint8       part label, 0 = background
landmark_uv  (P, 2) float64     where the landmarks lie on the template, (u_h, u_v)
label        () integer         class of the sample
===========  =================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, np.ndarray]
"""Named arrays, with the conventions of the module's table."""

Kind = Literal["real", "stand-in"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One test or training unit.

    A method sees only `inputs`; normalisers are functions of `target` alone. `group` names the unit that is resampled
    as a whole in a bootstrap (identity, video, subject): samples of one group are not independent.
    """

    id: str
    inputs: Arrays
    target: Arrays
    group: str


@runtime_checkable
class Dataset(Protocol):
    """Named splits of samples, indexed lazily: a split is never held in memory as a whole."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    def split(self, name: str) -> Sequence[Sample]:
        """The samples of a split. Raises `InputError` for an unknown split."""
        ...

    def fingerprint(self, name: str) -> str:
        """A short hash that changes whenever any sample of the split would; cheap, reads no pixels."""
        ...


@runtime_checkable
class Method(Protocol):
    """A trainable predictor. Structural: a package implements it without inheriting from anything."""

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train. If `workdir` holds the checkpoint of a killed run, go on from there."""
        ...

    def predict(self, inputs: Iterable[Arrays]) -> Iterator[Arrays]:
        """Predict a stream of inputs, in order; batching is the method's business."""
        ...

    def save(self, path: Path) -> None:
        """Write the trained state as a folder at `path` (safetensors and JSON; never pickle)."""
        ...

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else."""
        ...


@dataclass(frozen=True, slots=True)
class Metric:
    """How predictions become a number.

    Attributes:
        name: as written in tables, for example ``ced-auc@0.10``.
        unit: ``fraction``, ``percent``, ``px``, ``mm`` ...
        better: which direction is better.
        signature: every choice that changes the number; numbers of different signatures are never ranked together.
        needs: keys of the prediction arrays that are read.
        per_sample: (prediction, target) -> what one sample contributes, a float or a fixed-shape array. May raise
            `UnscorableError`, which counts the sample as a failure and reports its id.
        failed: what a failed sample contributes (for example an infinite error).
        reduce: (N, ...) contributions -> the number.
        external: what must have produced the arrays in `needs`, for a metric that no computation of ours can replace
            (a named network with its published weights); without them the cell is "not measurable".
        terms: (N, ...) contributions -> (N, 2) numerators and denominators, for a metric whose `reduce` is the ratio of
            their sums (a mean is one: denominators 1). It makes the bootstrap a matrix product.
    """

    name: str
    unit: str
    better: Better
    signature: str
    needs: tuple[str, ...]
    per_sample: Callable[[Arrays, Arrays], float | NDArray[np.float64]]
    failed: float | NDArray[np.float64]
    reduce: Callable[[NDArray[np.float64]], float]
    terms: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    external: str = ""


class UnscorableError(ValueError):
    """A sample whose ground truth or prediction allows no finite error, for example a zero normaliser.

    `contribution` is what the failure contributes to the metric where that depends on the sample (as many misses as it
    has annotated joints); None stands for `Metric.failed`.
    """

    def __init__(self, reason: str, contribution: float | NDArray[np.float64] | None = None) -> None:
        super().__init__(reason)
        self.contribution = contribution


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value over a set of samples.

    `per_sample` is (N, ...) in the order of `ids`; `failures` maps sample ids to the reason why they count as failed.
    """

    value: float
    n: int
    ids: tuple[str, ...]
    per_sample: NDArray[np.float64]
    failures: Mapping[str, str] = field(default_factory=dict)
