"""The SQL of a mapping: its expressions over the rows of the files, and what fails of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ml.landing.declarations import DeclaredTable, digest
from ml.landing.expressions import scalar_expression
from ml.landing.times import OFFSET
from ml.workspace.sql import literal, quoted

TIME = "event_time"
DUPLICATE = "is_duplicate"
# What an expression gives is held in a struct: where it fails there is none.
_HELD = "_held_"


@dataclass(frozen=True)
class ColumnMapping:
    """A mapping: an SQL expression per declared column over the file's columns, which are text.

    `where` is the SQL condition of the rows that are read.
    """

    name: str
    origin: str
    files: tuple[str, ...]
    delimiter: str | None
    time_formats: tuple[str, ...]
    optional: tuple[str, ...]
    columns: Mapping[str, str]
    where: str
    rejects_duplicates: bool

    @property
    def digest(self) -> str:
        """A hash of the whole mapping."""
        return digest(asdict(self))


def query(table: DeclaredTable, mapping: ColumnMapping, relation: str, columns: list[str]) -> str:
    """Return the query of the declared columns, `is_duplicate` and the meta columns.

    Args:
        table: the declaration.
        mapping: how its columns are computed.
        relation: the temporary table of the files' rows, all columns text.
        columns: the files' columns.
    """
    mapped = [column.name for column in table.columns if column.name in mapping.columns]
    computed = "".join(
        f"{_computed(mapping.columns[name])} as {quoted(_HELD + name)}, " for name in mapped
    )
    errors = "".join(
        f"when {quoted(_HELD + name)} is null then {literal(f'{name} cannot be computed')} "
        for name in mapped
    )
    values = ", ".join(
        f"{_value(mapping, column.name)} as {quoted(column.name)}"
        for column in table.columns
        if not column.generated
    )
    if mapping.time_formats:
        text = _held(TIME)
        formats = literal(f"{TIME} is not like {' or '.join(mapping.time_formats)}: ")
        is_lost = f"{text} is not null and {_value(mapping, TIME)} is null"
        errors += f"when {is_lost} then {formats} || {text} "
    return (
        f"select {values}, {quoted(DUPLICATE)}, _file, _row, "
        f"case when _error is not null then _error {errors}end as _error, _line\n"
        f"from (select {computed}{_duplicate(mapping, columns)} as {quoted(DUPLICATE)}, "
        f"_file, _row, {_with_failed_condition(mapping)} as _error, _line "
        f"from temp.{quoted(relation)} where {kept(mapping)})"
    )


def _computed(expression: str) -> str:
    return (
        f"case when _error is null then "
        f"try(struct_pack(value := cast(({scalar_expression(expression)}) as varchar))) end"
    )


def _held(name: str) -> str:
    return f"{quoted(_HELD + name)}.value"


def _condition(mapping: ColumnMapping) -> str:
    checked = scalar_expression(mapping.where)
    return f"try(struct_pack(value := cast(({checked}) as boolean)))"


def kept(mapping: ColumnMapping) -> str:
    """Return the SQL of the rows to read: broken ones, and those whose `where` fails, too."""
    condition = _condition(mapping)
    return f"_error is not null or {condition} is null or coalesce({condition}.value, false)"


def _with_failed_condition(mapping: ColumnMapping) -> str:
    failed = f"{_condition(mapping)} is null"
    return f"case when _error is null and {failed} then 'where cannot be computed' else _error end"


def _value(mapping: ColumnMapping, name: str) -> str:
    if name not in mapping.columns:
        return "cast(null as varchar)"
    text = _held(name)
    if name != TIME or not mapping.time_formats:
        return text
    # One format after another: in a list of formats DuckDB carries an offset over to other rows.
    tried = ", ".join(_time(text, form) for form in mapping.time_formats)
    return f"replace(coalesce({tried}), ' ', 'T')"


def _time(text: str, form: str) -> str:
    found = f"cast(try_strptime({text}, {literal(form)}) as varchar)"
    if not form.endswith("%z"):
        return found
    # DuckDB takes +99:00 for an offset.
    return f"case when regexp_matches({text}, {literal(OFFSET + '$')}) then {found} end"


def _duplicate(mapping: ColumnMapping, columns: list[str]) -> str:
    if not mapping.rejects_duplicates:
        return "false"
    keys = ", ".join(quoted(name) for name in columns)
    return (
        f"(_error is null and row_number() over "
        f"(partition by _error is null, {keys} order by _file, _row) > 1)"
    )
