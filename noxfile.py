"""What is run on the whole repository; each step of the pipeline is one session."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "leaderboards"]

PACKAGES = sorted(str(file.parent) for file in Path("packages").glob("*/pyproject.toml"))
CONSTRAINTS = "ci/constraints.txt"
RUFF = ["ruff"]
TYPES = ["mypy", "pandas-stubs"]
CHECKS = [
    "embreex",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "pycocotools",
    "pygeodesic",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "trimesh",
]
TESTS = ["pytest", "pytest-xdist", "hypothesis", *CHECKS]
SPEED = [*TESTS, "pytest-benchmark", "torch"]
BROWSER = ["pytest", "hypothesis", "playwright"]
CHROMIUM = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
ENV = {"OMP_NUM_THREADS": "1"}  # the workers of pytest share the cores


def install(session: nox.Session, *tools: str) -> None:
    """All packages, editable, with the pinned dependencies; in one command, so that siblings are found locally.

    A reused environment that was installed from the same files is left alone: rebuilding takes ten seconds.
    """
    files = [CONSTRAINTS, *(f"{package}/pyproject.toml" for package in PACKAGES)]
    wanted = "\n".join([*tools, *(Path(file).read_text("utf-8") for file in files)])
    stamp = Path(session.virtualenv.location) / "installed-from.txt"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    stamp.unlink(missing_ok=True)
    editable = [word for package in PACKAGES for word in ("--editable", package)]
    session.install("--constraint", CONSTRAINTS, *editable, *tools)
    stamp.write_text(wanted, "utf-8")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install("--constraint", CONSTRAINTS, *RUFF)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly, of all packages."""
    install(session, *TYPES)
    session.run("mypy", *(f"{package}/src" for package in PACKAGES))


@nox.session
def tests(session: nox.Session) -> None:
    """All tests; arguments go to pytest."""
    install(session, *TESTS)
    session.run("pytest", "--numprocesses=2", *session.posargs, env=ENV)


@nox.session
def reproduce(session: nox.Session) -> None:
    """`bench reproduce` with the arguments given, for example ``nox -s reproduce -- table2-300w``."""
    install(session)
    session.run("bench", "reproduce", *session.posargs)


@nox.session
def leaderboards(session: nox.Session) -> None:
    """The committed pages are what the committed results give, and these what their predictions give."""
    install(session)
    session.run("bench", "leaderboard", "--check")
    session.run("bench", "verify-result", "--all")


@nox.session
def speed(session: nox.Session) -> None:
    """The benchmarks of the code itself; prints ratios, which are what counts."""
    install(session, *SPEED)
    files = sorted(str(file) for file in Path("packages").glob("*/tests/bench_*.py"))
    session.run("pytest", "--benchmark-only", "--capture=no", *(session.posargs or files))


@nox.session
def browser(session: nox.Session) -> None:
    """The HTML report in headless Chromium: the one that is installed, or the package of Debian and Ubuntu."""
    install(session, *BROWSER)
    if not any(shutil.which(name) for name in CHROMIUM):
        if not shutil.which("apt-get"):
            session.error("no Chromium is installed, and no apt-get to install it with")
        session.run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", external=True)
    session.run("pytest", "packages/bench/tests/test_bench_browser.py", *session.posargs, env=ENV)


@nox.session
def constraints(session: nox.Session) -> None:
    """Resolve everything anew, for Python 3.11 on Linux, and rewrite the pinned versions."""
    tools = Path(session.create_tmp()) / "tools.in"
    tools.write_text("\n".join([*RUFF, *TYPES, *SPEED, *BROWSER]))
    sources = [f"{package}/pyproject.toml" for package in PACKAGES]
    target = ["--python-version=3.11", "--python-platform=linux"]
    resolved = session.run("uv", "pip", "compile", "--quiet", *target, *sources, str(tools), silent=True)
    pins = re.findall(r"^[\w.-]+==[\w.!]+", str(resolved), re.MULTILINE)
    header = "# Versions that are known to work together; rewritten by `nox -s constraints`.\n"
    Path(CONSTRAINTS).write_text(header + "\n".join(pins) + "\n")
