"""Best, median and worst sample of a system: which they are, and a strip of pictures that shows them.

Which samples a strip shows follows from the committed per-sample values; the strip itself needs predictions and
images, so it is drawn once, where the results were made, and committed. Its name holds a hash of what it shows: when
that changes, the old strip is not shown any more. Strips are drawn of stand-in data only: photographs have licences.

Axis letters: N samples, H rows and W columns of an image, P points.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import jobs, texts
from bench.cache import Cache
from bench.files import read_json
from bench.naming import digest
from bench.parts import parts_of
from bench.report import Measured
from core_eval import Arrays, InputError, Metric, Predictions, Result, Sample, load_predictions

TILE = 224
"""Pixels of the longer side of one picture of a strip."""
GAP = 6
LARGEST = 40 * 1024
"""Bytes of a strip at most."""
PREDICTED, TRUE = (230, 89, 0), (86, 190, 245)
LEGEND = (
    "By the error in the first measured column. Filled orange dots are predicted, blue rings are the truth, white "
    "lines join the two; of parts, orange borders are predicted and blue ones the truth."
)


@dataclass(frozen=True, slots=True)
class Pick:
    """One sample of a strip: its place among best, median and worst, its index in the split, its error as shown."""

    place: str
    index: int
    id: str
    error: str


@dataclass(frozen=True, slots=True)
class Strip:
    """What a strip shows. `result` is the line of results whose predictions are drawn."""

    row: str
    result: Result
    picks: tuple[Pick, ...]
    name: str

    @property
    def seed(self) -> int:
        return self.result.seed

    @property
    def caption(self) -> str:
        return ", ".join(f"{pick.place} {pick.id} ({pick.error})" for pick in self.picks)


def strips(measured: Measured) -> Iterator[Strip]:
    """One strip per row with kept per-sample values: those of its first measured column and lowest seed."""
    for row in measured.table.rows:
        for column in measured.table.columns:
            cell, metric = measured.cell(row, column), measured.metric(column)
            if metric is None or not cell.results:
                continue
            result = cell.results[0]
            kept = measured.load(result)
            if kept is None or metric.name not in kept.values or not kept.ids:
                continue
            picks = _picks(kept.ids, kept.values[metric.name], metric)
            if not picks:
                continue
            stem = re.sub(r"\W+", "-", f"{measured.table.id} {measured.budget} {row}".lower()).strip("-")
            content = digest(result.provenance.predictions, [(pick.place, pick.id) for pick in picks])[:12]
            yield Strip(row, result, picks, f"samples-{stem}-{content}.webp")
            break


def _picks(ids: tuple[str, ...], values: NDArray[np.float64], metric: Metric) -> tuple[Pick, ...]:
    """Best, median and worst by (N, ...) contributions; of samples that are equally good, the first by id.

    Samples that have no number of their own (no pixel of the class that is scored) are left out; none may be left.
    """
    kept = list(range(len(ids)))
    if values.ndim == 1:  # an AUC and a failure rate keep the error behind them, which tells more than they do
        shown, rising = values, metric.better == "lower" or metric.signature.startswith("ced-auc|")
        unit, places = ("" if metric.signature.startswith(("ced-auc|", "failure-rate|")) else metric.unit), 4
    else:
        known = {index: own for index in range(len(values)) if (own := _alone(metric, values[index])) is not None}
        ids, kept = tuple(ids[index] for index in known), list(known)
        shown = np.array([*known.values()])
        rising, unit, places = metric.better == "lower", metric.unit, 2
    key = np.where(np.isnan(shown), np.inf, shown if rising else -shown)
    order = sorted(range(len(ids)), key=lambda index: (key[index], ids[index]))
    sign = f" {texts.UNIT_SIGNS.get(unit, unit)}" if unit and unit != "fraction" else ""
    if not order:
        return ()
    errors = [f"{one:.{places}f}{sign}" if np.isfinite(one) else "failed" for one in shown]
    chosen = {"best": order[0], "median": order[(len(ids) - 1) // 2], "worst": order[-1]}
    return tuple(Pick(place, kept[index], ids[index], errors[index]) for place, index in chosen.items())


def _alone(metric: Metric, values: NDArray[np.float64]) -> float | None:
    """The metric of one sample; None where one sample has none."""
    try:
        return metric.reduce(values[None])
    except InputError:
        return None


def draw(strip: Strip, measured: Measured, place: jobs.Place) -> bytes | None:
    """The strip as WebP; None if its predictions are not in the cache, or have nothing that can be drawn.

    Also None where the data set is not installed, or renders other samples now than those that were scored.
    """
    file = _predictions(place.cache, strip.result.provenance.predictions)
    name = measured.benchmark.data.get(measured.data)
    if file is None or name is None or measured.data == "real":
        return None
    try:
        predictions = load_predictions(file)
        dataset = jobs.dataset(name, place, False, parts_of(measured.benchmark))
        if dataset.fingerprint(strip.result.split) != strip.result.provenance.fingerprint:
            return None
        split = dataset.split(strip.result.split)
    except InputError:
        return None
    return compose(strip, [split[pick.index] for pick in strip.picks], predictions)


def compose(strip: Strip, samples: list[Sample], predictions: Predictions) -> bytes | None:
    """The pictures of the strip's samples side by side; None if a sample has no image, or neither points nor parts."""
    tiles = []
    for pick, sample in zip(strip.picks, samples, strict=True):
        if sample.id != pick.id or sample.id not in predictions:
            return None
        drawn = tile(sample.inputs, predictions[sample.id], sample.target)
        if drawn is None:
            return None
        tiles.append(drawn)
    height = max(len(drawn) for drawn in tiles)
    width = sum(drawn.shape[1] for drawn in tiles) + GAP * (len(tiles) - 1)
    canvas = np.full((height, width, 3), 255, np.uint8)
    left = 0
    for drawn in tiles:
        canvas[: len(drawn), left : left + drawn.shape[1]] = drawn
        left += drawn.shape[1] + GAP
    return _webp(canvas)


def tile(inputs: Arrays, predicted: Arrays, target: Arrays) -> NDArray[np.uint8] | None:
    """One image with predicted and true points or borders of parts, (H, W, 3), the longer side TILE; None without both.

    Points are (P, 2) px with pixel centres at integers; those that are not finite are left out. Parts are (H, W)
    labels.
    """
    from PIL import Image, ImageDraw

    image, guess, truth = inputs.get("image"), predicted.get("points"), target.get("points")
    if image is None or image.ndim != 3:
        return None
    if guess is None or truth is None or guess.shape != truth.shape:
        return _bordered(image, predicted, target)
    fine = 2  # drawn at twice the size, then halved: PIL's lines are not anti-aliased
    scale = fine * TILE / max(image.shape[:2])
    height, width = (fine * max(1, round(side * scale / fine)) for side in image.shape[:2])
    picture = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    ends = [(points[:, :2] + 0.5) * scale - 0.5 for points in (guess, truth)]
    shown = [np.isfinite(points).all(axis=1) & (np.abs(points) < 8 * TILE).all(axis=1) for points in ends]
    for first, second in zip(*(points[shown[0] & shown[1]] for points in ends), strict=True):
        pen.line([*first, *second], fill=(255, 255, 255), width=fine)
    for (x, y), there in zip(ends[1], shown[1], strict=True):
        if there:
            pen.ellipse([x - 5, y - 5, x + 5, y + 5], outline=TRUE, width=fine)
    for (x, y), there in zip(ends[0], shown[0], strict=True):
        if there:
            pen.ellipse([x - 3.5, y - 3.5, x + 3.5, y + 3.5], fill=PREDICTED)
    return np.asarray(picture.resize((width // fine, height // fine), Image.Resampling.BOX))


def _bordered(image: NDArray[np.uint8], predicted: Arrays, target: Arrays) -> NDArray[np.uint8] | None:
    """One image with the borders of true and predicted parts; None where the two have no labels of its pixels."""
    from PIL import Image

    size = image.shape[:2]
    shared = [name for name in predicted if name in target]
    maps = [
        (np.asarray(target[name]), np.asarray(predicted[name]))
        for name in shared
        if np.shape(predicted[name]) == np.shape(target[name]) == size
    ]
    labels = next((pair for pair in maps if all(one.dtype.kind in "iu" for one in pair)), None)
    if labels is None:
        return None
    scale = TILE / max(size)
    height, width = (max(1, round(side * scale)) for side in size)
    picture = np.array(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BICUBIC))
    rows, columns = (np.arange(long) * short // long for long, short in zip((height, width), size, strict=True))
    for one, colour in zip(labels, (TRUE, PREDICTED), strict=True):
        large = one[np.ix_(rows, columns)]
        border = np.zeros(large.shape, np.bool_)
        border[:-1] |= large[1:] != large[:-1]
        border[:, :-1] |= large[:, 1:] != large[:, :-1]
        picture[border] = colour
    return picture


def _webp(canvas: NDArray[np.uint8]) -> bytes:
    """At the best quality that keeps to LARGEST."""
    from PIL import Image

    content = b""
    for quality in (85, 75, 65, 50, 35, 20, 5):
        stream = io.BytesIO()
        Image.fromarray(canvas).save(stream, "WEBP", quality=quality, method=6)
        content = stream.getvalue()
        if len(content) <= LARGEST:
            break
    return content


def _predictions(cache: Path, sha: str) -> Path | None:
    """The cached file of predictions with that hash."""
    folder = Cache(cache).root / "predictions"
    for record in sorted(folder.glob("*.json")) if sha else ():
        if (read_json(record) or {}).get("sha256") == sha and record.with_suffix(".npz").is_file():
            return record.with_suffix(".npz")
    return None
