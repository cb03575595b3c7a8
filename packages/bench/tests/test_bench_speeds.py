"""Speeds that a method tells: measured with its predictions, kept beside the results, shown in the footer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import speeds
from bench.speeds import Speeds
from core_eval import InputError, Sample

TELLS = """    def speeds(self, inputs, *, shrink: float = 1.0):
        note(f"timed on {len(inputs)}")
        return {"noise": 12.34 * shrink, "the rest": 0.0456}
    def save(self, path): path.mkdir(parents=True); (path / "state.json").write_text(json.dumps(self.seed))"""


def tell(checkout) -> None:
    """Let the fake method say how fast it is."""
    checkout.edit(
        '    def save(self, path): path.mkdir(parents=True); (path / "state.json").write_text(json.dumps(self.seed))',
        TELLS,
        checkout.parts,
    )


def test_speeds_are_kept_once_and_shown_on_terminal_and_page(checkout, bench, monkeypatch, tmp_path: Path) -> None:
    tell(checkout)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    first = bench("reproduce", "toy-table", "--seeds", "2")
    assert first.code == 0
    line = next(line for line in " ".join(first.out.split()).split("Speed on ")[1:])
    assert "median of 20 samples: Good: noise 12 ms, the rest 0.046 ms; Good, half: noise 6.2 ms" in line
    files = list((checkout.root / "results" / "toy" / "speeds").glob("*.json"))
    assert len(files) == 5, "one for each file of predictions: those of the constant row are the same for both seeds"
    before = {file: file.read_bytes() for file in files}
    again = bench("reproduce", "toy-table", "--seeds", "2")
    assert "noise 12 ms" in " ".join(again.out.split()), "from the cache"
    assert {file: file.read_bytes() for file in files} == before
    assert (tmp_path / "log").read_text().count("timed on 20") == 6, "nothing is timed twice"
    assert bench("leaderboard").code == 0
    page = (checkout.root / "leaderboards" / "toy.md").read_text("utf-8")
    assert "Good: noise 12 ms, the rest 0.046 ms; Good, half: noise 6.2 ms" in page
    assert bench("leaderboard", "--check").code == 0


def test_results_without_speeds_are_shown_as_before(checkout, bench) -> None:
    assert bench("reproduce", "toy-table").code == 0
    assert not (checkout.root / "results" / "toy" / "speeds").exists()
    assert bench("leaderboard").code == 0
    assert "Speed on" not in (checkout.root / "leaderboards" / "toy.md").read_text("utf-8")


def test_a_damaged_file_is_named(checkout, bench) -> None:
    tell(checkout)
    assert bench("reproduce", "toy-table").code == 0
    file = sorted((checkout.root / "results" / "toy" / "speeds").glob("*.json"))[0]
    record = json.loads(file.read_text())
    for broken in ("{", json.dumps({**record, "threads": "one"}), json.dumps({**record, "more": 1})):
        file.write_text(broken)
        refused = bench("leaderboard")
        assert refused.code == 2
        assert file.name in refused.err.replace("\n", "")


def test_a_time_must_be_positive_and_options_known() -> None:
    class Timed:
        def __init__(self, value):
            self.value = value

        def speeds(self, inputs):
            return {"network": self.value}

    split = [Sample(str(i), {}, {}, str(i)) for i in range(30)]
    found = speeds.measure(Timed(2.5), split, {})  # type: ignore[arg-type]
    assert found is not None
    assert (found.samples, found.milliseconds) == (speeds.SAMPLES, {"network": 2.5})
    for value in (0.0, float("nan"), -1.0):
        with pytest.raises(InputError, match="network"):
            speeds.measure(Timed(value), split, {})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="decode"):
        speeds.measure(Timed(1.0), split, {"decode": "soft"})  # type: ignore[arg-type]
    assert speeds.measure(object(), split, {}) is None  # type: ignore[arg-type]


def test_lines_take_the_median_over_seeds_and_tell_machines_apart() -> None:
    found = [("A", Speeds("cpu: x, 2 cores", 1, 20, {"net": value})) for value in (1.0, 30.0, 4.04)]
    found.append(("A", Speeds("cpu: y, 8 cores", 8, 20, {"net": 131.0})))
    assert speeds.lines(found) == [
        "Speed on cpu: x, 2 cores, 1 thread, median of 20 samples: A: net 4.0 ms",
        "Speed on cpu: y, 8 cores, 8 threads, median of 20 samples: A: net 131 ms",
    ]
    assert speeds.lines([]) == []
