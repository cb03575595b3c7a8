"""What must be true of the repository as a whole."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent for file in ROOT.glob("packages/*/pyproject.toml"))
LARGEST = 2 * 2**20  # bytes of a committed file


def tracked() -> list[Path]:
    """Committed and staged files; outside a git checkout every file of the tree."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [file for file in ROOT.rglob("*") if not {".git", ".nox", "__pycache__"} & set(file.parts)]
    return [file for file in files if file.is_file()]


FILES = tracked()
SOURCES = [file for file in FILES if file.suffix == ".py" and "src" in file.parts]
SLASH = "/"
HOSTS = "|".join(["python" + "hosted[.]org", "py" + "pi[.]org", "npm" + "js[.]"])
MACHINE = re.compile(rf"(?<![\w.~-]){SLASH}(?:root|home|work|Users){SLASH}\w|\b(?:{HOSTS})", re.IGNORECASE)
PICKLES = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}


def text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_machine_or_a_registry():
    """Paths and hosts of whoever wrote a file are of no use to its reader."""
    assert MACHINE.search(f"in {SLASH}home{SLASH}someone")
    assert MACHINE.search(f"https:{SLASH * 2}files.python{'hosted'}.org")
    places = [f"{file.relative_to(ROOT)}: {match[0]}" for file in FILES for match in MACHINE.finditer(text_of(file))]
    assert places == []


def test_no_file_is_large():
    assert {str(file.relative_to(ROOT)): file.stat().st_size for file in FILES if file.stat().st_size > LARGEST} == {}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_unpickled(file):
    """Predictions, annotations and weights come from strangers."""
    assert unsafe(ast.parse(file.read_text("utf-8"))) == []


def unsafe(tree: ast.AST) -> list[str]:
    """Calls and imports that could run a stranger's code while loading."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            found += [ast.unparse(node) for alias in node.names if "rror" not in alias.name]
        if isinstance(node, ast.Call):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            module, _, name = ast.unparse(node.func).rpartition(".")
            safe = keywords.get("allow_pickle", "False") == "False"
            safe &= (module, name) != ("torch", "load") or keywords.get("weights_only") == "True"
            safe &= module not in PICKLES and (module, name) != ("joblib", "load") and name != "read_pickle"
            found += [] if safe else [ast.unparse(node)]
    return found


@pytest.mark.parametrize(
    "code",
    [
        "from pickle import loads",
        "pickle.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=x)",
        "torch.load(f)",
        "joblib.load(f)",
    ],
)
def test_unsafe_loading_would_be_found(code):
    assert unsafe(ast.parse(code))
    assert not unsafe(ast.parse("np.load(f, allow_pickle=False); torch.load(f, weights_only=True)"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package_is_complete(package):
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    module = package / "src" / package.name.replace("-", "_")
    assert project["name"] == package.name
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11"
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert project["description"]
    assert len((package / "README.md").read_text("utf-8")) > 300, "a README that says something"
    assert (module / "__init__.py").is_file()
    assert (module / "py.typed").is_file()
    assert list((package / "tests").glob("test_*.py"))
    assert not (package / "tests" / "__init__.py").exists()
    plugin = project.get("entry-points", {}).get("bench.plugins", {})
    assert plugin == ({package.name: f"{module.name}.plugin"} if (module / "plugin.py").is_file() else {})


def test_licence_is_there():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_names_of_test_files_are_unique():
    names = Counter(file.name for file in FILES if re.fullmatch(r"(test|bench)_\w+\.py", file.name))
    assert [name for name, count in names.items() if count > 1] == []


def test_relative_links_of_every_page_lead_somewhere():
    broken = []
    for page in (file for file in FILES if file.suffix == ".md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text_of(page), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            name, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = page.parent / name if name else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, made as code hosts make them, named ones, and the lines of a file of results."""
    text = page.read_text("utf-8")
    if page.suffix == ".jsonl":
        return {f"L{number}" for number in range(1, text.count("\n") + 1)}
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    named = re.findall(r'<a id="([^"]+)"></a>', text)
    return {*named, *(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)}


def test_readme_names_every_package_and_what_the_pipeline_runs():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [package.name for package in PACKAGES if f"(packages/{package.name})" not in readme] == []
    line = re.search(r"^python -m pip .*-s tests$", readme, re.MULTILINE)
    assert line
    assert line[0] in (ROOT / ".ci" / "run").read_text("utf-8"), "the pipeline runs the README's line"


def test_pipeline_runs_sessions_that_exist():
    sessions = set(re.findall(r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE))
    listed = re.search(r"session: \[(.+)\]", (ROOT / "ci" / "pipeline.yml").read_text("utf-8"))
    assert listed
    assert {"lint", "types", "tests", "leaderboards", "browser"} == set(listed[1].split(", ")) <= sessions
    enabled = ROOT / ".github" / "workflows" / "pipeline.yml"
    if enabled.exists():
        assert enabled.read_bytes() == (ROOT / "ci" / "pipeline.yml").read_bytes()


def test_constraints_pin_every_dependency_by_name_and_version_alone():
    lines = (ROOT / "ci" / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==\d[\w.]*", pin)] == []
    names = {pin.split("==")[0] for pin in pins}
    declared = {
        re.match(r"[\w.-]+", text)[0].lower()
        for package in PACKAGES
        for text in tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"].get("dependencies", [])
    }
    assert declared - {package.name for package in PACKAGES} - names == set()
