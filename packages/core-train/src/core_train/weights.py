"""Trained weights on disk: one safetensors file and one JSON file that holds its hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core_eval import InputError

WEIGHTS, META = "weights.safetensors", "weights.json"


def save_weights(path: Path, state: nn.Module | Mapping[str, Tensor], meta: Mapping[str, Any] | None = None) -> None:
    """Write parameters, buffers and `meta` (anything JSON can hold) into the folder `path`.

    Each file appears whole or not at all; the JSON file, written last, names the hash of the other. Raises InputError
    when they cannot be written, for example on a full disk; what was there before then stays.
    """
    tensors = state.state_dict() if isinstance(state, nn.Module) else state
    # Clones: safetensors refuses tensors which share memory or are laid out channels-last.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    first, second = (path / f"{name}.{os.getpid()}.tmp" for name in (WEIGHTS, META))
    try:
        path.mkdir(parents=True, exist_ok=True)
        save_file(tensors, first)
        record = {"sha256": _sha256(first), "meta": dict(meta or {})}
        second.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        first.replace(path / WEIGHTS)
        second.replace(path / META)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write the weights: {error}", file=path) from None
    finally:
        first.unlink(missing_ok=True)
        second.unlink(missing_ok=True)


def load_weights(path: Path, module: nn.Module | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_weights` wrote: the tensors, by name, and `meta`; fill `module`, if given.

    Raises InputError for a missing, damaged or foreign file, and for tensors which do not fit `module`.
    """
    try:
        record = json.loads((path / META).read_text(encoding="utf-8"))
        digest, meta = record["sha256"], dict(record["meta"])
    except FileNotFoundError:
        raise InputError("no trained weights here", file=path / META) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a record of weights: {error}", file=path / META) from None
    try:
        if _sha256(path / WEIGHTS) != digest:
            raise InputError("the weights are damaged: their hash is not the recorded one", file=path / WEIGHTS)
        tensors = load_file(path / WEIGHTS)
    except FileNotFoundError:
        raise InputError("no trained weights here", file=path / WEIGHTS) from None
    except SafetensorError as error:
        raise InputError(f"not a safetensors file: {error}", file=path / WEIGHTS) from None
    if module is not None:
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(
                f"the weights are of another network: {str(error).splitlines()[1].strip()}", file=path / WEIGHTS
            ) from None
    return tensors, meta


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
