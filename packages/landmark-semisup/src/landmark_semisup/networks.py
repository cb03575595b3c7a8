"""The three networks of the paper's comparison: Seq-MT (Fig. 1), Comm-MT (Fig. 6), Heatmap-MT (Fig. 8).

Axis letters: N images, P landmarks, C classes, H rows, W columns. A classifier has a branch for each kind of class
(Sec. 4.4: emotion and camera).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_eval import InputError
from landmark_semisup.budgets import Plan
from landmark_semisup.costs import soft_argmax
from landmark_semisup.maps import Maps
from landmark_semisup.tasks import Task


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network says of images: `points` (N, P, 2) px float32; `logits` (N, C) of each branch, none without
    classes; `maps` before any softmax, None for Comm-MT."""

    points: Tensor
    logits: tuple[Tensor, ...]
    maps: Maps | None


@dataclass(frozen=True, slots=True)
class Size:
    """Of images and answers: `height` H and `width` W in px, `points` P, `classes` C of each branch."""

    height: int
    width: int
    points: int
    classes: tuple[int, ...]


class Network(nn.Module):
    """What the three share: input scale, folding, resolution-preserving convolutions.

    `localiser` holds all convolutions on the way to the landmarks. `phases`: its maps follow the image pixel by pixel
    if nothing is folded. `pointwise`: its last convolution.
    """

    localiser: nn.Module
    phases: ClassVar[bool] = True
    pointwise: ClassVar[type[nn.Conv2d]] = nn.Conv2d

    def __init__(self, task: Task, plan: Plan, size: Size) -> None:
        super().__init__()
        if size.height % plan.fold or size.width % plan.fold:
            raise InputError(
                f"the network keeps images whose sides are multiples of {plan.fold} px, not {size.width}x{size.height}",
                field="image",
            )
        self.task, self.plan, self.fold, self.size = task, plan, plan.fold, size
        self.kernel, self.maps = plan.kernel or task.kernel, plan.maps or task.maps
        self.beta = task.beta if plan.beta is None else plan.beta

    def pixels(self, images: Tensor) -> Tensor:
        """(N, H, W, 1) uint8 grey -> (N, fold^2, H / fold, W / fold) float32 in [0, white]."""
        scaled = images.permute(0, 3, 1, 2).float() * (self.task.white / 255)
        return F.pixel_unshuffle(scaled, self.fold)

    def localise(self, images: Tensor, white: float) -> Maps:
        """(N, H, W, 1) uint8 grey -> the localiser's maps of pixels in [0, white].

        The paper's convolutions follow an image that moves by a pixel. Folded ones do so for whole squares only, and
        learn the rest from squares that begin at another pixel in every step of the training.
        """
        size, origin = (self.size.height, self.size.width), (0, 0)
        if self.training and self.phases and self.fold > 1:
            left, top = origin = tuple(torch.randint(self.fold, (2,)).tolist())
            images = F.pad(images, (0, 0, left, self.fold - left, top, self.fold - top))
        folded = self.localiser(self.pixels(images) * (white / self.task.white))
        return Maps(folded, self.fold, size, origin)

    def convolutions(self, layers: int) -> list[nn.Module]:
        """`layers` convolutions of the large kernel, each with ReLU."""
        modules: list[nn.Module] = []
        for channels in [self.fold**2] + [self.maps] * (layers - 1):
            modules += convolution(channels, self.maps, self.kernel, self.plan)
        return modules

    def landmark_maps(self) -> nn.Sequential:
        """The localiser up to its folded maps: large convolutions, then two of side 1, the last without ReLU."""
        return nn.Sequential(
            *self.convolutions(self.task.layers),
            nn.Conv2d(self.maps, self.maps, 1),
            nn.ReLU(),
            self.pointwise(self.maps, self.size.points * self.fold**2, 1),
        )

    def start(self) -> None:
        """He's initial weights, no biases: the paper prints none."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class Pointwise(nn.Conv2d):
    """A convolution of side 1 as a product of matrices, whose answer lies map by map in memory.

    Convolutions here answer pixel by pixel (channels last), which suits the next convolution; a softmax over each of 68
    maps would first copy them, and its gradients back.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, F, H, W) -> (N, P, H, W)."""
        assert self.bias is not None
        # The bias is the weight of a feature that is 1 everywhere: added on its own, it would cost as much again.
        weight = torch.cat([self.weight.flatten(1), self.bias[:, None]], 1)
        framed = F.pad(features.flatten(2), (0, 0, 0, 1), value=1.0)
        answer = torch.bmm(weight.expand(len(features), -1, -1), framed)
        return answer.view(len(features), -1, *features.shape[2:])


class SeqMT(Network):
    """Sequential multi-tasking: landmarks by soft-argmax, and the class from the landmarks alone."""

    pointwise: ClassVar[type[nn.Conv2d]] = Pointwise

    def __init__(self, task: Task, plan: Plan, size: Size) -> None:
        super().__init__(task, plan, size)
        self.localiser = self.landmark_maps()
        self.classifier = nn.ModuleList(dense(2 * size.points, task, classes) for classes in size.classes)
        self.start()

    def forward(self, images: Tensor) -> Answer:
        """(N, H, W, 1) uint8 -> landmarks, and logits if there are classes."""
        maps = self.localise(images, self.task.white)
        with torch.autocast(images.device.type, enabled=False):
            points = soft_argmax(maps.flat(), self.beta, maps.places())
        return Answer(points, self.classify(points), maps)

    def classify(self, points: Tensor) -> tuple[Tensor, ...]:
        """(N, P, 2) px -> (N, C) of each branch, which sees places in [-1, 1] about the centre of the image."""
        side = torch.tensor([self.size.width, self.size.height], dtype=points.dtype, device=points.device)
        places = ((points + 0.5) / side * 2 - 1).flatten(1)
        return tuple(branch(places) for branch in self.classifier)


class CommMT(Network):
    """The common multi-tasking network: shared layers with pooling, then branches for classes and landmarks."""

    def __init__(self, task: Task, plan: Plan, size: Size) -> None:
        super().__init__(task, plan, size)
        # Folding halves the sides as a pooling does, and takes the place of one, from the first on.
        first, second = (nn.MaxPool2d(2) if plan.fold < stride else nn.Identity() for stride in (2, 4))
        last = convolution(self.maps, self.maps, self.kernel, plan)
        self.localiser = nn.Sequential(*self.convolutions(5), first, *last, second, nn.Flatten())
        stride = max(plan.fold, 4)
        flat = self.maps * (size.height // stride) * (size.width // stride)
        if not flat:
            raise InputError(f"images of {size.width}x{size.height} px vanish in the pooling", field="image")
        hidden: list[nn.Module] = []
        for width in (256, 256):
            hidden += hidden_layer(flat, width, task, normalise=plan.normalise)
            flat = width
        self.hidden = nn.Sequential(*hidden)
        self.landmarks = nn.Linear(flat, 2 * size.points)
        self.classifier = nn.ModuleList(nn.Linear(flat, classes) for classes in size.classes)
        self.start()

    def forward(self, images: Tensor) -> Answer:
        """(N, H, W, 1) uint8 -> landmarks by a sigmoid over the image (footnote 7), and logits if there are any."""
        # The pixels are brought to [0, 1]: there is no soft-argmax whose temperature would go with their scale.
        features = self.hidden(self.localiser(self.pixels(images) / self.task.white))
        share = self.landmarks(features).float().sigmoid().view(-1, self.size.points, 2)
        side = torch.tensor([self.size.width, self.size.height], dtype=share.dtype, device=share.device)
        return Answer(share * side - 0.5, tuple(branch(features) for branch in self.classifier), None)


class HeatmapMT(Network):
    """Landmarks as the largest pixel of a softmax map; the class from the maps before the softmax."""

    def __init__(self, task: Task, plan: Plan, size: Size) -> None:
        super().__init__(task, plan, size)
        self.localiser = self.landmark_maps()
        self.pooled: nn.Sequential | None = None
        flat = 0
        if size.classes:
            modules: list[nn.Module] = []
            channels, height, width = size.points, size.height, size.width
            for _ in range(3):
                modules += [nn.MaxPool2d(2), *convolution(channels, 16, 3, plan)]
                channels, height, width = 16, height // 2, width // 2
            flat = 16 * height * width
            if not flat:
                raise InputError(f"images of {size.width}x{size.height} px vanish in the pooling", field="image")
            self.pooled = nn.Sequential(*modules, nn.Flatten())
        normalise = plan.normalise
        self.classifier = nn.ModuleList(dense(flat, task, classes, normalise=normalise) for classes in size.classes)
        self.start()

    def forward(self, images: Tensor) -> Answer:
        """(N, H, W, 1) uint8 -> landmarks at whole pixels, without gradient, and logits if there are classes."""
        maps = self.localise(images, 1.0).unfolded()
        place = maps.folded.detach().float().flatten(2).argmax(-1)
        points = torch.stack([place % self.size.width, place // self.size.width], -1).float()
        features = maps.folded if self.pooled is None else self.pooled(maps.folded)
        return Answer(points, tuple(branch(features) for branch in self.classifier), maps)


def convolution(inputs: int, outputs: int, kernel: int, plan: Plan) -> list[nn.Module]:
    """A convolution that keeps the resolution, the normalisation of the plan, and ReLU."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding="same")
    # Each image is normalised on its own: in a batch, transformed and plain images would share their mean.
    return [layer, nn.GroupNorm(1, outputs), nn.ReLU()] if plan.normalise else [layer, nn.ReLU()]


def hidden_layer(inputs: int, outputs: int, task: Task, *, normalise: bool) -> list[nn.Module]:
    """A fully connected layer with ReLU and dropout; normalised before the ReLU where thousands of inputs would let a
    large rate end all of its units at once."""
    norm = [nn.LayerNorm(outputs)] if normalise else []
    return [nn.Linear(inputs, outputs), *norm, nn.ReLU(), nn.Dropout(task.dropout)]


def dense(inputs: int, task: Task, classes: int, *, normalise: bool = False) -> nn.Sequential:
    """Hidden layers of the task, then one without ReLU."""
    modules: list[nn.Module] = []
    for width in task.hidden:
        modules += hidden_layer(inputs, width, task, normalise=normalise)
        inputs = width
    return nn.Sequential(*modules, nn.Linear(inputs, classes))
