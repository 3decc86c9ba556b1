"""Tables on the workspace: its effective settings, and which ids belong to the same customer."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import duckdb

from ml.landing.declarations import DeclaredColumn, DeclaredSource, DeclaredTable
from ml.landing.delimited import load_table, new_table
from ml.landing.raw_files import RawFile
from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.monitoring import SECTION as MONITORING
from ml.workspace.monitoring import monitoring_settings
from ml.workspace.publishing import SECTION as PUBLISH
from ml.workspace.publishing import publish_settings
from ml.workspace.responses import SECTION as RESPONSES
from ml.workspace.settings import PUBLISHED_ID_KEY, Workspace
from ml.workspace.sql import quoted
from ml.workspace.suggest import did_you_mean

IDENTITIES = "identities.csv"
# SQL of the blanks that a text may be made of.
BLANKS = "' ' || chr(160) || chr(9)"
# Settings that belong to no source: the raw folder, and that customers without any record of
# consent may be contacted.
RAW = "raw"
CONTACT = "contact_without_record"
# The section of the lake, which `ml lake` reads.
LAKE = "lake"
# Settings of all sources, with their defaults.
SHARED = {"earliest_time": "1990-01-01"}
IDENTITY_COLUMNS = ("source", "source_id", "customer_id")


def settings_in_force(sources: Iterable[DeclaredSource], workspace: Workspace) -> dict[str, str]:
    """Return `<source>.<setting>` -> value as text, for every setting that a source declares.

    Raises:
        AlmanacError: workspace.yml has an undeclared setting, or a value of the wrong type.
    """
    sources = list(sources)
    _check_names(sources, workspace)
    values = {}
    for source in sources:
        given = _given(source, workspace)
        for name in source.settings:
            values[f"{source.name}.{name}"] = _value(source, name, given, workspace)
    for name, default in SHARED.items():
        value = workspace.settings.get(name)
        values[name] = _checked(name, default, default if value is None else value, workspace)
    if LAKE in workspace.settings:
        values[LAKE] = "true"
    # A mistake in it is told before a build, not after.
    publish_settings(workspace)
    return values | _contact(workspace) | monitoring_settings(workspace).values()


def notes_on_defaults(source: DeclaredSource, workspace: Workspace) -> list[str]:
    """Return a note for each date setting of a source that is left at its default."""
    given = _given(source, workspace)
    return [
        f"{source.name}: {name} is {default} by default; to change it, set "
        f"`{source.name}: {{{name}: …}}` in workspace.yml."
        for name, default in source.settings.items()
        if given.get(name) is None and _kind(default) == "date"
    ]


def identities_query(
    connection: duckdb.DuckDBPyConnection, files: Iterable[RawFile], sources: list[str]
) -> str:
    """Load `identities.csv`, if there is one, and return the query of its three columns.

    Raises:
        AlmanacError: a line is broken, incomplete or repeated, or names an unknown source.
    """
    table = DeclaredTable(
        source="workspace",
        name="identities",
        identifier="workspace__identities",
        format="csv",
        files={"": (IDENTITIES,)},
        optional=True,
        columns=tuple(DeclaredColumn(name, "varchar") for name in IDENTITY_COLUMNS),
        digest="",
    )
    new_table(connection, table.identifier, IDENTITY_COLUMNS)
    for file in files:
        load_table(connection, table, file)
    _check_identities(connection, f"temp.{quoted(table.identifier)}", sources)
    columns = ", ".join(f"trim({name}) as {name}" for name in IDENTITY_COLUMNS)
    return f"select {columns} from temp.{quoted(table.identifier)}"


def _check_identities(
    connection: duckdb.DuckDBPyConnection, relation: str, sources: list[str]
) -> None:
    wrong = connection.execute(
        f"""
        select _row, coalesce(
            _error,
            case when not list_contains(?, trim(source)) then 'no source `' || source || '`' end,
            case
                when row_number() over same_id > 1 then 'source and source_id are repeated'
            end,
            case when source is null or source_id is null or customer_id is null
                then 'a field is empty' end,
            case when trim(source_id, {BLANKS}) = '' or trim(customer_id, {BLANKS}) = ''
                then 'a field is empty' end,
            case when regexp_matches(source_id || customer_id, '[\\p{{Cc}}\\p{{Cf}}]')
                then 'an id holds a control character' end
        ) as reason
        from {relation}
        window same_id as (partition by trim(source), trim(source_id) order by _row)
        qualify reason is not null order by _row limit 1
        """,
        [sources],
    ).fetchall()
    for row, reason in wrong:
        raise BadInput(
            f"{IDENTITIES}, line {row}: {reason}. Sources: {', '.join(sources)}.",
            "Correct it, then: dbt build",
        )


def _given(source: DeclaredSource, workspace: Workspace) -> Mapping[str, Any]:
    """Return the source's section of workspace.yml, after checking its keys."""
    given = workspace.settings.get(source.name)
    if given is None or source.name == RESPONSES:
        return {}
    known = [*source.settings, *_choices(source)]
    if not isinstance(given, dict):
        raise _mistake(workspace, f"{source.name} must hold `name: value` lines", known)
    for name in given:
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise _mistake(workspace, f"{source.name} has no setting `{name}`{hint}", known)
    return given


def _contact(workspace: Workspace) -> dict[str, str]:
    """Return who decided, and from which day, to contact customers without a record of consent.

    Raises:
        AlmanacError: the section does not name both, or its day is no day up to today.
    """
    given = workspace.settings.get(CONTACT)
    if given is None:
        return {}
    known = ["since", "by"]
    if not isinstance(given, dict) or set(given) != set(known):
        what = f"{CONTACT} says who allowed it and from which day: {{since: 2026-01-31, by: …}}"
        raise _mistake(workspace, what, known)
    since, by = (str(given[name] or "").strip() for name in known)
    if _kind(since) != "date" or date.fromisoformat(since) > date.today():
        raise _mistake(
            workspace, f"{CONTACT}.since is `{since}`, which is no day up to today", known
        )
    if not by:
        raise _mistake(workspace, f"{CONTACT}.by is empty; it names who allowed it", known)
    return {f"{CONTACT}.since": since, f"{CONTACT}.by": by}


def _choices(source: DeclaredSource) -> list[str]:
    """Return the keys, besides settings, with which workspace.yml chooses how a source is read."""
    mapped = any(table.format == "mapping" for table in source.tables)
    return (["form"] if source.forms else []) + (["mapping"] if mapped else [])


def _check_names(sources: list[DeclaredSource], workspace: Workspace) -> None:
    names = [source.name for source in sources]
    known = [RAW, CONTACT, LAKE, MONITORING, PUBLISH, PUBLISHED_ID_KEY, *SHARED, *names]
    for name, value in workspace.settings.items():
        if name not in known:
            kind = "source" if isinstance(value, dict) else "setting"
            hint = did_you_mean(str(name), known)
            raise _mistake(workspace, f"no {kind} `{name}`{hint}", known)


def _value(
    source: DeclaredSource, name: str, given: Mapping[str, Any], workspace: Workspace
) -> str:
    default = source.settings[name]
    value = default if given.get(name) is None else given[name]
    return _checked(f"{source.name}.{name}", default, value, workspace)


def _checked(name: str, default: object, value: object, workspace: Workspace) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if wrong := _why_wrong(default, text):
        raise BadInput(
            f"{workspace.home / 'workspace.yml'}: {name} is `{text}`{wrong}.",
            "Correct it, then: dbt build",
        )
    return text


def _why_wrong(default: object, text: str) -> str | None:
    """Return why a text is no value of a setting with this default; None where it is one."""
    kind = _kind(default)
    if kind not in ("text", _kind(text)):
        return f", which is no {kind} (like {default})"
    if kind != "number":
        return None
    is_count = "." not in str(default)
    if float(text) >= 0 and (not is_count or float(text).is_integer()):
        return None
    return f"; it must be {'a whole number, ' if is_count else ''}0 or more"


def _kind(value: object) -> str:
    text = str(value)
    if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text, re.ASCII):
        return "number"
    try:
        date.fromisoformat(text if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else "")
    except ValueError:
        return "text"
    return "date"


def _mistake(workspace: Workspace, what: str, known: list[str]) -> AlmanacError:
    return BadInput(
        f"{workspace.home / 'workspace.yml'}: {what}. Known: {', '.join(known)}.",
        "Correct it, then: dbt build",
    )
