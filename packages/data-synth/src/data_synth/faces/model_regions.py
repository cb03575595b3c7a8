"""Semantic parts of the face and per-vertex channels for the renderer.

Axes: V vertices, F triangles, P corners of a polygon.
Regions are drawn once, as polygons in the frontal view (x, y) in m of the mean face, for the subject's left side;
the right side mirrors them. A region's signed distance (m, positive inside) is defined at every vertex; the mesh is
cut along its zero line, so a part's border is a smooth curve and every triangle belongs to one part.
"""

from __future__ import annotations

import numpy as np

from data_synth.faces.model_build import PARTS
from data_synth.faces.model_uv import UPPER_EDGE, face_margin

# Classes of the 8-part mask; left and right are the subject's. 0 is everything outside the face region.
PART_NAMES = (
    "background", "left_brow", "right_brow", "left_eye", "right_eye", "upper_lip", "lower_lip", "nose", "other",
)  # fmt: skip
PART_MIRROR = (0, 2, 1, 4, 3, 5, 6, 7, 8)

# Middle line of the left brow, from the nose outwards: x, y, half width in m.
BROW = (
    (0.0100, 0.0414, 0.0026), (0.0140, 0.0424, 0.0040), (0.0225, 0.0452, 0.0043), (0.0340, 0.0474, 0.0038),
    (0.0455, 0.0464, 0.0028), (0.0530, 0.0440, 0.0018), (0.0585, 0.0416, 0.0008),
)  # fmt: skip
# Left half of the nose, from the nasion down to the subnasale.
NOSE = (
    (0.0000, 0.0285), (0.0060, 0.0275), (0.0085, 0.0190), (0.0100, 0.0090), (0.0135, -0.0010), (0.0190, -0.0070),
    (0.0212, -0.0120), (0.0200, -0.0175), (0.0165, -0.0215), (0.0110, -0.0228), (0.0055, -0.0240), (0.0000, -0.0250),
)  # fmt: skip
# Left half of the outer lip contour, from the middle of the upper lip to the middle of the lower one.
LIPS = (
    (0.0000, -0.0350), (0.0025, -0.0345), (0.0050, -0.0340), (0.0085, -0.0344), (0.0120, -0.0355), (0.0150, -0.0369),
    (0.0190, -0.0401), (0.0222, -0.0434), (0.0247, -0.0467), (0.0228, -0.0505), (0.0190, -0.0540), (0.0150, -0.0561),
    (0.0100, -0.0577), (0.0065, -0.0584), (0.0000, -0.0589),
)  # fmt: skip
# Where the lips of the mean face touch: x, y.
LIP_LINE = ((0.0000, -0.0460), (0.0113, -0.0451), (0.0192, -0.0457), (0.0215, -0.0462), (0.0240, -0.0472))
BEARD = (
    (0.0000, -0.0235), (0.0120, -0.0240), (0.0230, -0.0300), (0.0330, -0.0420), (0.0480, -0.0350), (0.0640, -0.0080),
    (0.0720, 0.0200), (0.1000, 0.0200), (0.1000, -0.1300), (0.0000, -0.1300),
)  # fmt: skip


def polygon_distance(xy: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(V,) signed distance in m of the points (V, 2) to a closed polygon (P, 2), positive inside."""
    start, end = corners, np.roll(corners, -1, axis=0)
    along = end - start
    to = xy[:, None] - start
    t = np.clip((to * along).sum(-1) / (along**2).sum(-1), 0, 1)
    distance = np.linalg.norm(to - t[..., None] * along, axis=-1).min(axis=1)
    above = (start[:, 1] > xy[:, None, 1]) != (end[:, 1] > xy[:, None, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        cross_x = start[:, 0] + (xy[:, None, 1] - start[:, 1]) * along[:, 0] / along[:, 1]
    inside = (above & (xy[:, None, 0] < cross_x)).sum(axis=1) % 2 == 1
    return np.asarray(np.where(inside, distance, -distance))


def _both_sides(half: tuple[tuple[float, float], ...]) -> np.ndarray:
    left = np.array(half)
    return np.concatenate([left, left[-2:0:-1] * [-1, 1]])


def _brow_outline() -> np.ndarray:
    x, y, half = np.array(BROW).T
    normal = np.column_stack([-np.gradient(y), np.gradient(x)])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    middle = np.column_stack([x, y])
    return np.concatenate([middle + normal * half[:, None], (middle - normal * half[:, None])[::-1]])


_OUTLINES = {
    "lips": (_both_sides(LIPS), 0.0),
    "nose": (_both_sides(NOSE), 0.0),
    "brows": (_brow_outline(), 0.0),
    "beard": (_both_sides(BEARD), -0.05),
}
REGIONS = ("face", *_OUTLINES)


def signed_distance(name: str, vertices: np.ndarray) -> np.ndarray:
    """(V,) signed distance in m, positive inside, of one of REGIONS; vertices (V, 3) m of the mean face.

    Only the front of the head is meant: what lies behind it but projects onto the same place is far outside (-0.1).
    """
    vertices = vertices.astype(float)
    if name == "face":
        return face_margin(vertices)
    outline, back = _OUTLINES[name]
    front = vertices[:, 2] > back
    side = np.column_stack([np.abs(vertices[:, 0]), vertices[:, 1]])  # the left side and its mirror image
    out = np.full(len(vertices), -0.1)
    out[front] = polygon_distance(side[front], outline)
    return out


def part_of_triangles(vertices: np.ndarray, faces: np.ndarray, region: np.ndarray, component: np.ndarray) -> np.ndarray:
    """(F,) uint8 index into PART_NAMES, 0 outside the face region.

    vertices (V, 3) m mean face, whose lips nearly touch; component (F,) index into PARTS.
    """
    centre = vertices[faces].mean(axis=1)
    inside = {name: signed_distance(name, centre) > 0 for name in ("nose", "lips", "brows")}
    left = centre[:, 0] > 0
    low = centre[:, 1] < np.interp(np.abs(centre[:, 0]), *np.array(LIP_LINE).T)
    out = np.full(len(faces), PART_NAMES.index("other"), np.uint8)
    out[inside["nose"]] = PART_NAMES.index("nose")
    out[inside["lips"] & low] = PART_NAMES.index("lower_lip")
    out[inside["lips"] & ~low] = PART_NAMES.index("upper_lip")
    out[inside["brows"] & left] = PART_NAMES.index("left_brow")
    out[inside["brows"] & ~left] = PART_NAMES.index("right_brow")
    eye = component == PARTS.index("eye")
    out[eye & left] = PART_NAMES.index("left_eye")
    out[eye & ~left] = PART_NAMES.index("right_eye")
    out[~region] = 0
    return out


def _step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def colour_channels(
    vertices: np.ndarray, faces: np.ndarray, component: np.ndarray, occlusion: np.ndarray
) -> dict[str, np.ndarray]:
    """Per-vertex weights (V,) float32 in [0, 1] that say what colours a vertex; interpolate them per pixel.

    lips, brows, cheeks, nostril (dark), inner_mouth, teeth, scalp, beard, ears, eye (the whole ball). Sharp borders
    come from thresholding `signed_distance` per pixel instead; iris and pupil from `eye_coordinates`.
    """
    x, y, z = np.abs(vertices[:, 0].astype(float)), vertices[:, 1].astype(float), vertices[:, 2].astype(float)
    distance = {name: signed_distance(name, vertices) for name in ("lips", "brows", "nose", "beard")}

    def member(name: str) -> np.ndarray:
        mask = np.zeros(len(vertices))
        mask[faces[component == PARTS.index(name)]] = 1
        return mask

    skin = member("skin")
    hairline = y - np.interp(z, *np.array(UPPER_EDGE).T)
    nape = np.minimum(y + 0.055, -0.06 - z)  # behind the ears the hair reaches lower
    chin = _step(y, -0.115, -0.085) * (1 - _step(distance["lips"], -0.002, 0.0))  # no beard on throat and lips
    ears = _step(x, 0.0715, 0.0775) * (z < -0.03) * (z > -0.085) * (y > -0.035) * (y < 0.045)
    out = {
        "lips": skin * _step(distance["lips"], -0.0012, 0.0012),
        "brows": skin * _step(distance["brows"], -0.0012, 0.0018),
        "cheeks": skin * np.exp(-(((x - 0.044) / 0.018) ** 2 + ((y + 0.006) / 0.016) ** 2)) * (z > 0),
        "nostril": skin * (distance["nose"] > 0) * _step(-y, 0.013, 0.016) * (1 - _step(occlusion, 0.3, 0.6)),
        "inner_mouth": np.maximum(member("mouth_cavity"), member("tongue")),
        "teeth": member("teeth"),
        "scalp": skin * (1 - ears) * np.maximum(_step(hairline, -0.004, 0.006), _step(nape, -0.008, 0.008)),
        "beard": skin * (1 - ears) * chin * _step(distance["beard"], -0.004, 0.006),
        "ears": skin * ears,
        "eye": member("eye"),
    }  # fmt: skip
    return {name: np.asarray(value, np.float32) for name, value in out.items()}


def eye_coordinates(vertices: np.ndarray, faces: np.ndarray, component: np.ndarray) -> np.ndarray:
    """(V, 3) float32 unit directions from the eyeball's centre on the mean face, zero off the eyeballs.

    They travel with the vertices: interpolate and normalise them per pixel; cos of the angle to the optical axis is
    the third coordinate. Iris: within asin(IRIS_RADIUS); pupil: within asin(PUPIL_RADIUS).
    """
    out = np.zeros((len(vertices), 3), np.float32)
    used = np.unique(faces[component == PARTS.index("eye")])
    for side in (used[vertices[used, 0] > 0], used[vertices[used, 0] < 0]):
        ball = vertices[side].astype(float)
        direction = ball - 0.5 * (ball.min(axis=0) + ball.max(axis=0))
        out[side] = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return out


IRIS_RADIUS = 0.37  # in eyeball radii (16.5 mm here, so 6.1 mm)
PUPIL_RADIUS = 0.13
