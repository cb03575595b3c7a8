"""One contract suite over everything that the installed packages register, and over the examples of CONTRIBUTING.

A method is trained on the data that its tables train it on (a few samples, the smallest budget). A pair that cannot
work is a skip with its reason.
"""

from __future__ import annotations

import inspect
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.catalogue import Catalogue
from core_eval import Dataset, InputError, Method, Metric, Sample, score
from core_eval.landmarks import scheme
from core_eval.skeletons import skeleton

ROOT = Path(__file__).parents[1]
BENCHMARKS = {
    file.parent.name: tomllib.loads(file.read_text("utf-8")) for file in ROOT.glob("benchmarks/*/benchmark.toml")
}
TABLES = {
    file.stem: tomllib.loads(file.read_text("utf-8"))
    for file in ROOT.glob("benchmarks/*/*.toml")
    if file.name != "benchmark.toml"
}
INCOMPATIBLE: dict[tuple[str, str], str] = {
    ("landmark-semisup:semi-supervised", "data-synth:stand-in-300w"): "training images have no box to be predicted in",
}
"""(method, data set) -> why the method cannot learn from the data set."""

DTYPES = {"image": np.uint8, "points": np.float64, "visible": np.bool_, "uv": np.float32, "part": np.uint8}


def registered(kind: str) -> dict[str, Any]:
    """``package:name`` -> factory, of the entries of ``METHODS``, ``DATASETS`` or ``METRICS``."""
    modules = {entry.name: entry.load() for entry in entry_points(group="bench.plugins")}
    return {
        f"{package}:{name}": factory
        for package, module in sorted(modules.items())
        for name, factory in getattr(module, kind, {}).items()
    }


METHODS, DATASETS, METRICS = registered("METHODS"), registered("DATASETS"), registered("METRICS")


# Examples of CONTRIBUTING


def example(ending: str, folder: Path) -> Path:
    """The example whose first line names a file with that ending, written below `folder` in its place."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    found = [(name, code) for name, code in re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", text, re.DOTALL)]
    (name, code) = next((name, code) for name, code in found if name.endswith(ending))
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code, "utf-8")
    return file


def run_example(ending: str, folder: Path) -> ModuleType:
    file = example(ending, folder)
    module = ModuleType(file.stem)
    exec(compile(file.read_text("utf-8"), file, "exec"), module.__dict__)
    return module


def test_example_of_a_dataset_keeps_the_contract(tmp_path):
    from core_eval.pts import write_pts

    for index in range(3):
        Image.fromarray(np.full((20, 30, 3), index, np.uint8)).save(tmp_path / f"face_{index}.png")
        write_pts(tmp_path / f"face_{index}.pts", toy(index).target["points"])
    factory = run_example("my_faces.py", tmp_path / "code").MyFaces
    check_dataset(lambda: factory(root=tmp_path, cache=None, allow_partial=False), "test")
    with pytest.raises(InputError, match="root"):
        factory(root=None, cache=None, allow_partial=False)


def test_example_of_a_metric_keeps_the_contract(tmp_path):
    check_metric(run_example("nose.py", tmp_path).nose_error(name="nose@30", point=30), "nose@30")


def test_example_of_a_method_keeps_the_contract(tmp_path):
    check_method(run_example("centre.py", tmp_path / "code").Centre, [toy(index) for index in range(6)], {}, tmp_path)


def test_example_of_a_table_is_read(tmp_path):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    example("my-table.toml", tmp_path)
    table = Catalogue(tmp_path / "benchmarks").table("my-table")
    assert list(table.rows) == ["DenseReg", "Fan and Zhou (2016)"]
    assert table.rows["DenseReg"].method in METHODS


@pytest.mark.parametrize(
    ("ending", "kind"), [("data_real", "DATASETS"), ("core_eval", "METRICS"), ("face_densereg", "METHODS")]
)
def test_registering_lines_of_the_examples_name_their_files(ending, kind, tmp_path):
    line = example(f"{ending}/plugin.py", tmp_path).read_text().strip()
    match = re.fullmatch(rf'{kind}\["([\w-]+)"\] = LazyFactory\("(\w+)\.(\w+):(\w+)"\)', line)
    assert match
    assert match[2] == ending
    assert hasattr(run_example(f"{ending}/{match[3]}.py", tmp_path), match[4])


# Registration


def test_real_training_data_are_those_that_are_scored():
    """Only they are given the folder of the user's copy."""
    trained = {name: spec["train"]["real"] for name, spec in BENCHMARKS.items() if "real" in spec.get("train", {})}
    assert trained
    assert trained == {name: BENCHMARKS[name]["data"]["real"] for name in trained}


def test_ids_in_the_specifications_are_registered():
    used = {("DATASETS", name) for spec in BENCHMARKS.values() for name in spec.get("data", {}).values()}
    trained = [spec["train"] for spec in BENCHMARKS.values() if "train" in spec]
    used |= {("DATASETS", entry[word]) for entry in trained for word in ("dataset", "real") if word in entry}
    used |= {("METRICS", entry["metric"]) for spec in BENCHMARKS.values() for entry in spec.get("metrics", {}).values()}
    used |= {("METHODS", row["method"]) for table in TABLES.values() for row in table["rows"] if "method" in row}
    known = {"METHODS": METHODS, "DATASETS": DATASETS, "METRICS": METRICS}
    assert [f"{kind}: {name}" for kind, name in sorted(used) if name not in known[kind]] == []


@pytest.mark.parametrize("name", METHODS)
def test_options_of_rows_are_options_of_their_method(name):
    factory = inspect.signature(METHODS[name]).parameters
    for table in TABLES.values():
        for row in (row for row in table["rows"] if row.get("method") == name):
            predict = inspect.signature(METHODS[name](**row.get("options", {})).predict).parameters
            assert row.get("options", {}).keys() <= factory.keys(), row["label"]
            assert row.get("predict", {}).keys() <= predict.keys(), row["label"]


# Metrics


def toy(index: int, count: int = 68) -> Sample:
    """A face-like target without a picture of it: points in general position, a uv map with a background."""
    rng = np.random.default_rng([3, index])
    points = rng.uniform(2, 18, (count, 2))
    uv = rng.uniform(0, 1, (20, 30, 2)).astype(np.float32)
    uv[:4] = np.nan
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    box = np.array([1.0, 1.0, 19.0, 19.0])
    target = {"points": points, "uv": uv, "visible": np.ones(count, bool), "box": box, "head_box": box / 2}
    target["joints_mm"] = rng.normal(0, 300, (count, 3))
    return Sample(f"toy/{index}", {"image": image}, target, f"person {index // 2}")


def points_of(entry: Mapping[str, Any]) -> int:
    """How many points a metric of a benchmark scores."""
    options, name = entry.get("options", {}), entry["metric"].partition(":")[2]
    if "things" in options:
        return int(options["things"])
    if "joints" in options and isinstance(options["joints"], int):
        return int(options["joints"])
    if name.startswith("pck"):
        return len(skeleton(options.get("skeleton", "mpii16" if name.startswith("pckh") else "lsp14")).joints)
    return scheme(options.get("layout", "ibug68")).points


CHOSEN = [
    pytest.param(name, entry, id=f"{benchmark}-{name}")
    for benchmark, spec in BENCHMARKS.items()
    for name, entry in spec.get("metrics", {}).items()
]


@pytest.mark.parametrize(("name", "entry"), CHOSEN)
def test_metric_of_a_benchmark(name, entry):
    check_metric(METRICS[entry["metric"]](name=name, **entry.get("options", {})), name, points_of(entry))


def check_metric(metric: Metric, name: str, count: int = 68) -> None:
    samples = [toy(index, count) for index in range(4)]
    if missing := set(metric.needs) - samples[0].target.keys():
        pytest.skip(f"no toy target has {', '.join(sorted(missing))}")
    assert metric.name == name
    assert re.fullmatch(r"[^|\n]+(\|[^|:\n]+:[^|\n]+)+", metric.signature)
    assert metric.better in ("higher", "lower")
    assert metric.unit

    def value(size: float) -> float:
        """The score of predictions with noise of that size, relative to the spread of the truth; always the same."""
        rng = np.random.default_rng(4)

        def noisy(truth: np.ndarray) -> np.ndarray:
            return truth + size * np.nanstd(truth) * rng.normal(size=truth.shape)

        guesses = [{key: noisy(sample.target[key]) for key in metric.needs} for sample in samples]
        return score(
            metric, [(sample.id, guess, sample.target) for sample, guess in zip(samples, guesses, strict=True)]
        ).value

    perfect, near, far = value(0.0), value(0.1), value(1.0)
    best = 100.0 if metric.unit == "percent" else 1.0
    assert perfect == pytest.approx({"higher": best, "lower": 0.0}[metric.better], abs=1e-9)
    order = [perfect, near, far]
    assert order == sorted(order, reverse=metric.better == "higher"), "a worse prediction never scores better"
    assert far != perfect
    nothing = [{key: np.full_like(sample.target[key], np.nan) for key in metric.needs} for sample in samples]
    worst = score(metric, [(sample.id, guess, sample.target) for sample, guess in zip(samples, nothing, strict=True)])
    assert worst.n == len(samples), "a failed sample stays in the denominator"
    assert not (worst.value < far if metric.better == "lower" else worst.value > far)


# Data sets


REAL = {spec.get("data", {}).get("real") for spec in BENCHMARKS.values()}
STAND_INS = [name for name in DATASETS if name not in REAL]


def splits_of(name: str) -> set[str]:
    """Splits of a data set that the benchmarks use; a split without a count for its kind of data is not in it."""
    tested = {
        split
        for spec in BENCHMARKS.values()
        for kind, dataset in spec.get("data", {}).items()
        for split, entry in spec["splits"].items()
        if dataset == name and kind in entry
    }
    trained = [spec["train"] for spec in BENCHMARKS.values() if spec.get("train", {}).get("dataset") == name]
    return tested | {entry[word] for entry in trained for word in ("split", "valid") if word in entry}


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", STAND_INS)
def test_stand_in_dataset(name, cache):
    made = DATASETS[name](cache=cache, root=None, allow_partial=False)
    assert made.kind == "stand-in"
    seen: dict[str, str] = {}
    for split in sorted(splits_of(name)) or ["test"]:
        check_dataset(lambda: DATASETS[name](cache=cache, root=None, allow_partial=False), split)
        role = split if split in ("train", "valid") else "scored"  # scored splits may be parts of each other
        for sample in islice(made.split(split), 4):
            assert seen.setdefault(sample.group, role) == role, "nobody is both trained on and scored"
    for spec in BENCHMARKS.values():
        for split, entry in spec["splits"].items():
            if spec.get("data", {}).get("stand-in") == name and "stand-in" in entry:
                assert len(made.split(split)) == entry["stand-in"]


@pytest.mark.parametrize("name", [name for name in DATASETS if name in REAL])
def test_real_dataset_says_how_to_get_it(name, tmp_path):
    with pytest.raises(InputError) as caught:
        DATASETS[name](cache=tmp_path, root=None, allow_partial=False)
    assert len(str(caught.value)) > 80
    with pytest.raises(InputError):
        DATASETS[name](cache=tmp_path, root=tmp_path / "none", allow_partial=True).split("test")


def check_dataset(make: Any, split: str) -> None:
    data, again = make(), make()
    assert isinstance(data, Dataset)
    assert data.kind in ("real", "stand-in")
    assert data.fingerprint(split) == again.fingerprint(split)
    with pytest.raises(InputError):
        data.split("no such split")
    with pytest.raises(InputError):
        data.fingerprint("no such split")
    samples = data.split(split)
    assert isinstance(samples, Sequence)
    count = len(samples)
    first = list(islice(samples, 3))
    assert len({sample.id for sample in first}) == len(first)
    assert samples[-count].id == first[0].id
    with pytest.raises(IndexError):
        samples[count]
    assert [sample.id for sample in samples[1:3]] == [sample.id for sample in first[1:]]
    assert len(samples[:2]) == 2
    for one, two in zip(first, islice(again.split(split), 3), strict=True):
        check_sample(one)
        assert (one.id, one.group) == (two.id, two.group)
        for arrays, others in ((one.inputs, two.inputs), (one.target, two.target)):
            assert arrays.keys() == others.keys()
            for key in arrays:
                np.testing.assert_array_equal(arrays[key], others[key])


def check_sample(sample: Sample) -> None:
    assert sample.id
    assert sample.group
    assert not sample.inputs.keys() & sample.target.keys(), "a method sees no target"
    for key, array in {**sample.inputs, **sample.target}.items():
        assert isinstance(array, np.ndarray | np.generic)
        if key in DTYPES:
            assert array.dtype == DTYPES[key], key
    height, width = sample.inputs["image"].shape[:2]
    assert sample.inputs["image"].shape == (height, width, 3)
    if "points" in sample.target:
        assert sample.target["points"].shape[1:] == (2,)
    if "uv" in sample.target:
        uv = sample.target["uv"]
        assert uv.shape == (height, width, 2)
        inside = np.isfinite(uv).all(-1)
        assert (np.isnan(uv).all(-1) | inside).all(), "both coordinates or neither"
        assert ((uv[inside] >= 0) & (uv[inside] <= 1)).all()
        if "part" in sample.target:
            np.testing.assert_array_equal(sample.target["part"] > 0, inside)


# Methods


def pairs() -> Iterator[Any]:
    """(method, training data set, options, predict options) of the rows, one per method and data set."""
    seen = set()
    for table in TABLES.values():
        train = BENCHMARKS[table["protocol"]].get("train", {}).get("dataset")
        for row in table["rows"]:
            name = row.get("method")
            if name in METHODS and train in DATASETS and (name, train) not in seen:
                seen.add((name, train))
                reason = INCOMPATIBLE.get((name, train))
                marks = [pytest.mark.skip(reason=reason)] if reason else []
                yield pytest.param(name, train, row.get("options", {}), marks=marks, id=f"{name}-{train}")


@pytest.mark.parametrize(("name", "train", "options"), list(pairs()))
def test_method(name, train, options, cache, tmp_path):
    dataset = DATASETS[train](cache=cache, root=None, allow_partial=False)
    check_method(METHODS[name], list(islice(dataset.split("train"), 64)), options, tmp_path)


def check_method(factory: Any, samples: list[Sample], options: Mapping[str, Any], folder: Path) -> None:
    method, test = factory(**options), samples[:3]
    assert isinstance(method, Method)
    before = [sample.inputs["image"].copy() for sample in samples]
    method.fit(samples[:-1], samples[-1:], seed=7, budget="smoke", workdir=folder / "work")
    predictions = predict(method, test)
    for image, sample in zip(before, samples, strict=True):
        np.testing.assert_array_equal(image, sample.inputs["image"], err_msg="inputs are not altered")
    for prediction, sample in zip(predictions, test, strict=True):
        height, width = sample.inputs["image"].shape[:2]
        for key, array in prediction.items():
            assert isinstance(array, np.ndarray)
            if key in DTYPES:
                assert array.dtype == DTYPES[key], key
        if "points" in prediction:
            assert prediction["points"].shape == sample.target["points"].shape
        if "uv" in prediction:
            assert prediction["uv"].shape == (height, width, 2)
    assert_same(predict(method, test[::-1]), predictions[::-1], "in order")
    assert list(method.predict(iter(()))) == []

    method.save(folder / "saved")
    kinds = {file.suffix for file in (folder / "saved").rglob("*") if file.is_file()}
    assert kinds <= {".json", ".safetensors", ".npy", ".npz"}
    loaded = factory(**options)
    loaded.load(folder / "saved")
    assert_same(predict(loaded, test), predictions, "saved and loaded")
    (folder / "empty").mkdir()
    with pytest.raises(InputError):
        factory(**options).load(folder / "empty")
    with pytest.raises(InputError):
        factory(**options).load(folder / "none")


def predict(method: Method, samples: list[Sample]) -> list[Mapping[str, np.ndarray]]:
    return list(method.predict(sample.inputs for sample in samples))


def assert_same(ones: list[Any], others: list[Any], message: str) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_allclose(one[key], other[key], rtol=1e-5, atol=1e-5, err_msg=f"{message}: {key}")
