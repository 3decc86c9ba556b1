"""A pytest plugin for a quick loop: the tests of what changed, the fastest first, for some seconds.

`python -m pytest -p tests.changed --seconds 60` looks at the files that differ from HEAD, or where
none does at those of the last commit. It runs the changed test modules and those that import a
changed file, however far down, or name one, themselves or in a helper of theirs. Tests are started
as long as seconds are left; those of modules that were not reached are named and left to
`make test`.
"""

import ast
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DURATIONS = "changed/durations"
WORKSPACES = REPOSITORY / "tests" / "workspaces.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=60.0, help="Start tests for so long.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(QuickLoop(config), "quick loop")


class QuickLoop:
    """Selects tests of what changed, and stops starting them when the time is over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._end = 0.0
        self._durations: dict[str, float] = config.cache.get(DURATIONS, {})
        self._left: list[str] = []
        changed = changed_files()
        self._wanted = {path for path in test_modules() if concerns(path, changed)}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        is_test = collection_path.name.startswith("test_")
        return True if is_test and collection_path not in self._wanted else None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # What was never timed and builds a workspace is not what a quick loop begins with.
        slow = {path for path in self._wanted if WORKSPACES in set(reached(path))}
        items.sort(key=lambda item: self._durations.get(item.nodeid, float(item.path in slow)))
        self._end = time.monotonic() + self._config.getoption("--seconds")

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if time.monotonic() > self._end:
            self._left.append(item.nodeid)
            pytest.skip("left to make test: no time")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == "passed":
            before = self._durations.get(report.nodeid, 0.0) if report.when != "setup" else 0.0
            self._durations[report.nodeid] = before + report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._config.cache.set(DURATIONS, self._durations)
        modules = sorted({name.partition("::")[0] for name in self._left})
        if modules:
            names = ", ".join(modules)
            terminalreporter.write_line(f"{len(self._left)} tests left to make test, in: {names}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # No test concerns a change of, say, a page: that is no failure.
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK


def changed_files() -> set[Path]:
    """Return the files that differ from HEAD, or else those that the last commit changed."""
    here = _git("diff", "--name-only", "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    return {REPOSITORY / name for name in here or _git("diff", "--name-only", "HEAD~1", "HEAD")}


def test_modules() -> list[Path]:
    """Return every test module."""
    return sorted((REPOSITORY / "tests").glob("test_*.py"))


def concerns(module: Path, changed: set[Path]) -> bool:
    """Return whether a test module is or uses a changed file, or it or a helper names one."""
    used = {module, *reached(module)}
    written = [path for path in used if path.is_relative_to(REPOSITORY / "tests")]
    return bool(used & changed) or any(names_any(path, changed) for path in written)


def reached(module: Path) -> Iterator[Path]:
    """Yield the project's modules that a module imports, and those that these import."""
    seen, due = {module}, [module]
    while due:
        for path in imports(due.pop()):
            if path not in seen:
                seen.add(path)
                due.append(path)
                yield path


@cache
def imports(path: Path) -> set[Path]:
    """Return the project's files that a module imports by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        places = (REPOSITORY / name.replace(".", "/") for name in names)
        for place in places:
            found |= {place.with_suffix(".py"), place / "__init__.py"}
    return {place for place in found if place.exists()}


def names_any(path: Path, changed: set[Path]) -> bool:
    """Return whether a module names a changed file that is no Python, such as a dbt model."""
    text = path.read_text(encoding="utf-8")
    return any(each.stem in text for each in changed if each.suffix in (".sql", ".yml", ".md"))


def _git(*arguments: str) -> list[str]:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.split()
