"""What a reproduction would do: what is cached, what must be made, and how long that took before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from bench.cache import Cache
from bench.jobs import Job, data_of, keys_of
from bench.reproduce import Prepared
from bench.store import Store
from core_eval import Dataset, Result


@dataclass(frozen=True, slots=True)
class Step:
    """One run; `seconds` and `memory_mib` are None where no earlier result tells."""

    row: str
    columns: tuple[str, ...]  # keys
    seed: int
    split: str
    model: str  # "cached", "checkpoint", "to train", or "shared" with a step before
    predictions: str  # "cached", "to make", or "shared" with a step before
    seconds: float | None
    memory_mib: float | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The steps in order, the state of the data, and the estimate over what is not cached.

    `titles` names the columns that are filled and `left_out` those that the budget leaves out.
    """

    budget: str
    steps: tuple[Step, ...]
    titles: dict[str, str]
    left_out: dict[str, str]
    data: dict[str, str]
    seconds: float | None
    memory_mib: float | None


def preview(prepared: Prepared) -> Preview:
    """Look at the cache and at earlier results; computes and writes nothing."""
    cache = Cache(prepared.place.cache)
    earlier = Store(prepared.workspace.results).read(prepared.benchmark.key, prepared.table.id)
    steps: list[Step] = []
    models: set[str] = set()
    files: set[str] = set()
    for job in prepared.jobs:
        keys = keys_of(job)
        done = cache.has_predictions(keys)
        if cache.has_model(keys):
            model = "cached"
        elif keys.model in models:
            model = "shared"
        else:
            model = "checkpoint" if cache.has_checkpoint(keys) else "to train"
        predictions = "cached" if done else "shared" if keys.predictions in files else "to make"
        models.add(keys.model)
        files.add(keys.predictions)
        seconds, memory = _estimate(job, earlier)
        if model in ("cached", "shared") and predictions == "to make":
            seconds = None if seconds is None else 0.0  # what is recorded is training and prediction together
        steps.append(
            Step(
                row=job.run.row,
                columns=job.run.columns,
                seed=job.run.repetition,
                split=job.run.split,
                model=model,
                predictions=predictions,
                seconds=seconds if predictions == "to make" else 0.0,
                memory_mib=memory,
            )
        )
    todo = [step for step in steps if step.predictions != "cached"]
    known = [step.seconds for step in todo if step.seconds is not None]
    peaks = [step.memory_mib for step in todo if step.memory_mib is not None]
    filled = {key for step in steps for key in step.columns}
    columns = prepared.table.columns
    budget = prepared.budget
    return Preview(
        budget=budget,
        steps=tuple(steps),
        titles={key: column.title for key, column in columns.items() if key in filled},
        left_out={one.key: one.title for one in prepared.table.left_out(budget) if one.key not in filled},
        data=_data(prepared.jobs),
        seconds=sum(known) if len(known) == len(todo) else None,
        memory_mib=max(peaks) if peaks and len(peaks) == len(todo) else None,
    )


def document(found: Preview) -> dict[str, object]:
    return asdict(found)


def _estimate(job: Job, earlier: Sequence[Result]) -> tuple[float | None, float | None]:
    """Median time and memory of the same row under the same budget."""
    same = [
        result.provenance
        for result in earlier
        if (result.row, result.budget, result.data) == (job.run.row, job.run.budget, job.run.data) and not result.error
    ]
    if not same:
        return None, None
    return median(one.seconds for one in same), max(one.peak_memory_mib for one in same)


def _data(jobs: Sequence[Job]) -> dict[str, str]:
    """What is there of every split that the jobs read."""
    found: dict[str, str] = {}
    for job in jobs:
        train, scored = data_of(job)
        for name, dataset, split in (
            (job.run.train.dataset, train, job.run.train.split),
            (job.run.train.dataset, train, job.run.train.valid),
            (job.run.dataset, scored, job.run.split),
        ):
            found.setdefault(f"{name}/{split}", state(dataset, split))
    return found


def state(dataset: Dataset, split: str) -> str:
    """``600 samples``, and for rendered data how many are still to be rendered."""
    count = len(dataset.split(split))
    missing = getattr(dataset, "missing", None)
    if not callable(missing):
        return f"{count} samples"
    absent = int(missing(split))
    return f"{count} samples, {'all there' if not absent else f'{absent} to render'}"
