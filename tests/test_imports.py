"""Who may import whom, and that declared dependencies are the imported ones."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {file.parent.name: file.parent for file in sorted(ROOT.glob("packages/*/pyproject.toml"))}
MODULES = {name.replace("-", "_"): name for name in PACKAGES}
WRITTEN_BY_TESTS = {"fakepack"}
UNNAMED = {"dlib": ["dlib-bin"]}
"""Modules that are missing from the list of top-level modules in their distribution's metadata."""
SHARED = {"core-eval", "core-quantreg", "core-train"}
LAYERS = {
    "core-eval": set(),
    "core-formats": {"core-eval"},
    "core-quantreg": set(),
    "core-train": {"core-eval"},
    "data-synth": {"core-eval"},
    "data-real": {"core-eval", "core-formats"},
    "bench": {"core-eval"},
}
"""What each package below the papers' may import; a paper's package may import the core and other papers' packages."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(package: str) -> set[str]:
    """Distribution names that the package declares, extras included."""
    project = tomllib.loads((PACKAGES[package] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for names in project.get("optional-dependencies", {}).values() for name in names]
    return {canonical(re.match(r"[\w.-]+", name)[0]) for name in [*project.get("dependencies", []), *extras]}


def tools() -> set[str]:
    """What the nox sessions install beside the packages."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    lists = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)]
    texts = [leaf.value for node in lists for leaf in node.value.elts if isinstance(leaf, ast.Constant)]
    return {canonical(text) for text in texts}


def imported_modules(folder: Path) -> Iterator[tuple[str, str]]:
    """(top-level module, file:line) of every import below `folder`, those inside functions included."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                yield name.split(".")[0], f"{file.relative_to(ROOT)}:{node.lineno}"


def imported(folder: Path) -> dict[str, str]:
    """Distribution name -> a place where it is imported; the standard library left out."""
    owners = packages_distributions() | {module: [package] for module, package in MODULES.items()} | UNNAMED
    found: dict[str, str] = {}
    for module, place in imported_modules(folder):
        if module not in sys.stdlib_module_names | WRITTEN_BY_TESTS:
            assert module in owners, f"{place} imports {module}, which nothing installed provides"
            found.update({canonical(owner): place for owner in owners[module]})
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_declared_dependencies_are_the_imported_ones(package):
    used = {name: place for name, place in imported(PACKAGES[package] / "src").items() if name != package}
    assert {name: place for name, place in used.items() if name not in declared(package)} == {}, "not declared"
    assert declared(package) - used.keys() == set(), "declared but never imported"


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_import_their_package_what_it_declares_and_the_tools(package):
    """So that a package's folder can be deleted and nothing else breaks."""
    used = imported(PACKAGES[package] / "tests")
    foreign = {name: place for name, place in used.items() if name not in declared(package) | tools() | {package}}
    assert foreign == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_direction_of_imports(package):
    siblings = declared(package) & PACKAGES.keys()
    papers = PACKAGES.keys() - LAYERS.keys()
    assert siblings <= LAYERS.get(package, SHARED | papers)


def test_no_cycle_among_packages():
    TopologicalSorter({package: declared(package) & PACKAGES.keys() for package in PACKAGES}).prepare()


def test_siblings_are_resolved_in_the_workspace():
    """Without a source, an installer would look for the name of a sibling in the public index."""
    for package, folder in PACKAGES.items():
        sources = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("tool", {}).get("uv", {})
        expected = {name: {"workspace": True} for name in declared(package) & PACKAGES.keys()}
        assert sources.get("sources", {}) == expected, package


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import pkgutil, core_eval, importlib\n"
         "for m in pkgutil.iter_modules(core_eval.__path__): importlib.import_module('core_eval.' + m.name)",
         ["torch", "typer", "pandas", "matplotlib"]),
        ("from importlib.metadata import entry_points\n"
         "for entry in entry_points(group='bench.plugins'): entry.load()",
         ["torch", "pandas", "matplotlib", "scipy", "cv2", "numba", "PIL"]),
    ],
    ids=["core-eval", "listing-all-plugins"],
)  # fmt: skip
def test_light_imports_stay_light(statement, forbidden):
    code = f"{statement}\nimport sys; print([name for name in {forbidden!r} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
