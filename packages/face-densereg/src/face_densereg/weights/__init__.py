"""Trained weights that come with the package, and folders of the same form.

A folder holds what `DenseReg.save` writes and, if it was made by `bench demo face --retrain`,

- ``template_part.png``: the mask of parts on the template, labels as grey levels,
- ``card.json``: data, budget, seed, hash of the source, accuracy, limits, licence, and SHA-256 of every other file,
- ``CARD.md``: the same to be read.

A file whose hash is not the one on the card is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_train import load_weights
from face_densereg.method import DenseReg
from face_densereg.photo import read_rgba

QUICK = Path(__file__).parent / "quick"
"""The weights that come with the package."""

MASK, CARD, TEXT = "template_part.png", "card.json", "CARD.md"


@dataclass(frozen=True, slots=True)
class Opened:
    """A loaded method, its mask (T, T) uint8 of parts on the template and its card, where there are any."""

    method: DenseReg
    mask: NDArray[np.uint8] | None
    card: dict[str, Any] | None


def open_weights(folder: Path = QUICK) -> Opened:
    """Load weights of DenseReg, with or without a depth branch.

    A folder without a mask gets the package's own if its landmarks lie at the same places of the template.

    Raises `InputError` for a folder that holds none, a card that is no card, or a file that differs from its card.
    """
    if not folder.is_dir():
        raise InputError("no such folder of weights", file=folder)
    card = check_card(folder)
    tensors, meta = load_weights(folder)
    bins = meta.get("bins")
    if not isinstance(bins, int) or bins < 1:
        raise InputError("not weights of DenseReg: there is no number of bins", file=folder)
    method: DenseReg
    if any(name.startswith("depth.") for name in tensors):
        from face_densereg.depth import DenseRegDepth

        method = DenseRegDepth(bins=bins)
    else:
        method = DenseReg(bins=bins)
    method.load(folder)
    mask = _mask(folder)
    if mask is None and folder != QUICK and (QUICK / MASK).is_file():
        theirs, _ = load_weights(QUICK)
        same, ours = theirs["geometry.template"].numpy(), method.geometry.template
        if same.shape == ours.shape and np.allclose(same, ours, atol=1e-6):
            mask = _mask(QUICK)
    return Opened(method, mask, card)


def check_card(folder: Path) -> dict[str, Any] | None:
    """The card of a folder, None if it has none. Raises `InputError` unless every file is what it says."""
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text("utf-8"))
        files = {str(name): str(record["sha256"]) for name, record in card["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
        raise InputError(f"not a card of weights: {reason}", file=path) from None
    for name, digest in files.items():
        if Path(name).name != name:
            raise InputError(f"the card names a file outside its folder: {name!r}", file=path)
        try:
            content = (folder / name).read_bytes()
        except OSError as reason:
            raise InputError(
                f"the card names a file that cannot be read: {reason.strerror}", file=folder / name
            ) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise InputError("the file is not the one on the card: its SHA-256 differs", file=folder / name)
    return dict(card)


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a folder but the card, by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in (CARD, TEXT):
            content = path.read_bytes()
            found[path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return found


def card_text(card: dict[str, Any]) -> str:
    """The card as markdown."""
    lines = [f"# {card['title']}", "", str(card["what"]), "", "## Training", ""]
    lines += [f"- {name}: {value}" for name, value in card["training"].items()]
    lines += ["", "## Measured", "", "| what | value | data | n |", "|---|---|---|---|"]
    lines += [f"| {m['what']} | {m['value']:.4g} {m['unit']} | {m['data']} | {m['n']} |" for m in card["measured"]]
    lines += ["", "## Limits", "", *[f"- {limit}" for limit in card["limits"]]]
    lines += [
        "",
        "## Licence",
        "",
        str(card["licence"]),
        "",
        "## Files",
        "",
        "| file | bytes | SHA-256 |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {record['bytes']} | `{record['sha256']}` |" for name, record in card["files"].items()]
    return "\n".join(lines) + "\n"


def _mask(folder: Path) -> NDArray[np.uint8] | None:
    path = folder / MASK
    return np.ascontiguousarray(read_rgba(path)[..., 0]) if path.is_file() else None
