"""Drawings of what is known of the faces in a photograph.

Axis letters: H rows and W columns of a drawing, S side of a crop, P landmarks, T rows and columns of a mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face_densereg.applications.annotation import label_colour, painted
from face_densereg.applications.fields import enlarge_field, iso_lines
from face_densereg.faces import Face
from face_densereg.locate import cut
from face_densereg.render3d import STEEPEST, draw, lift, relief, turned

U8 = NDArray[np.uint8]
ACROSS, DOWN = (255, 150, 40), (60, 170, 255)
"""Lines of equal u_h and of equal u_v."""

LANDMARK, UNSEEN, EDGE = (60, 230, 90), (255, 200, 40), (20, 20, 20)
LINES = 20
LEAST_CELL = 8.0
"""Lines are 1 / LINES apart, or twice that where they would lie nearer than this many px on average."""

SHIFT = 4
LEAST = 512
CLOSE = 256
PART_OPACITY = 0.55


@dataclass(frozen=True, slots=True)
class View:
    """A photograph as it is drawn on: `picture` (H, W, 3) uint8 RGB; `from_image` (2, 3) maps photograph px to it."""

    picture: U8
    from_image: NDArray[np.float64]

    def with_picture(self, picture: U8) -> View:
        return View(picture, self.from_image)

    def field(self, values: NDArray[np.float32], face: Face) -> NDArray[np.float32]:
        """(S, S, C) field of a face's crop -> (H, W, C)."""
        height, width = self.picture.shape[:2]
        return enlarge_field(values, chain(self.from_image, face.crop.to_image), height, width)


def chain(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine map (2, 3) that applies `inner` (2, 3), then `outer` (2, 3)."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def whole_view(image: U8) -> View:
    """The photograph; a small one is enlarged, so that lines and points find room."""
    zoom = max(1, round(LEAST / max(image.shape[:2])))
    shift = (zoom - 1) / 2
    size = image.shape[1] * zoom, image.shape[0] * zoom
    picture = image.copy() if zoom == 1 else cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return View(np.asarray(picture), np.array([[zoom, 0, shift], [0, zoom, shift]], float))


def close_view(image: U8, face: Face, side: int = CLOSE) -> View:
    """A face's crop, cut out of the photograph at `side` px."""
    edge = face.crop.image.shape[0]
    middle = face.crop.points_to_image(np.full((1, 2), (edge - 1) / 2))[0]
    crop = cut(image, (float(middle[0]), float(middle[1])), side / edge / face.scale, side)
    back = np.linalg.inv(crop.to_image[:, :2])
    return View(crop.image, np.column_stack([back, -back @ crop.to_image[:, 2]]))


def coordinates(view: View, faces: Iterable[Face]) -> U8:
    """Lines of equal u_h (orange) and u_v (blue)."""
    picture = view.picture.copy()
    for face in faces:
        to_view = chain(view.from_image, face.crop.to_image)
        size = face.size * float(np.sqrt(np.linalg.det(view.from_image[:, :2])))
        lines = LINES if size >= LEAST_CELL * LINES else LINES // 2
        for axis, shade in enumerate((ACROSS, DOWN)):
            for line in iso_lines(face.uv[..., axis], np.arange(1, lines) / lines, to_view):
                cv2.polylines(picture, [_fixed(line)], False, shade, 1, cv2.LINE_AA, SHIFT)
    return picture


def points(view: View, places: NDArray[np.float64], seen: NDArray[np.bool_]) -> U8:
    """Points (P, 2) px of the photograph as green dots; where not `seen` (P,), yellow ones."""
    picture = view.picture.copy()
    radius = max(1.5, min(picture.shape[:2]) / 250)
    for place, clear in zip(places @ view.from_image[:, :2].T + view.from_image[:, 2], seen, strict=True):
        if np.isfinite(place).all():
            centre = tuple(int(value) for value in _fixed(place[None])[0])
            size = round(radius * 2**SHIFT)
            cv2.circle(picture, centre, size + 2**SHIFT, EDGE, -1, cv2.LINE_AA, SHIFT)
            cv2.circle(picture, centre, size, LANDMARK if clear else UNSEEN, -1, cv2.LINE_AA, SHIFT)
    return picture


def landmarks(view: View, faces: Iterable[Face]) -> U8:
    """The landmarks as dots, yellow where their place on the template is not visible."""
    for face in faces:
        view = view.with_picture(points(view, face.points, face.found))
    return view.picture


def drawing(view: View, faces: Iterable[Face], texels: U8, opacity: float) -> U8:
    """A drawing on the template (T, U, 4) uint8 RGBA, painted on all faces."""
    for face in faces:
        view = view.with_picture(painted(view.picture, view.field(face.uv, face), texels, opacity=opacity))
    return view.picture


def mask_texels(mask: NDArray[np.integer]) -> U8:
    """(T, T) labels -> (T, T, 4) uint8 RGBA: a colour for each label but 0."""
    colours = np.array([[*label_colour(k), 255 * (k > 0)] for k in range(int(mask.max()) + 1)], np.uint8)
    return colours[mask]


def depth_map(view: View, faces: Iterable[Face]) -> U8:
    """Depth as colours, near bright, each face over its own range; the photograph, faint, around it."""
    picture = 255 - (255 - view.picture.astype(np.float64)) * 0.3
    for face in faces:
        if face.depth is None:
            continue
        depth = view.field(face.depth[..., None], face)[..., 0]
        known = np.isfinite(depth)
        if not known.any():
            continue
        low, high = np.percentile(depth[known], [1, 99])
        near = np.clip((high - np.where(known, depth, high)) / max(high - low, 1e-6), 0, 1)
        colours = cv2.applyColorMap(np.rint(255 * near).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
        picture[known] = colours[known]
    return np.rint(picture).astype(np.uint8)


def seen_from(view: View, face: Face, yaw: float, *, textured: bool = True) -> U8:
    """The face turned by `yaw` degrees, (H, W, 3), in a view of it alone; white where there is no surface."""
    blank = np.full_like(view.picture, 255)
    if face.depth is None:
        return blank
    zoom = float(np.sqrt(np.linalg.det(chain(view.from_image, face.crop.to_image)[:, :2])))
    depth = view.field(face.depth[..., None], face)[..., 0]
    if not np.isfinite(depth).any():
        return blank
    mesh = lift(view.picture, depth, zoom * face.crop.image.shape[0], steepest=zoom * STEEPEST)
    return draw(turned(mesh if textured else relief(mesh), yaw), *depth.shape, smooth=2)


def template(mask: NDArray[np.integer] | None, marks: NDArray[np.float64], side: int = LEAST) -> U8:
    """The template to draw on, (side, side, 3): grid, parts (T, T) and landmarks (P, 2), numbered from 1."""
    picture = np.full((side, side, 3), 255, np.uint8)
    if mask is not None:
        v, u = (np.mgrid[:side, :side] + 0.5) / side
        picture = painted(picture, np.stack([u, v], -1), mask_texels(mask), opacity=0.5)
    for k in range(1, 20):
        place, shade = round(k * side / 20), 170 if k % 2 == 0 else 225
        cv2.line(picture, (place, 0), (place, side - 1), (shade,) * 3)
        cv2.line(picture, (0, place), (side - 1, place), (shade,) * 3)
    for number, (x, y) in enumerate(marks * side - 0.5, start=1):
        centre = round(x), round(y)
        cv2.circle(picture, centre, 3, (20, 20, 20), -1, cv2.LINE_AA)
        _write(picture, str(number), (centre[0] + 4, centre[1] - 3), 0.3)
    return picture


def sheet(rows: Sequence[Sequence[tuple[str, U8]]]) -> U8:
    """Titled pictures of one size in rows, on white; a row that is shorter is filled up."""
    columns, gap, head = max(map(len, rows)), 8, 22
    height, width = rows[0][0][1].shape[:2]
    page = np.full((len(rows) * (height + head) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        for c, (title, picture) in enumerate(row):
            top, left = r * (height + head) + head, c * (width + gap) + gap
            page[top : top + height, left : left + width] = picture
            _write(page, title, (left, top - 7), 0.45)
    return page


def _write(picture: U8, text: str, place: tuple[int, int], size: float) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (30, 30, 30), 1, cv2.LINE_AA)


def _fixed(places: NDArray[np.float64]) -> NDArray[np.int32]:
    """(M, 2) px in OpenCV's fixed point with `SHIFT` fractional bits."""
    return np.rint(places * 2**SHIFT).astype(np.int32)
