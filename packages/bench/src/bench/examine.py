"""Are these predictions what the protocol asks for? Looked at before any number is shown; nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import ids, jobs, parts
from bench.given import Given
from bench.reading import nearest
from bench.scoring import Scored, score_split
from bench.spec import Benchmark, MetricChoice
from bench.splits import Target
from core_eval import Arrays, InputError, Metric, UnscorableError

CORE = "core-eval:"
"""The package whose metrics have published conventions."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A metric of the protocol, in its own choices or (named) in those of a published evaluator."""

    name: str
    convention: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class Examined:
    """Predictions beside the split they are for.

    Attributes:
        choices: the metrics that were computed.
        left_out: metric of the protocol -> why it was not.
        extra: ids that the split does not have; `malformed`: id -> why it cannot be read.
        hint: what is the matter with ids that do not fit.
    """

    target: Target
    given: Given
    choices: tuple[Choice, ...]
    left_out: Mapping[str, str]
    scored: Scored
    extra: tuple[str, ...]
    malformed: Mapping[str, str]
    hint: str

    @property
    def expected(self) -> int:
        """How many samples a complete copy of the split has."""
        counts = self.target.benchmark.splits[self.target.split].counts
        return max(len(self.scored.ids), counts.get(self.target.data, 0))

    @property
    def present(self) -> int:
        """How many samples were scored."""
        return len(self.scored.samples.ids) if self.scored.samples else 0

    @property
    def partial(self) -> str:
        """``"540 of 600"``; empty if nothing is missing."""
        return "" if self.present == self.expected else f"{self.present} of {self.expected}"

    @property
    def problems(self) -> dict[str, Mapping[str, str]]:
        """What is wrong: kind -> sample id -> what is known of it. Empty kinds are there too."""
        return {
            "missing": dict.fromkeys(self.scored.missing, ""),
            "extra": dict.fromkeys(self.extra, ""),
            "duplicate": {sample: "; ".join(places) for sample, places in self.given.duplicates.items()},
            "malformed": self.malformed,
        }

    @property
    def complete(self) -> bool:
        return not any(self.problems.values()) and not self.partial

    def require(self, *, allow_partial: bool) -> None:
        """Raise `InputError` unless complete. What `allow_partial` forgives is missing and extra samples."""
        wrong = {kind: found for kind, found in self.problems.items() if found}
        fatal = {kind: wrong[kind] for kind in ("duplicate", "malformed") if kind in wrong}
        if (allow_partial and not fatal and self.present) or (not wrong and not self.partial):
            return
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in wrong.items()) or f"only {self.partial}"
        kind, found = next(iter((fatal or wrong).items()), ("", {}))
        sample, why = next(iter(found.items()), (None, ""))
        first = f"; the first {kind} one is {sample!r}{f' ({why})' if why else ''}" if sample is not None else ""
        hint = f"; {self.hint}" if self.hint else ""
        forgiven = "" if fatal or not self.present else ", --allow-partial scores what is there"
        raise InputError(
            f"the predictions are not those of {self.target.benchmark.key}/{self.target.split} ({counts} of "
            f"{self.expected} samples){first}{hint}; `bench validate` lists all{forgiven}",
            file=self.given.path,
        )


def choices(
    benchmark: Benchmark, names: Sequence[str] = (), *, convention: str = "", all_conventions: bool = False
) -> tuple[Choice, ...]:
    """Metrics of a protocol by name, all if none is named, in the conventions that are asked for.

    With `convention`, a metric that does not have it keeps the protocol's choices, unless it was named. Raises
    `InputError` for an unknown metric, or a convention that none of them has.
    """
    for name in names:
        if name not in benchmark.metrics:
            raise InputError(
                f"{benchmark.key} has no metric {name!r}{nearest(name, benchmark.metrics)}", field="metric"
            )
    wanted = [choice for name, choice in benchmark.metrics.items() if not names or name in names]
    if convention:
        return _in_convention(wanted, convention, strict=bool(names))
    if all_conventions:
        return tuple(one for choice in wanted for one in _every(choice))
    return tuple(Choice(choice.name, "", jobs.metric(choice)) for choice in wanted)


def _every(choice: MetricChoice) -> Iterator[Choice]:
    """The protocol's own first, then what the public evaluators make of it."""
    from core_eval import variants

    own = jobs.metric(choice)
    yield Choice(choice.name, "", own)
    if choice.metric.startswith(CORE):
        for metric in variants(choice.metric.removeprefix(CORE), **{**choice.options, "name": choice.name}):
            if metric.signature != own.signature:
                yield Choice(choice.name, _convention(metric, choice), metric)


def _in_convention(wanted: Sequence[MetricChoice], convention: str, *, strict: bool) -> tuple[Choice, ...]:
    known: dict[str, None] = {}
    found = []
    for choice in wanted:
        every = {one.convention: one for one in _every(choice)}
        own = every.pop("")
        if choice.metric.startswith(CORE):
            same = _conventions_like(choice, own.metric)
            every |= {name: Choice(choice.name, name, own.metric) for name in same}
        known.update(dict.fromkeys(every))
        if strict and convention not in every:
            raise InputError(
                f"{choice.name} has no convention {convention!r}{nearest(convention, every)}", field="convention"
            )
        found.append(every.get(convention, own))
    if convention not in known:
        raise InputError(
            f"no metric here has the convention {convention!r}{nearest(convention, known)}", field="convention"
        )
    return tuple(found)


def _conventions_like(choice: MetricChoice, own: Metric) -> list[str]:
    """Names of the published conventions that the protocol's own choices are."""
    from core_eval import variants

    found = variants(choice.metric.removeprefix(CORE), **{**choice.options, "name": choice.name})
    return [name for one in found if one.signature == own.signature and (name := _convention(one, choice))]


def _convention(metric: Metric, choice: MetricChoice) -> str:
    return metric.name.removeprefix(choice.name).strip(" ()")


def examine(target: Target, given: Given, wanted: Sequence[Choice], *, strict: bool = False) -> Examined:
    """Compare ids, and score every sample that can be.

    A metric whose arrays the predictions or the data do not have is left out with the reason; `strict` raises it as
    `InputError`.
    """
    predictions: Mapping[str, Arrays] = _Detections(given) if given.detections else given.arrays
    left_out: dict[str, str] = {}
    kept = []
    first = next((one for one in target.samples if one.id in predictions), None)
    for choice in wanted:
        reason = _lack(choice.metric, given)
        if not reason and first is not None:
            reason = _lack_of_data(choice.metric, predictions[first.id], first.target, target)
        if not reason:
            kept.append(choice)
        elif strict:
            raise InputError(f"{choice.name} cannot be measured: {reason}", file=given.path)
        else:
            left_out[choice.name] = reason
    if not kept:
        whole = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"no metric of {target.benchmark.key} can be measured: {whole}", file=given.path)
    scored = score_split([choice.metric for choice in kept], target.samples, predictions)
    known = set(scored.ids)
    extra = tuple(sample for sample in given.arrays if sample not in known)
    complete = parts.whole(target.benchmark, target.split)
    if extra and complete != target.split:  # predictions of the whole split serve its parts
        known |= {sample.id for sample in target.dataset.split(complete)}
        extra = tuple(sample for sample in extra if sample not in known)
    malformed = {sample: _told(reason) for sample, reason in scored.malformed.items()}
    malformed |= {sample: "not a printable id" for sample in extra if not (sample and sample.isprintable())}
    wanting = scored.missing if not given.detections else tuple(one for one in scored.ids if one not in given.arrays)
    hint = ids.hint(wanting, extra) if extra else ""
    return Examined(
        target=target,
        given=given,
        choices=tuple(kept),
        left_out=left_out,
        scored=scored,
        extra=tuple(sample for sample in extra if sample not in malformed),
        malformed=malformed,
        hint=hint,
    )


def _told(reason: InputError) -> str:
    return reason.message if reason.field is None else f"{reason.message} (field {reason.field})"


def _lack(metric: Metric, given: Given) -> str:
    absent = [name for name in metric.needs if name not in given.names()]
    if not absent:
        return ""
    has = f"they have {', '.join(given.names()) or 'no arrays'}"
    return f"needs {metric.external}" if metric.external else f"the predictions have no {', '.join(absent)}; {has}"


def _lack_of_data(metric: Metric, prediction: Arrays, truth: Arrays, target: Target) -> str:
    """Whether the annotation lacks what the metric compares with: exact template coordinates of a photograph, say."""
    try:
        metric.per_sample(prediction, truth)
    except KeyError as key:
        if key.args and key.args[0] not in truth:
            return f"the {target.data} data have no {key.args[0]}"
        raise
    except (InputError, UnscorableError):
        pass  # of this sample: scoring says so
    return ""


class _Detections(Mapping[str, Arrays]):
    """Predictions where an image that is not named has no detections."""

    def __init__(self, given: Given) -> None:
        self._given, self._nothing = given.arrays, given.nothing_found()

    def __getitem__(self, sample: str) -> Arrays:
        return self._given.get(sample, self._nothing)

    def __contains__(self, sample: object) -> bool:
        return isinstance(sample, str)

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)
