"""The surface of the command line: help, speed, doctor, data, describe."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer.main

from bench.cli import app


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        yield (*path, name), command


@pytest.mark.parametrize(
    ("path", "command"), list(commands(typer.main.get_command(app))), ids=lambda value: str(value)[:40]
)
def test_every_command_has_help_with_an_example_that_names_it(path, command, bench) -> None:
    ran = bench(*path, "--help")
    assert ran.code == 0
    if not (hasattr(command, "commands") and command.no_args_is_help):
        assert "Example" in ran.out
        assert f"bench {' '.join(path)}" in ran.out


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["list", "tables"], ["--version"]])
def test_looking_around_imports_nothing_heavy(checkout, arguments) -> None:
    probe = (
        "import sys; sys.argv = ['bench', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pandas', 'matplotlib', 'joblib', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        env=checkout.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_the_list_names_everything_and_survives_a_broken_package(checkout, bench) -> None:
    out = bench("list").out
    for name in ("toy-table", "fakepack:noisy", "fakepack:photos", "core-eval:ced-auc"):
        assert name in out
    (checkout.site / "fakepack" / "plugin.py").write_text("import nothing_of_that_name")
    ran = bench("list")
    assert ran.code == 0
    assert "core-eval:ced-auc" in ran.out
    assert "fakepack cannot be imported: ModuleNotFoundError" in ran.err
    assert "cannot be imported" in bench("reproduce", "toy-table").err


def test_outside_a_checkout_there_is_one_clear_message(bench, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("BENCH_HOME")
    monkeypatch.chdir(tmp_path)
    ran = bench("list", "tables")
    assert ran.code == 2
    assert "go to a checkout of the repository, or set BENCH_HOME" in ran.err
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    assert "BENCH_HOME names a folder without" in bench("list", "tables").err


def test_a_checkout_is_found_from_below(checkout, bench, monkeypatch) -> None:
    monkeypatch.delenv("BENCH_HOME")
    monkeypatch.chdir(checkout.table.parent)
    assert "toy-table" in bench("list", "tables").out


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "toy-table",
            [
                "Table 1 of: Somebody. A paper",
                "ced-auc|error:mean-distance",
                "Good: fakepack:noisy noise=2.0; reported auc 0.5123",
                "needs a cascade",
            ],
        ),
        ("toy", ["real data: fakepack:photos", "box: none: whole image", "choices by us"]),
        ("nme", ["metric nme of the benchmark toy", "nme|error:mean-distance", "metric core-eval:nme"]),
        ("fakepack:noisy", ["option noise: default 1.0", "Sees the truth through noise"]),
        ("photos", ["dataset fakepack:photos", "Fake photographs."]),
    ],
)
def test_describe_shows_all_that_is_fixed(bench, name, parts) -> None:
    ran = bench("describe", name)
    assert ran.code == 0
    for part in parts:
        assert part in ran.out


def test_describe_tells_what_is_learnt_from_for_real_data(checkout, bench) -> None:
    checkout.edit(
        '[train]\ndataset = "fakepack:faces"',
        '[train]\ndataset = "fakepack:faces"\nreal = "fakepack:photos"',
        checkout.table.with_name("benchmark.toml"),
    )
    for name in ("toy", "toy-table"):
        assert "learn from fakepack:faces (for scores on real data fakepack:photos)" in bench("describe", name).out


def test_describe_suggests_the_nearest_name(bench) -> None:
    ran = bench("describe", "toy-tabel")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'toy-table'?" in ran.err


def test_the_doctor_finds_and_repairs_a_cut_line_and_names_what_it_cannot(checkout, bench) -> None:
    assert bench("reproduce", "toy-table", "--rows", "Good").code == 0
    assert bench("doctor").code == 0
    whole = checkout.results.read_bytes()
    checkout.results.write_bytes(whole[:-9])
    ran = bench("doctor")
    assert ran.code == 1
    assert "line 2 is cut off" in ran.out.replace("\n", " ")
    ran = bench("doctor", "--repair")
    assert ran.code == 0
    assert "toy-table.jsonl.torn" in ran.out.replace("\n", "")
    assert checkout.results.read_bytes() == whole.split(b"\n")[0] + b"\n"
    for file in checkout.results.parent.glob("samples/*.npz"):
        file.unlink()
    assert "per-sample values of 1 runs are missing" in bench("doctor").out.replace("\n", " ")
    checkout.results.write_text("{}\n")
    assert bench("doctor", "--repair").code == 1, "a broken line in the middle is for a person to judge"


def test_data_commands(checkout, bench, tmp_path) -> None:
    where = bench("data", "where")
    assert str(checkout.cache) in where.out
    assert "Fake photographs." in where.out
    ran = bench("data", "preview", "faces", "--out", tmp_path / "sheet.png", "-n", "5")
    assert ran.code == 0
    assert (tmp_path / "sheet.png").read_text() == "5 of test"
    ran = bench("data", "verify", "photos", "--root", tmp_path)
    assert ran.code == 1
    assert "test/007: the image is cut off" in ran.out
    assert "test/061 is one too many" in ran.out
    assert json.loads(bench("data", "verify", "photos", "--root", tmp_path, "--json").out) == {
        "complete": False,
        "splits": [{"split": "test", "expected": 60, "found": 59}],
        "problems": ["test/007: the image is cut off"],
        "notes": ["test/061 is one too many"],
    }
    assert "rendered, not read" in bench("data", "verify", "faces").err
    assert "did you mean" in bench("data", "verify", "photo", "--root", tmp_path).err


def test_debug_shows_the_traceback_of_bad_input(bench) -> None:
    from core_eval import InputError

    with pytest.raises(InputError):
        bench("--debug", "reproduce", "nothing")


def test_version(bench) -> None:
    assert bench("--version").out == "bench 0.1.0\n"
