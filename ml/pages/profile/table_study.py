"""Studying one table: what is counted once over all its rows, and the sample for what is dearer.

Everything is aggregated in DuckDB. Temporary tables hold hours, customers and months, and at most
SAMPLE rows, so that the memory needed does not grow with the number of events.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ml.pages.profile.staged_tables import CUSTOMER, TIME, Row, Table
from ml.workspace.sql import quoted

SAMPLE = 1_000_000
# A customer with more events than this would be the sample; such customers are not drawn into it.
CROWDED = SAMPLE // 10
MEMORY = "2GB"
# Two customers who agree in this many columns are hardly two by chance.
TELLING = 6


@dataclass(frozen=True)
class Study:
    """One table under study.

    Attributes:
        connection: where it lies, with the temporary tables.
        table: the staging view.
        whole: a relation of all its rows.
        sample: a relation of all rows of some customers, or of all; lists are hashes in it.
        is_sampled: whether `sample` lacks rows.
    """

    connection: duckdb.DuckDBPyConnection
    table: Table
    whole: str
    sample: str
    is_sampled: bool

    def rows(self, sql: str) -> list[Row]:
        """Return the rows of a query in which `{whole}` and `{sample}` stand for the relations."""
        return self.connection.execute(self._filled(sql)).fetchall()

    def row(self, sql: str) -> Row:
        """Return the only row of a query."""
        [found] = self.rows(sql)
        return found

    def make(self, name: str, sql: str) -> None:
        """Keep what a query gives as the temporary table `name`."""
        self.connection.execute(f"create or replace temp table {name} as {self._filled(sql)}")

    @property
    def sampled_rows(self) -> int:
        """How many rows the sample has."""
        return int(self.row("select count(*) from {sample}")[0])

    def _filled(self, sql: str) -> str:
        return sql.replace("{whole}", self.whole).replace("{sample}", self.sample)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Bound the memory of the connection; what does not fit goes to disk for a while.

    DuckDB's own progress bar would mix with ours.
    """
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute("set preserve_insertion_order = false")


def study(connection: duckdb.DuckDBPyConnection, table: Table) -> Study:
    """Return the table with its temporary tables made: a small one is copied, then read no more."""
    whole = table.relation
    is_sampled = table.rows > SAMPLE
    if is_sampled and table.is_events:
        _count_customers(connection, whole)
    condition = _chosen(connection, table) if is_sampled else "true"
    columns = [
        f"hash({quoted(name)}) as {quoted(name)}" if name in table.vectors else quoted(name)
        for name in table.columns
    ]
    connection.execute(
        f"create or replace temp table sampled as select {', '.join(columns)} from {whole}"
        f" where {condition}"
    )
    found = Study(connection, table, whole if is_sampled else "sampled", "sampled", is_sampled)
    if table.is_events:
        if not is_sampled:
            _count_customers(connection, "sampled")
        _count_hours(found)
    return found


def missing(found: Study) -> list[tuple[str, int]]:
    """Return each column's number of missing values, in the order of the columns."""
    names = list(found.table.columns)
    if found.table.is_events:
        counts: Sequence[int] = found.row(
            "select " + ", ".join(f"sum({_counted(place)})" for place in range(len(names)))
            + " from hours"
        )  # fmt: skip
    else:
        counts = found.row(
            "select " + ", ".join(f"count({quoted(name)})" for name in names) + " from {whole}"
        )
    return [
        (name, found.table.rows - int(count)) for name, count in zip(names, counts, strict=True)
    ]


def duplicates(found: Study) -> int:
    """Return how many rows of the sample repeat an earlier one in every column."""
    [count] = found.row("select count(*) - count(distinct hash(rows)) from {sample} as rows")
    return int(count)


def twins(found: Study) -> int | None:
    """Return how many rows repeat another customer's in every other column.

    None where the table has so few columns that this would be nothing odd.
    """
    columns = found.table.columns.items()
    others = [quoted(name) for name, kind in columns if name != CUSTOMER and kind != "DATE"]
    if found.table.is_events or len(others) < TELLING:
        return None
    [count] = found.row(
        f"select count(*) - count(distinct hash({', '.join(others)})) from {{sample}}"
    )
    return int(count)


def _count_customers(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Keep each customer's events by month; the hash is a third of the id's size."""
    connection.execute(
        "create or replace temp table customer_months as select hash(customer_id) as customer,"
        f" date_trunc('month', {TIME})::date as month, count(*)::integer as events"
        f" from {relation} group by 1, 2"
    )


def _count_hours(found: Study) -> None:
    """Keep the events of each hour, and how many of them carry each column."""
    counts = [
        f"count({quoted(name)}) as {_counted(place)}"
        for place, name in enumerate(found.table.columns)
    ]
    found.make(
        "hours",
        f"select date_trunc('hour', {TIME}) as hour, count(*) as events, {', '.join(counts)}"
        " from {whole} group by 1",
    )


def _chosen(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Return the condition that keeps all rows of some customers, at most SAMPLE."""
    if not table.is_events:
        key = CUSTOMER if CUSTOMER in table.columns else next(iter(table.columns))
        return f"hash({quoted(key)}) % 1000000 < {1_000_000 * SAMPLE // table.rows}"
    connection.execute(
        "create or replace temp table chosen as select customer from ("
        " select customer, sum(sum(events)) over (order by customer) as so_far"
        f" from customer_months group by customer having sum(events) <= {CROWDED}"
        f") as ordered where so_far <= {SAMPLE}"
    )
    return f"hash({CUSTOMER}) in (select customer from chosen)"


def _counted(place: int) -> str:
    return f"counted_{place}"
