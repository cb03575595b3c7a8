"""Demonstrations: what a trained method says of a picture that somebody has, and the training of its weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from bench import cache, files, naming, registry
from core_eval import Dataset, InputError

Say = Callable[[str], None]


class Report(Protocol):
    """What a demonstration found: how many things, remarks, files with what they show, seconds by step."""

    found: int
    notes: list[str]
    files: dict[Path, str]
    seconds: dict[str, float]


class Demo(Protocol):
    """What a factory of a plugin's ``DEMOS`` makes."""

    @property
    def datasets(self) -> Mapping[str, str]:
        """What `retrain` learns from: role -> id of a data set."""
        ...

    def show(self, image: Path, out: Path, *, weights: Path | None, **options: Any) -> Report:
        """Write pictures of what is found in `image` into `out`; `weights`: a folder, by default those of the package.
        Raises `InputError` for bad files."""
        ...

    def retrain(
        self,
        datasets: Mapping[str, Dataset],
        folder: Path,
        *,
        budget: str,
        seed: int,
        workdir: Path,
        source: Mapping[str, str],
        say: Say,
    ) -> None:
        """Train, and write weights with all that belongs to them into the existing folder `folder`; a killed run goes
        on from what it left in `workdir`. `source`: hashes of the source code, to be recorded."""
        ...


def make(name: str) -> tuple[str, Demo]:
    """The id of a demonstration and the thing itself. Raises `InputError` for an unknown name."""
    known = registry.resolve("demo", name)
    return known, registry.make("demo", known, {})


def show(name: str, image: Path, out: Path | None, weights: Path | None, options: Mapping[str, Path | None]) -> Report:
    """Run a demonstration on a picture; `out` is by default a folder of the current one named after both.

    Raises `InputError` for bad files and for options that the demonstration does not have.
    """
    known, demo = make(name)
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if not registry.takes(demo.show, key):
            raise InputError(f"the demonstration {known!r} has no such option", field=f"--{key.replace('_', '-')}")
    folder = Path(f"{known.partition(':')[2]}-{image.stem}") if out is None else out
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file; name a folder", file=folder)
    return demo.show(image, folder, weights=weights, **given)


def retrain(name: str, budget: str, say: Say) -> Path:
    """Train the weights of a demonstration again, in the user's cache; returns their folder.

    The seed is derived from the names, as everywhere; a training that is already there is replaced when the new one is
    complete. Raises `InputError` for an unknown budget.
    """
    known, demo = make(name)
    package = known.partition(":")[0]
    root = cache.default_root()
    folder = root / "demo" / f"{known.replace(':', '-')}-{budget}"
    source = dict(naming.sources(package))
    with files.locked(root / "locks" / f"demo-{folder.name}.lock"):
        made = {
            role: registry.make("dataset", dataset, {"cache": None, "root": None, "allow_partial": False})
            for role, dataset in demo.datasets.items()
        }
        data = {role: dataset.fingerprint("train") for role, dataset in made.items()}
        work = root / "work" / f"demo-{naming.key('demo', known, budget, source, data)}"
        work.mkdir(parents=True, exist_ok=True)
        with files.full_disk(work), files.new_folder(folder) as partial:
            demo.retrain(
                made,
                partial,
                budget=budget,
                seed=naming.seed("demo", known, budget),
                workdir=work,
                source=source,
                say=say,
            )
        shutil.rmtree(work, ignore_errors=True)
    return folder
