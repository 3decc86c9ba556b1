"""Finding the files of each declared source in the raw folder, and the form they have."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.landing.declarations import DeclaredSource, DeclaredTable
from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace


@dataclass(frozen=True)
class RawFile:
    """A file below the raw folder; `name` is its path from there, with slashes.

    `changed_ns` is when the system last wrote anything of it, which no program can set back.
    """

    path: Path
    name: str
    bytes: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True)
class SourceFiles:
    """The files of one source in the raw folder; `form` is '' where the source has no forms."""

    source: DeclaredSource
    is_present: bool
    form: str
    files: Mapping[str, tuple[RawFile, ...]]
    notes: tuple[str, ...] = ()

    def layout(self, table: DeclaredTable) -> str:
        """Return how the table's files are laid out: `rows` or `arrays`."""
        return self.source.forms.get(self.form, "rows") if self.form in table.files else "rows"

    def of(self, table: DeclaredTable) -> tuple[RawFile, ...]:
        """Return the table's files; none where the source is absent."""
        return self.files.get(table.name, ()) if self.is_present else ()


def find_files(raw: Path, globs: Iterable[str]) -> tuple[RawFile, ...]:
    """Return the files below `raw` that match any of `globs`, by name, hidden ones left out.

    Raises:
        AlmanacError: a glob leads out of the raw folder, or what it finds cannot be read as a file.
    """
    paths: set[Path] = set()
    for glob in globs:
        if Path(glob).is_absolute() or ".." in Path(glob).parts:
            raise BadInput(
                f"`{glob}` leads out of the raw folder {raw}.",
                "Write it relative to the raw folder, then: dbt build",
            )
        paths.update(path for path in raw.glob(glob) if path.name[0] != ".")
    for path in sorted(paths):
        _check_readable(raw, path)
    return tuple(_raw_file(raw, path.relative_to(raw).as_posix()) for path in sorted(paths))


def unknown_files(raw: Path, known: Iterable[str]) -> list[str]:
    """Return the files below `raw` that are not `known`, by name, hidden ones left out.

    Raises:
        AlmanacError: a folder cannot be read, or a name is no UTF-8.
    """

    def stop(error: OSError) -> None:
        raise BadInput(
            f"{error.filename} cannot be read: {error.strerror}.",
            f"Let this user read it (chmod u+rx {error.filename}), then: dbt build",
        )

    there, walked = [], {raw.resolve()}
    for folder, folders, names in os.walk(raw, onerror=stop, followlinks=True):
        # A link to a folder above would be walked without end.
        folders[:] = sorted(
            name for name in folders if name[0] != "." and _is_new(Path(folder) / name, walked)
        )
        for name in names:
            if name[0] != ".":
                path = Path(folder) / name
                _check_name(path)
                if not path.exists():
                    _check_readable(raw, path)
                there.append(path.relative_to(raw).as_posix())
    return sorted(set(there) - set(known))


def find_source(
    source: DeclaredSource, workspace: Workspace, mapped: Mapping[str, tuple[RawFile, ...]]
) -> SourceFiles:
    """Return the files of `source` in the workspace's raw folder.

    Args:
        source: the declaration.
        workspace: gives the raw folder, and the form where workspace.yml chooses one.
        mapped: the files of tables that are read through a mapping, by table identifier.

    Raises:
        AlmanacError: a required table of a present source is missing, or workspace.yml chooses a
            form that the source does not have.
    """
    form, notes = _choose_form(source, workspace)
    files = {
        table.name: mapped.get(table.identifier) or _table_files(table, form, workspace.raw)
        for table in source.tables
    }
    required = [table for table in source.tables if not table.optional]
    is_present = any(files[table.name] for table in required)
    if is_present:
        for table in required:
            _check_there(table, form, files, workspace.raw)
    elif any(files.values()):
        there = ", ".join(name for name, found in files.items() if found)
        needed = ", ".join(table.name for table in required)
        notes += (f"{source.name}: {there} without {needed} cannot be used and is left out.",)
    return SourceFiles(source, is_present, form, files, notes)


def _choose_form(source: DeclaredSource, workspace: Workspace) -> tuple[str, tuple[str, ...]]:
    if not source.forms:
        return "", ()
    wanted = (workspace.settings.get(source.name) or {}).get("form")
    if wanted is not None:
        if wanted not in source.forms:
            raise BadInput(
                f"workspace.yml: {source.name} has no form `{wanted}`; it has: "
                f"{', '.join(source.forms)}.",
                f"Correct {workspace.home / 'workspace.yml'}, then: dbt build",
            )
        return wanted, ()
    there = [form for form in source.forms if _has_required(source, form, workspace.raw)]
    if len(there) < 2:
        return (there or list(source.forms))[0], ()
    note = f"{source.name}: found as {' and as '.join(there)}; reading {there[0]}."
    return there[0], (f"{note} To choose, set `{source.name}: {{form: …}}` in workspace.yml.",)


def _has_required(source: DeclaredSource, form: str, raw: Path) -> bool:
    return any(
        find_files(raw, table.files.get(form, ())) for table in source.tables if not table.optional
    )


def _table_files(table: DeclaredTable, form: str, raw: Path) -> tuple[RawFile, ...]:
    return find_files(raw, table.files.get(form, table.files.get("", ())))


def _check_there(
    table: DeclaredTable, form: str, files: Mapping[str, tuple[RawFile, ...]], raw: Path
) -> None:
    if files[table.name]:
        return
    globs = table.files.get(form, table.files.get("", ()))
    other = next(found[0].name for found in files.values() if found)
    raise BadInput(
        f"{table.source}: {' or '.join(globs)} is missing in {raw}, though {other} is there.",
        "Copy it there, then: dbt build",
    )


def _is_new(folder: Path, walked: set[Path]) -> bool:
    real = folder.resolve()
    if real in walked:
        return False
    walked.add(real)
    return True


def _check_readable(raw: Path, path: Path) -> None:
    _check_name(path)
    what = None
    if path.is_dir():
        what = "is a folder, where a file is looked for"
    elif not path.exists():
        what = "is a link to nothing" if path.is_symlink() else "cannot be read"
    elif not path.is_file():
        what = "is no regular file"
    elif not os.access(path, os.R_OK):
        what = "may not be read by this user"
    if what:
        raise BadInput(
            f"{path.relative_to(raw).as_posix()} {what}: {path}",
            "Mend it, or move it out of the raw folder, then: dbt build",
        )


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise BadInput(
            f"The file name {shown} is not UTF-8.", "Rename it, then: dbt build"
        ) from None


def _raw_file(raw: Path, name: str) -> RawFile:
    stat = (raw / name).stat()
    return RawFile(raw / name, name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
