"""Parameters of a face and how they are drawn: identity (who) apart from expression (what the face does).

Axes: N faces, I identities, L local morphs, A facial actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

PHENOTYPES = ("gender", "age", "muscle", "weight", "african", "asian", "caucasian")
# gender: 0 male - 1 female; age: 1/3 child, 2/3 young adult, 1 old; the last three are mixed by their sum.
NEUTRAL_PHENOTYPE = (0.5, 2 / 3, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True, slots=True)
class FaceParams:
    """Parameters of N faces.

    phenotype (N, 7) in [0, 1], columns PHENOTYPES, age in [1/3, 1]; shape (N, L) in [-1, 1], local morphs;
    expression (N, A) in [0, 1], facial actions (jaw included).
    """

    phenotype: np.ndarray
    shape: np.ndarray
    expression: np.ndarray

    def __len__(self) -> int:
        return len(self.phenotype)

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray) -> FaceParams:
        """A batch of the indexed faces (an int gives a batch of one)."""
        if isinstance(index, int | np.integer):
            index = slice(int(index), int(index) + 1) if index != -1 else slice(-1, None)
        return FaceParams(*(getattr(self, f.name)[index] for f in fields(self)))

    def with_expression(self, expression: np.ndarray) -> FaceParams:
        """The same people with other expressions (N, A)."""
        if expression.shape != (len(self), self.expression.shape[1]):
            raise ValueError(f"expression {expression.shape}, expected {(len(self), self.expression.shape[1])}")
        return replace(self, expression=expression)


# Standard deviation of a local morph's weight (1 = the full morph, a caricature), by the beginning of its name.
_SHAPE_SPREAD = {
    "forehead-nubian": 0.08,
    "forehead": 0.25,
    "head-back-scale-depth": 0.15,
    "head-scale": 0.22,
    "head-fat": 0.3,
    "head-age": 0.4,
    "mouth-trans-out": 0.08,
    "nose-trans-out": 0.08,
    "mouth-trans": 0.2,
    "nose-trans": 0.2,
    "nose-point-up": 0.1,
    "nose-scale": 0.25,
    "nose": 0.24,
    "mouth": 0.26,
    "chin-height": 0.15,
    "chin": 0.24,
    "eyebrows-trans-forward": 0.12,
    "eyebrows": 0.2,
    "eye-trans": 0.25,
    "eye-push": 0.25,
    "eye": 0.3,
    "ear-trans": 0.12,
    "ear-shape-triangle": 0.15,
    "ear": 0.3,
    "cheek": 0.35,
    "neck": 0.3,
    "measure-neck": 0.4,
}
_LIMIT = 0.9
_ASYMMETRY = 0.08  # extra spread of each side's morphs; real faces are not mirror images


@cache
def _spread(label: str) -> float:
    name = label[2:] if label[:2] in ("l-", "r-") else label
    return next(s for prefix, s in _SHAPE_SPREAD.items() if name.startswith(prefix))


def sample_identities(rng: np.random.Generator, n: int, shape_labels: Sequence[str], actions: int) -> FaceParams:
    """n people with a neutral expression: adults and adolescents of mixed ancestry, sides nearly symmetric."""
    age = np.where(rng.random(n) < 0.12, rng.uniform(0.42, 0.6, n), rng.uniform(0.6, 1.0, n))
    gender = np.where(rng.random(n) < 0.5, rng.beta(1.2, 6.0, n), rng.beta(6.0, 1.2, n))
    ancestry = rng.dirichlet((0.6, 0.6, 0.6), n)
    muscle, weight = rng.beta(4, 4, n), rng.beta(3, 3, n)
    phenotype = np.column_stack([gender, age, muscle, weight, ancestry])

    shape = np.empty((n, len(shape_labels)))
    index = {label: i for i, label in enumerate(shape_labels)}
    for label, i in index.items():
        if label.startswith("r-"):
            continue
        value = rng.normal(0.0, _spread(label), n)
        if label.startswith("l-"):
            shape[:, i] = value + rng.normal(0.0, _ASYMMETRY, n)
            shape[:, index["r-" + label[2:]]] = value + rng.normal(0.0, _ASYMMETRY, n)
        else:
            shape[:, i] = value
    return FaceParams(phenotype, np.clip(shape, -_LIMIT, _LIMIT), np.zeros((n, actions)))


LIDS_MEET = 0.8  # eyeBlink that closes most eyes; more pushes the upper lid over the lower one

# Expressions: (probability, {action: (low, high)}). An action without a side stands for Left and Right.
_EXPRESSIONS: tuple[tuple[float, dict[str, tuple[float, float]]], ...] = (
    (0.16, {}),
    (0.16, {"mouthSmile": (0.25, 0.9), "cheekSquint": (0.1, 0.6), "mouthDimple": (0.0, 0.4)}),
    (0.12, {"mouthSmile": (0.5, 1.0), "jawOpen": (0.1, 0.4), "cheekSquint": (0.2, 0.8), "mouthUpperUp": (0.1, 0.6),
            "eyeSquint": (0.1, 0.6)}),
    (0.12, {"jawOpen": (0.1, 0.6), "mouthFunnel": (0.0, 0.5), "mouthLowerDown": (0.0, 0.5)}),
    (0.09, {"jawOpen": (0.4, 0.95), "browInnerUp": (0.3, 1.0), "browOuterUp": (0.3, 1.0), "eyeWide": (0.3, 1.0)}),
    (0.09, {"mouthFrown": (0.2, 0.9), "browInnerUp": (0.1, 0.9), "mouthShrugLower": (0.0, 0.6), "eyeSquint": (0, 0.4)}),
    (0.09, {"browDown": (0.3, 1.0), "noseSneer": (0.0, 0.9), "mouthPress": (0.0, 0.7), "eyeSquint": (0.0, 0.6)}),
    (0.06, {"mouthPucker": (0.2, 0.6), "mouthFunnel": (0.0, 0.3), "jawOpen": (0.0, 0.12)}),
    (0.06, {"noseSneer": (0.4, 1.0), "mouthUpperUp": (0.2, 0.9), "browDown": (0.1, 0.7), "jawOpen": (0.0, 0.2)}),
    (0.05, {"mouthRollLower": (0.2, 0.8), "mouthRollUpper": (0.1, 0.6), "mouthPress": (0.1, 0.6)}),
)  # fmt: skip
_PAIRED = frozenset(
    {
        *("mouthSmile", "cheekSquint", "mouthDimple", "mouthUpperUp", "eyeSquint", "mouthLowerDown", "browOuterUp"),
        *("eyeWide", "mouthFrown", "browDown", "noseSneer", "mouthPress"),
    }
)


def sample_expressions(rng: np.random.Generator, n: int, actions: Sequence[str]) -> np.ndarray:
    """(n, A) facial actions: an archetype at random strength, small random movements, gaze, blinks.

    Every face takes the same number of draws from `rng` whatever it does, so face i never depends on the others'
    choices but on its place only.
    """
    column = {name: i for i, name in enumerate(actions)}
    out = np.zeros((n, len(actions)))
    kinds = rng.choice(len(_EXPRESSIONS), size=n, p=np.array([p for p, _ in _EXPRESSIONS]))
    strength = rng.random((n, 8))
    side = np.clip(1 + rng.normal(0, 0.12, (n, 8, 2)), 0, None)  # left and right differ a little
    for i in range(n):
        for k, (name, (low, high)) in enumerate(_EXPRESSIONS[kinds[i]][1].items()):
            value = low + (high - low) * strength[i, k]
            if name in _PAIRED:
                out[i, column[name + "Left"]] = value * side[i, k, 0]
                out[i, column[name + "Right"]] = value * side[i, k, 1]
            else:
                out[i, column[name]] = value

    small = {
        "browInnerUp": 0.15, "browOuterUpLeft": 0.1, "browOuterUpRight": 0.1, "browDownLeft": 0.12,
        "browDownRight": 0.12, "mouthLeft": 0.12, "mouthRight": 0.12, "jawLeft": 0.12, "jawRight": 0.12,
        "jawForward": 0.15, "jawOpen": 0.06, "mouthSmileLeft": 0.1, "mouthSmileRight": 0.1, "mouthShrugUpper": 0.12,
        "cheekPuff": 0.08, "mouthStretchLeft": 0.1, "mouthStretchRight": 0.1,
    }  # fmt: skip
    for name, scale in small.items():
        out[:, column[name]] += np.abs(rng.normal(0, scale, n))

    lid = rng.random(n)
    closed = np.where(lid < 0.08, rng.uniform(0.55, LIDS_MEET, n), np.abs(rng.normal(0, 0.1, n)))
    wink = rng.random(n) < 0.02
    out[:, column["eyeBlinkLeft"]] += closed
    out[:, column["eyeBlinkRight"]] += np.where(wink, 0.0, closed)

    horizontal, vertical = rng.normal(0, 0.3, n), rng.normal(0, 0.22, n)  # gaze to the subject's left, up
    out[:, column["eyeLookOutLeft"]] += np.maximum(horizontal, 0)
    out[:, column["eyeLookInRight"]] += np.maximum(horizontal, 0)
    out[:, column["eyeLookInLeft"]] += np.maximum(-horizontal, 0)
    out[:, column["eyeLookOutRight"]] += np.maximum(-horizontal, 0)
    for eye in ("Left", "Right"):
        out[:, column["eyeLookUp" + eye]] += np.maximum(vertical, 0)
        out[:, column["eyeLookDown" + eye]] += np.maximum(-vertical, 0)
        out[:, column["eyeWide" + eye]] *= 1 - np.minimum(out[:, column["eyeBlink" + eye]], 1)
        out[:, column["eyeBlink" + eye]] = np.minimum(out[:, column["eyeBlink" + eye]], LIDS_MEET)
    return np.clip(out, 0.0, 1.0)
