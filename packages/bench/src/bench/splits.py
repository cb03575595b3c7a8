"""The samples that are scored: found, counted, rendered where they have to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import jobs
from bench.jobs import Place
from bench.parts import parts_of, whole
from bench.reading import nearest
from bench.spec import KINDS, Benchmark
from bench.workspace import Workspace
from core_eval import Dataset, InputError, Kind, Sample

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A split that predictions are scored against. `partial` says what an incomplete real copy lacks."""

    benchmark: Benchmark
    data: Kind
    split: str
    dataset: Dataset
    samples: Sequence[Sample]
    partial: str

    @property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint(self.split)


def find(
    workspace: Workspace, protocol: str, *, data: Kind | None, split: str | None, place: Place, tell: Tell
) -> Target:
    """The split, ready to be read. Without `data`, real if the place has a root; without `split`, the only one or test.

    Raises `InputError` for unknown names, for data that cannot be read, and for an incomplete copy that is not allowed.
    """
    benchmark = workspace.catalogue.benchmark(protocol)
    kind: Kind = data or ("real" if place.root is not None or "stand-in" not in benchmark.data else "stand-in")
    if kind not in benchmark.data:
        raise InputError(
            f"no {kind} data of {protocol} can be read yet, so nothing can be scored by it; {able(workspace)}",
            file=benchmark.file,
            field=f"data.{kind}",
        )
    name = split or _default_split(benchmark, kind)
    if name not in benchmark.splits:
        raise InputError(f"{protocol} has no split {name!r}{nearest(name, benchmark.splits)}", file=benchmark.file)
    if benchmark.splits[name].counts and kind not in benchmark.splits[name].counts:
        able_here = ", ".join(_splits(benchmark, kind)) or "none"
        raise InputError(
            f"the split {name!r} of {protocol} has no {kind} data; there is {able_here}", file=benchmark.file
        )
    dataset = jobs.dataset(benchmark.data[kind], place, kind == "real", parts_of(benchmark))
    samples = ready(benchmark, kind, dataset, name, allow_partial=place.allow_partial, tell=tell)
    partial = getattr(dataset, "partial", None)
    return Target(benchmark, kind, name, dataset, samples, str(partial(name)) if callable(partial) else "")


def able(workspace: Workspace) -> str:
    """``what can be: 300w (real, stand-in)``: the protocols whose data an installed package reads or renders."""
    catalogue = workspace.catalogue
    found = {key: [kind for kind in KINDS if kind in catalogue.benchmark(key).data] for key in catalogue.keys}
    names = [f"{key} ({', '.join(kinds)})" for key, kinds in found.items() if kinds]
    return f"what can be: {', '.join(names)}" if names else "nor can any other"


def ready(
    benchmark: Benchmark, kind: Kind, dataset: Dataset, name: str, *, allow_partial: bool, tell: Tell
) -> Sequence[Sample]:
    """The split, counted, and rendered with a progress bar where samples are missing.

    Raises `InputError` for another number of samples than the protocol's, unless that is allowed.
    """
    from bench.console import bar

    if whole(benchmark, name) != name:
        ready(benchmark, kind, dataset, whole(benchmark, name), allow_partial=allow_partial, tell=tell)
        return dataset.split(name)
    samples = dataset.split(name)
    wanted = benchmark.splits[name].counts.get(kind)
    if wanted not in (None, len(samples)) and not allow_partial:
        raise InputError(
            f"{benchmark.data[kind]}/{name} has {len(samples)} samples, the protocol {wanted}", file=benchmark.file
        )
    render, missing = getattr(samples, "prepare", None), getattr(dataset, "missing", None)
    if callable(render) and not (callable(missing) and missing(name) == 0):
        tell(f"preparing {benchmark.data[kind]}/{name}")
        with bar("rendering") as progress:
            render(progress)
    return samples


def _splits(benchmark: Benchmark, kind: Kind) -> list[str]:
    return [name for name, split in benchmark.splits.items() if not split.counts or kind in split.counts]


def _default_split(benchmark: Benchmark, kind: Kind) -> str:
    names = _splits(benchmark, kind)
    if len(names) == 1:
        return names[0]
    if "test" in names:
        return "test"
    raise InputError(f"{benchmark.key} has several splits, name one: {', '.join(names)}", field="split")
