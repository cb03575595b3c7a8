"""The printed constants of each experiment.

The greek letters are lost in the paper's text; which value belongs to which is presumed from place and size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Task:
    """What the paper prints for an experiment, and what it leaves open.

    Attributes:
        kernel: side of the large convolutions, px.
        layers: number of large convolutions; two of side 1 follow.
        maps: feature maps of each.
        hidden: widths of the fully connected layers before the last.
        dropout: share of the hidden units.
        beta: inverse temperature of the soft-argmax.
        landmark: weight of cost L (lambda).
        transformation: weight of cost T (alpha).
        decay: weight of the squared norm of the parameters (gamma).
        white: value of a white pixel at the input. Not printed: scaling the input scales the maps, hence beta.
        rotation, scale, shift: range of T and of the augmentation: degrees either way, factor, share of the image
            either way.
        classes: keys of the class labels in a sample's target, one branch of the classifier for each.
        side: images are cropped to so many px a side about their box; None keeps them whole.
        margin: side of the crop over the longer side of the box.
        masked: points that are not visible count as not annotated (Sec. 4.3).
        augment: training images are turned, scaled and shifted in the range of T.
        blocked: black rectangles are put on training images.
        everywhere: T is applied to images with landmark annotation too (Sec. 4.5).
    """

    kernel: int
    layers: int
    maps: int
    hidden: tuple[int, ...]
    dropout: float
    beta: float
    landmark: float
    transformation: float
    decay: float
    white: float
    rotation: float
    scale: tuple[float, float]
    shift: float
    classes: tuple[str, ...] = ("label",)
    side: int | None = None
    margin: float = 1.3
    masked: bool = True
    augment: bool = False
    blocked: bool = False
    everywhere: bool = False


_BLOCKS = Task(
    kernel=9,
    layers=6,
    maps=8,
    hidden=(256, 256),
    dropout=0.25,
    beta=0.01,
    landmark=1.0,
    transformation=1.0,
    decay=1e-5,
    white=255.0,
    rotation=180.0,
    scale=(0.8, 1.25),
    shift=0.1,
)
_HANDS = replace(
    _BLOCKS,
    maps=64,
    dropout=0.5,
    beta=0.001,
    landmark=0.3,
    transformation=0.5,
    rotation=20.0,
    scale=(0.9, 1.1),
    side=64,
    augment=True,
)

TASKS = {
    "shapes": replace(_BLOCKS, kernel=7, maps=16, hidden=(40,), dropout=0.0, beta=1.0, decay=0.0, white=1.0),
    "blocks": _BLOCKS,
    "hgr1": _HANDS,
    "multipie": replace(_HANDS, dropout=0.25, transformation=2.0, classes=("emotion", "camera"), masked=False),
    "300w": replace(
        _HANDS,
        layers=8,
        maps=32,
        beta=0.01,
        landmark=2.0,
        transformation=2.0,
        rotation=30.0,
        classes=(),
        side=80,
        masked=False,
        blocked=True,
        everywhere=True,
    ),
}


def task(name: str, network: str = "seq-mt") -> Task:
    """The constants of an experiment for a network. Raises `InputError` for an unknown experiment.

    Recombinator networks have those that Sec. 4.5 prints for RCN+; their pixels from 0 to 1 are ours, as for Shapes.
    """
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}; known: {', '.join(TASKS)}", field="task")
    if not network.startswith("rcn"):
        return TASKS[name]
    return replace(TASKS[name], beta=1.0, landmark=0.5, transformation=1.0, decay=0.0, white=1.0)
