"""Pages of `docs/` that can be run: files are written, commands run, and outputs compared.

In a page, the fences `bash`, `python`, `sql` and `sql published` (of the file for BI tools) are run
from top to bottom, each in a process of its own. A fence `text` right after one of them is what it
prints; without one it prints nothing.
Any other fence below a line that is only a path in backticks and a colon is a file: `dbt_project/…`
goes into a copy of the dbt project, any other into the workspace, `raw/…` into its raw folder.
Where `, at its end:` follows the path, the fence is added to the file that is there.

`console` fences are only shown. Most pages are about the workspace that `walkthrough.md` makes, and
run after it.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.workspaces import REPOSITORY, TestWorkspace, make_workspace, put_parsed_project

DOCS = REPOSITORY / "docs"
PATH_LINE = re.compile(r"`([\w./-]+)`(, at its end)?:")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# A model's id hashes its coefficients, whose last digits depend on the processor.
MODEL_ID = re.compile(r"(?<=[a-z0-9]-)[0-9a-f]{10}\b")
COMMANDS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
# SQL is asked of the warehouse, or of the file for BI tools.
DATABASES = {"sql": "warehouse.duckdb", "sql published": "published.duckdb"}
RUN = (*COMMANDS, *DATABASES)
# Only what a command says is compared, not its progress; if it fails, both are shown.
QUIETLY = '"${@:2}" 2> "$1" || { cat "$1" >&2; exit 1; }'


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, and the lines (from 0) of its text."""

    language: str
    text: str
    start: int
    end: int
    path: str | None
    is_added: bool


@dataclass(frozen=True)
class Place:
    """Where a page is run: a workspace and a dbt project of its own."""

    workspace: TestWorkspace
    project: Path

    def write(self, fence: Fence) -> None:
        """Write a file of the page."""
        path = str(fence.path)
        root = self.project.parent if path.startswith("dbt_project/") else self.workspace.home
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("a" if fence.is_added else "w", encoding="utf-8") as file:
            file.write(fence.text)

    def run(self, fence: Fence) -> str:
        """Run a fence and return what it prints."""
        asked = fence.language in DATABASES
        printed = self._query(fence) if asked else self._command(fence)
        printed = COLOURS.sub("", printed).replace(str(self.workspace.home), "$ALMANAC_HOME")
        return "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())

    def _command(self, fence: Fence) -> str:
        project = [f"DBT_PROJECT_DIR={self.project}", f"DBT_PROFILES_DIR={self.project}"]
        quietly = ["bash", "-c", QUIETLY, "page", str(self.workspace.home / "stderr")]
        command = [*COMMANDS[fence.language], fence.text]
        return self.workspace.must("env", *project, *quietly, *command)

    def _query(self, fence: Fence) -> str:
        file = self.workspace.home / DATABASES[fence.language]
        with duckdb.connect(str(file), read_only=True) as database:
            database.execute("set TimeZone = 'UTC'")
            found = database.execute(fence.text)
            return table([column[0] for column in found.description], found.fetchall())


def make_place(home: Path) -> Place:
    """An empty workspace in `home`, and a copy of the dbt project beside its files."""
    home = home.resolve()
    project = home / "code" / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__")
    shutil.copytree(REPOSITORY / "dbt_project", project, ignore=ignored)
    workspace = make_workspace(home, home / "raw")
    put_parsed_project(workspace, project)
    return Place(workspace, project)


def run_page(page: Path, place: Place) -> str:
    """Do what the page says, and return its text with what was really printed."""
    text = page.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    found = list(fences(lines))
    shown: list[tuple[Fence, str]] = []
    for fence, following in zip(found, [*found[1:], None], strict=True):
        if fence.path:
            place.write(fence)
        elif fence.language in RUN:
            printed = place.run(fence)
            if following and following.language == "text":
                shown.append((following, printed))
            else:
                assert not printed, f"{page.name}: not shown by the page:\n{fence.text}\n{printed}"
    for output, printed in reversed(shown):
        lines[output.start : output.end] = [printed]
    return "".join(lines)


def fences(lines: Sequence[str]) -> Iterator[Fence]:
    """The fenced blocks of a page, in its order."""
    opened: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if opened is None:
            opened = number
            continue
        named = PATH_LINE.fullmatch(_line_before(lines, opened))
        yield Fence(
            language=lines[opened][3:].strip(),
            text="".join(lines[opened + 1 : number]),
            start=opened + 1,
            end=number,
            path=named[1] if named else None,
            is_added=bool(named and named[2]),
        )
        opened = None


def comparable(text: str) -> str:
    """The page's text without what depends on the machine: the hashes in models' ids."""
    return MODEL_ID.sub("0" * 10, text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their headers: numbers to the right, floats with four decimals at most."""
    lines = [
        [str(header) for header in headers],
        *[[_cell(value) for value in row] for row in rows],
    ]
    columns = range(len(headers))
    widths = [max(len(line[i]) for line in lines) for i in columns]
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) for i in columns]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            line[i].rjust(widths[i]) if numeric[i] else line[i].ljust(widths[i]) for i in columns
        )
        for line in lines
    )


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(round(value, 4))
    return "null" if value is None else str(value)


def _line_before(lines: Sequence[str], number: int) -> str:
    return next((line.strip() for line in reversed(lines[:number]) if line.strip()), "")


def main(names: Sequence[str]) -> None:
    """Run the pages named in one new workspace, in turn, and write into them what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder))
        for name in names:
            page = DOCS / name
            page.write_text(run_page(page, place), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
