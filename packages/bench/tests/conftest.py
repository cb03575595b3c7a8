"""An installed package with fake methods and data, and a checkout with a fake benchmark: milliseconds, no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

PLUGIN = """
from core_eval import LazyFactory

METHODS = {name: LazyFactory(f"fakepack.parts:{name.capitalize()}") for name in ("noisy", "constant", "broken", "slow")}
METRICS = {"beauty": LazyFactory("fakepack.parts:beauty")}
DATASETS = {name: LazyFactory(f"fakepack.parts:{name.capitalize()}") for name in ("faces", "photos")}
"""

PARTS = '''
import hashlib, json, os, time
from pathlib import Path
import numpy as np
from core_eval import InputError, Sample

def note(text):
    if "FAKE_LOG" in os.environ:
        with open(os.environ["FAKE_LOG"], "a") as log: log.write(text + "\\n")


COUNT = {"train": 20, "valid": 10, "test": 60}


class Split:
    def __init__(self, name, n): self.name, self.n = name, n
    def __len__(self): return self.n
    def __getitem__(self, i):
        if isinstance(i, slice): return [self[j] for j in range(*i.indices(self.n))]
        if i >= self.n: raise IndexError(i)
        rng = np.random.default_rng([i, len(self.name)])
        points = rng.uniform(0, 100, (68, 2))
        points[36], points[45] = (30, 40), (80, 40)
        return Sample(f"{self.name}/{i:03}", {"hint": points, "difficulty": rng.uniform(0.2, 1.8)},
                      {"points": points}, f"person {i // 3}")


class Faces:
    """Fake rendered faces."""
    name, kind = "faces", "stand-in"
    def __init__(self, *, cache=None, root=None, allow_partial=False): pass
    def split(self, name):
        if name not in COUNT: raise InputError(f"unknown split {name!r}")
        return Split(name, COUNT[name])
    def fingerprint(self, name): return hashlib.sha256(name.encode()).hexdigest()
    def preview(self, split, path, *, n, progress):
        progress(n, n)
        Path(path).write_text(f"{n} of {split}")


class Photos(Faces):
    """Fake photographs."""
    name, kind = "photos", "real"
    def __init__(self, *, cache=None, root=None, allow_partial=False):
        if root is None: raise InputError("this data set needs --root")
        self.allow_partial = allow_partial
    def verify(self, *, progress):
        progress(1, 1)
        return Report()
    def fingerprint(self, name): return hashlib.sha256(f"{name} {self.allow_partial}".encode()).hexdigest()
    def partial(self, split): return "3 of 63 images are missing" if self.allow_partial else ""


class Report:
    complete, problems, notes = False, ("test/007: the image is cut off",), ("test/061 is one too many",)
    def rows(self): return [{"split": "test", "expected": 60, "found": 59}]


class Noisy:
    """Sees the truth through noise of a given size."""
    def __init__(self, *, noise: float = 1.0): self.noise, self.seed, self.bias = noise, None, 0.0
    def fit(self, train, valid, *, seed, budget, workdir):
        self.seed = seed
        note(f"fit {self.noise} {seed}")
    def predict(self, inputs, *, shrink: float = 1.0):
        for index, arrays in enumerate(inputs):
            rng = np.random.default_rng([self.seed, index])
            yield {"points": arrays["hint"] + shrink * self.noise * arrays["difficulty"] * rng.normal(size=(68, 2))}
    def save(self, path): path.mkdir(parents=True); (path / "state.json").write_text(json.dumps(self.seed))
    def load(self, path): self.seed = json.loads((path / "state.json").read_text())


class Constant(Noisy):
    """Always says 50."""
    def __init__(self): super().__init__()
    def predict(self, inputs):
        for arrays in inputs: yield {"points": np.full((68, 2), 50.0)}


class Broken(Noisy):
    """Fails."""
    def __init__(self, *, how: str = "fit"): super().__init__(); self.how = how
    def fit(self, train, valid, **rest):
        if self.how == "fit": raise RuntimeError("the loss is NaN\\nat step 3")
        if self.how == "disk": raise OSError(28, "No space left on device")
        self.seed = 0
    def predict(self, inputs):
        for index, prediction in enumerate(super().predict(inputs)):
            if self.how == "short" and index == 5: return
            if self.how == "infinite" and index == 5: prediction["points"][:] = np.inf
            if self.how == "features": prediction["features"] = np.ones(2)
            yield {} if self.how == "arrays" else prediction


def beauty(name="beauty"):
    """What a network of others would say."""
    import core_eval
    return core_eval.Metric(name, "points", "higher", "beauty|v:1", ("features",), lambda p, t: p["features"].mean(),
                            np.nan, lambda v: float(v.mean()), external="the network's published weights")


class Slow(Noisy):
    """Counts to 20 with a checkpoint after each step."""
    def fit(self, train, valid, *, seed, budget, workdir):
        self.seed, file = seed, workdir / "step"
        start = int(file.read_text()) if file.exists() else 0
        for step in range(start, 20):
            note(f"step {step}")
            time.sleep(0.05)
            (workdir / "partial").write_text(str(step + 1)); (workdir / "partial").replace(file)
'''

PAPERS = """
[paper]
title = "A paper"
authors = ["Somebody"]
year = 2020
venue = "Nowhere"
code = "000"
"""

BENCHMARK = """
title = "Toy faces"
description = "Sixty fake faces."
[data]
real = "fakepack:photos"
stand-in = "fakepack:faces"
[train]
dataset = "fakepack:faces"
[splits.test]
description = "the test set"
real = 60
stand-in = 60
box = "none: whole image"
[metrics."ced-auc@0.10"]
metric = "core-eval:ced-auc"
options = { limit = 0.10, normaliser = "outer-eye-corners" }
source = "paper"
[metrics."failure@0.10"]
metric = "core-eval:failure"
options = { limit = 0.10, normaliser = "outer-eye-corners" }
source = "paper"
[metrics.nme]
metric = "core-eval:nme"
options = { normaliser = "outer-eye-corners" }
source = "choice"
ranked = false
"""

TABLE = """
title = "Toy table"
paper = "paper"
where = "Table 1"
protocol = "toy"
split = "test"
notes = ["The paper contradicts itself."]
[columns.auc]
title = "AUC"
metric = "ced-auc@0.10"
[columns.fr]
title = "Failure Rate"
metric = "failure@0.10"
[columns.fps]
title = "Speed"
unit = "frames per second"
better = "higher"
[[rows]]
label = "Good"
method = "fakepack:noisy"
options = { noise = 2.0 }
reported = { auc = "0.5123", fr = "10.0" }
[[rows]]
label = "Good, half"
method = "fakepack:noisy"
options = { noise = 2.0 }
predict = { shrink = 0.5 }
[[rows]]
label = "Bad"
method = "fakepack:constant"
columns = ["fr"]
[[rows]]
label = "Cited"
reported = { auc = "0.4", fr = "12", fps = "30" }
[[rows]]
label = "Later"
reported = { auc = "0.6" }
needs = "a cascade"
[[claims]]
text = "Good beats Bad"
holds_in_paper = "yes"
better = ["Good"]
worse = ["Bad"]
columns = "all"
[[claims]]
text = "Half beats whole, and Good beats Cited"
holds_in_paper = "partly"
comment = "Half is ours."
[[claims.pairs]]
better = ["Good, half"]
worse = ["Good"]
columns = ["auc"]
[[claims.pairs]]
better = ["Good"]
worse = ["Cited"]
columns = ["auc", "fr"]
[[claims]]
text = "Whole beats half"
claimed_by_paper = false
holds_in_paper = "not-checkable"
better = ["Good"]
worse = ["Good, half"]
columns = ["auc"]
[[claims]]
text = "It is remarkable"
holds_in_paper = "judgement"
"""


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Checkout:
    """A folder with benchmarks, a cache, and a site with the fake package."""

    root: Path
    cache: Path
    site: Path

    @property
    def table(self) -> Path:
        return self.root / "benchmarks" / "toy" / "toy-table.toml"

    @property
    def results(self) -> Path:
        return self.root / "results" / "toy" / "toy-table.jsonl"

    @property
    def parts(self) -> Path:
        return self.site / "fakepack" / "parts.py"

    def edit(self, old: str, new: str, file: Path | None = None) -> None:
        file = file or self.table
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "BENCH_HOME": str(self.root),
            "BENCH_CACHE": str(self.cache),
            "PYTHONPATH": str(self.site),
            **more,
        }

    def process(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", "from bench.cli import main; main()", *arguments],
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job ignores interrupts and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


def forget() -> None:
    """Drop what the running process remembers of plugins and their code."""
    from bench import jobs, naming, registry

    for memory in (registry.plugins, naming.sources, jobs.dataset):
        memory.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "fakepack"]:
        del sys.modules[name]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "home", tmp_path / "cache", tmp_path / "site")
    files = {
        made.site / "fakepack" / "__init__.py": "",
        made.site / "fakepack" / "plugin.py": PLUGIN,
        made.parts: PARTS,
        made.site
        / "fakepack-1.0.dist-info"
        / "METADATA": "Metadata-Version: 2.1\nName: fakepack\nVersion: 1.0\nRequires-Dist: numpy\n",
        made.site / "fakepack-1.0.dist-info" / "entry_points.txt": "[bench.plugins]\nfakepack = fakepack.plugin\n",
        made.root / "benchmarks" / "papers.toml": PAPERS,
        made.root / "benchmarks" / "toy" / "benchmark.toml": BENCHMARK,
        made.table: TABLE,
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    monkeypatch.setenv("BENCH_HOME", str(made.root))
    monkeypatch.setenv("BENCH_CACHE", str(made.cache))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edited source of the same second must be read again
    monkeypatch.syspath_prepend(made.site)
    forget()
    yield made
    forget()


@pytest.fixture
def bench(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:  # noqa: ARG001
    """Run a command wholly in this process: a worker that an earlier test left would know the plugins of that test."""
    monkeypatch.setattr("bench.reproduce.beside", lambda _: 1)

    def call(*arguments: str | Path) -> Ran:
        from bench.cli import app

        forget()
        found = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Ran(found.exit_code, found.stdout, found.stderr)

    return call
