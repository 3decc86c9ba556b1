"""One bucket of customers as a small warehouse: the project's compiled SQL runs in it."""

import resource
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from ml.lake.connection import task_connection
from ml.lake.entry import BUCKET, Written
from ml.lake.project import Model
from ml.lake.stored import YEAR, Stored, partition_of, table_of, types_of, write
from ml.landing.land import MACROS
from ml.workspace.sql import literal, quoted, quoted_relation

MONTH_TYPES = {"month": "DATE", "month_version": "UBIGINT"}
Months = tuple[tuple[date, int], ...]


@dataclass(frozen=True)
class Step:
    """A model to be built in a bucket.

    `features` names the positions of a wide family's vectors. Of a model that is built month by
    month: `built` are the months that the lake has, `versions` those that it must have, each with
    its version, and `years` those of which a month is built anew or lost. `files` are those that a
    model of event files has read, each with its stamp.
    """

    model: Model
    features: tuple[str, ...] = ()
    built: Months = ()
    versions: Months = ()
    years: tuple[int, ...] = ()
    files: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class View:
    """A relation that is computed when it is read; `place` is that of its model in the project."""

    place: int
    relation: str
    query: str


@dataclass
class BucketResult:
    """What a bucket built: files, types and the files of its totals, each by relation.

    `peak_bytes` is the most memory that its process held.
    """

    bucket: int
    written: dict[str, list[Written]] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    totals: dict[str, str] = field(default_factory=dict)
    peak_bytes: int = 0


@dataclass(frozen=True)
class BucketWork:
    """A task: builds `steps` in one bucket. It is pickled; calling it runs it.

    `views` come in the order of their places; `facts` are relations of the whole, `stored` the
    bucket's own. `tables` is the folder of the lake's tables, `scratch` one that goes afterwards.
    """

    bucket: int
    memory: str
    scratch: Path
    tables: Path
    views: tuple[View, ...]
    facts: Mapping[str, Stored]
    stored: Mapping[str, Stored]
    steps: tuple[Step, ...]

    def __call__(self) -> BucketResult:
        """Build the steps in order; returns what was written."""
        with task_connection(self.memory, self.scratch) as connection:
            prepare(connection)
            _create_schemas(connection, self)
            replaced = {step.model.rows for step in self.steps}
            for relation, rows in {**self.facts, **self.stored}.items():
                if relation not in replaced:
                    connection.execute(f"create view {quoted_relation(relation)} as {rows.query}")
            result = BucketResult(self.bucket)
            waiting = list(self.views)
            for step in self.steps:
                _create_views(connection, waiting, step.model)
                _build(connection, self, step, result)
            result.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            return result


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make a connection what the project's SQL expects: its database, UTC, the landing macros."""
    connection.execute("set TimeZone = 'UTC'; attach ':memory:' as warehouse; use warehouse")
    connection.execute("create schema landed")
    for definition in MACROS:
        connection.execute(definition)


def view_query(model: Model) -> str:
    """Return the rows of a staging model or view, as a select."""
    if model.kind == "staged":
        return (
            f"select * exclude (_row, _line, reject_reason) from ({model.sql}) "
            "where reject_reason is null"
        )
    return model.sql


def vectors_query(query: str, features: Iterable[str]) -> str:
    """Return the rows of a wide family with its features as one vector, NaN where null."""
    names = list(features)
    values = ", ".join(f"coalesce(cast({quoted(name)} as float), 'nan')" for name in names)
    return (
        "select customer_id, feature_month, event_timestamp, month_version, "
        f"cast([{values}] as float[{len(names)}]) as vector from ({query})"
    )


def named_query(rows: str, features: Iterable[str]) -> str:
    """Return the rows of vectors with their positions as columns, null where NaN."""
    columns = "".join(
        f"nullif(vector[{position}], 'nan'::float) as {quoted(name)}, "
        for position, name in enumerate(features, start=1)
    )
    return (
        f"select customer_id, feature_month, event_timestamp, {columns}month_version "
        f"from {quoted_relation(rows)}"
    )


def _create_schemas(connection: duckdb.DuckDBPyConnection, work: BucketWork) -> None:
    relations = [*work.facts, *work.stored, *(view.relation for view in work.views)]
    relations += [step.model.relation for step in work.steps]
    for schema in sorted({relation.split(".")[0] for relation in relations}):
        connection.execute(f"create schema if not exists {quoted(schema)}")


def _create_views(connection: duckdb.DuckDBPyConnection, waiting: list[View], until: Model) -> None:
    """Create the views that stand before `until` in the project's order."""
    while waiting and waiting[0].place < until.place:
        view = waiting.pop(0)
        connection.execute(f"create view {quoted_relation(view.relation)} as {view.query}")


def _build(
    connection: duckdb.DuckDBPyConnection, work: BucketWork, step: Step, result: BucketResult
) -> None:
    model = step.model
    if model.kind == "staged":
        _set_aside(connection, work, model, result)
    elif model.totals:
        _return_totals(connection, work, step, result)
    elif model.month:
        _build_months(connection, work, step, result)
    else:
        types = types_of(connection, model.sql)
        path = _new_file(work, model.relation)
        rows = write(connection, model.sql, types, path)
        result.written[model.relation] = [Written(path, rows)]
        result.types[model.relation] = types
        _view(connection, model.relation, Stored((path,), types))


def _set_aside(
    connection: duckdb.DuckDBPyConnection, work: BucketWork, model: Model, result: BucketResult
) -> None:
    name = model.relation.split(".")[1]
    query = (
        f"select {literal(name)} as model, _file as file, _row as row_number, "
        f"reject_reason as reason, _line as raw_row from ({model.sql}) "
        "where reject_reason is not null"
    )
    relation = rejects_of(model)
    types = types_of(connection, query)
    path = _new_file(work, relation)
    rows = write(connection, query, types, path)
    result.written[relation] = [Written(path, rows)]
    result.types[relation] = types
    connection.execute(f"create view {quoted_relation(model.relation)} as {view_query(model)}")


def _new_file(work: BucketWork, relation: str, year: int | None = None) -> str:
    schema, name = relation.split(".")
    folder = work.tables / schema / name / f"{BUCKET}={work.bucket}"
    if year is not None:
        folder /= f"{YEAR}={year}"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / f"{uuid.uuid4().hex}.parquet")


def rejects_of(model: Model) -> str:
    """Return the relation of the lake that keeps what a staging model sets aside."""
    return f"rejects.{model.relation.split('.')[1]}"


def _return_totals(
    connection: duckdb.DuckDBPyConnection, work: BucketWork, step: Step, result: BucketResult
) -> None:
    model = step.model
    if model.files_query:
        known = table_of({"file": "VARCHAR", "stamp": "UBIGINT"}, step.files)
        connection.execute(f"create or replace table {quoted_relation(model.relation)} as {known}")
    types = types_of(connection, model.sql)
    folder = work.scratch / "totals" / model.relation
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / f"{work.bucket}-{uuid.uuid4().hex}.parquet")
    write(connection, model.sql, types, path)
    result.totals[model.relation] = path
    result.types[model.relation] = types


def _build_months(
    connection: duckdb.DuckDBPyConnection, work: BucketWork, step: Step, result: BucketResult
) -> None:
    model, month = step.model, quoted(step.model.month or "")
    rows = quoted_relation(model.rows)
    built = table_of(MONTH_TYPES, step.built)
    connection.execute(
        f"create or replace table {rows} as select month as {month}, month_version from ({built})"
    )
    query = vectors_query(model.sql, step.features) if model.kind == "vectors" else model.sql
    types = types_of(connection, query)
    connection.execute(f"create or replace temp table fresh as {query}")
    connection.execute(f"drop table {rows}")
    stored = work.stored[model.rows].files if model.rows in work.stored else ()
    kept = [file for file in stored if partition_of(file)[YEAR] not in step.years]
    stale = Stored(tuple(file for file in stored if partition_of(file)[YEAR] in step.years), types)
    source = "select * from fresh"
    lasting = set(step.built) & set(step.versions)
    if stale.files and any(first.year in step.years for first, _ in lasting):
        versions = table_of(MONTH_TYPES, sorted(lasting))
        source += (
            f" union all by name select * from ({stale.query}) where ({month}, month_version) in "
            f"(select month, month_version from ({versions}))"
        )
    files = []
    for year in step.years:
        path = _new_file(work, model.rows, year)
        of_year = f"select * from ({source}) where year({month}) = {year} order by {month}"
        count = write(connection, of_year, types, path)
        files.append(Written(path, count))
    connection.execute("drop table fresh")
    result.written[model.rows] = files
    result.types[model.rows] = types
    _view(connection, model.rows, Stored((*kept, *(f.path for f in files)), types))


def _view(connection: duckdb.DuckDBPyConnection, relation: str, rows: Stored) -> None:
    connection.execute(f"create or replace view {quoted_relation(relation)} as {rows.query}")
