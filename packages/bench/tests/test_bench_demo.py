"""`bench demo`: what the command adds to a demonstration of a package."""

from __future__ import annotations

import pytest

from bench import naming

DEMO = '''
import json
from dataclasses import dataclass, field
from pathlib import Path
from core_eval import InputError

@dataclass
class Report:
    found: int
    notes: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=lambda: {"look": 0.25})

class Brightness:
    """Counts bright bytes."""
    datasets = {"faces": "fakepack:faces"}

    def show(self, image, out, *, weights=None, template_mask=None):
        if not image.is_file(): raise InputError("there is no such file", file=image)
        limit = 128 if weights is None else json.loads((weights / "limit.json").read_text())["limit"]
        found = sum(byte >= limit for byte in image.read_bytes())
        out.mkdir(parents=True, exist_ok=True)
        (out / "count.txt").write_text(str(found))
        return Report(found, [f"limit {limit}, mask {template_mask}"], {out / "count.txt": "the count"})

    def retrain(self, datasets, folder, *, budget, seed, workdir, source, say):
        visited = workdir / "visited"
        if budget == "killed" and not visited.exists():
            visited.write_text("")
            raise KeyboardInterrupt
        say(f"resumed {visited.exists()}")
        record = {"limit": 200, "seed": seed, "source": dict(source), "data": datasets["faces"].fingerprint("train")}
        (folder / "limit.json").write_text(json.dumps(record))
'''


@pytest.fixture
def picture(checkout, tmp_path, monkeypatch):
    (checkout.site / "fakepack" / "show.py").write_text(DEMO)
    plugin = checkout.site / "fakepack" / "plugin.py"
    plugin.write_text(plugin.read_text() + '\nDEMOS = {"bright": LazyFactory("fakepack.show:Brightness")}\n')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday.jpg").write_bytes(bytes([10, 150, 250]))
    return tmp_path / "holiday.jpg"


def test_it_is_listed_and_prints_what_was_found(bench, picture) -> None:
    assert "fakepack:bright" in bench("list", "demos").out
    ran = bench("demo", "bright", str(picture))
    assert ran.code == 0
    for text in ("limit 128", "bright-holiday/count.txt", "the count", "look 0.25 s"):
        assert text in ran.out
    assert (picture.parent / "bright-holiday" / "count.txt").read_text() == "2"


def test_nothing_found_is_exit_code_1_and_says_so(bench, picture) -> None:
    picture.write_bytes(b"dark")
    ran = bench("demo", "bright", str(picture), "--out", "there")
    assert ran.code == 1
    assert "nothing found" in ran.out
    assert "there/count.txt" in ran.out


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bright", "missing.jpg"], "there is no such file"),
        (["bright"], "name a picture"),
        (["dark", "holiday.jpg"], "unknown demo 'dark'"),
        (["bright", "holiday.jpg", "--texture-from", "holiday.jpg"], "no such option (field --texture-from)"),
        (["bright", "holiday.jpg", "--out", "holiday.jpg"], "is a file"),
        (["bright", "holiday.jpg", "--retrain", "--weights", "."], "exclude each other"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bench, arguments, message) -> None:
    ran = bench("demo", *arguments)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("picture")
def test_options_reach_the_demonstration(bench) -> None:
    assert "mask holiday.jpg" in bench("demo", "bright", "holiday.jpg", "--template-mask", "holiday.jpg").out


@pytest.mark.usefixtures("picture")
def test_retrained_weights_are_in_the_cache_and_used(bench, checkout) -> None:
    ran = bench("demo", "bright", "holiday.jpg", "--retrain", "--budget", "smoke")
    assert ran.code == 0
    assert "limit 200" in ran.out
    folder = checkout.cache / "demo" / "fakepack-bright-smoke"
    assert (folder / "limit.json").is_file()
    assert str(folder) in ran.out
    assert "limit 200" in bench("demo", "bright", "holiday.jpg", "--weights", str(folder)).out
    assert not list((checkout.cache / "work").iterdir())


@pytest.mark.usefixtures("picture")
def test_a_killed_training_leaves_no_weights_and_goes_on(bench, checkout) -> None:
    assert bench("demo", "bright", "--retrain", "--budget", "killed").code == 130
    folder = checkout.cache / "demo" / "fakepack-bright-killed"
    assert not folder.exists()
    ran = bench("demo", "bright", "--retrain", "--budget", "killed")
    assert ran.code == 0
    assert "resumed True" in ran.err
    assert (folder / "limit.json").is_file()


def test_weights_are_no_part_of_the_source_of_a_package(checkout) -> None:
    """They are made by the source: a hash of them in the key of the model that they are could never be met."""
    folder = checkout.site / "fakepack"
    (folder / "weights").mkdir()
    before = dict(naming.sources("fakepack"))
    for name in ("weights.safetensors", "weights.json", "card.json"):
        (folder / "weights" / name).write_text("1")
    naming.sources.cache_clear()
    assert dict(naming.sources("fakepack")) == before
    (folder / "weights" / "__init__.py").write_text("code = 1")
    naming.sources.cache_clear()
    assert dict(naming.sources("fakepack")) != before
    naming.sources.cache_clear()
