"""Temporary tables of one staged table: counts over all its rows, and a sample.

Everything is aggregated in DuckDB. Temporary tables hold hours, customers and months, and at most
SAMPLE rows, so that the memory needed does not grow with the number of events.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ml.pages.profile.staged_tables import CUSTOMER, TIME, Row, StagedTable
from ml.workspace.sql import quoted

SAMPLE = 1_000_000
# Customers with more events than this are not sampled: few of them would fill the sample.
MOST_EVENTS = SAMPLE // 10
MEMORY = "2GB"
# Customers who agree in at least so many columns hardly do so by chance.
FEWEST_TWIN_COLUMNS = 6


@dataclass(frozen=True)
class TableStudy:
    """One table with the temporary relations that the profile's figures are computed from.

    Attributes:
        connection: the warehouse, with the temporary tables.
        table: the staging view.
        whole: the relation of all its rows.
        sample: the relation of all rows of some customers, or of all; it has hashes of lists.
        is_sampled: whether `sample` has only some of the rows.
    """

    connection: duckdb.DuckDBPyConnection
    table: StagedTable
    whole: str
    sample: str
    is_sampled: bool

    def rows(self, sql: str) -> list[Row]:
        """Return the rows of a query in which `{whole}` and `{sample}` stand for the relations."""
        return self.connection.execute(self._with_relations(sql)).fetchall()

    def row(self, sql: str) -> Row:
        """Return the only row of a query."""
        [found] = self.rows(sql)
        return found

    def make(self, name: str, sql: str) -> None:
        """Create the temporary table `name` from a query, or replace it."""
        self.connection.execute(
            f"create or replace temp table {name} as {self._with_relations(sql)}"
        )

    @property
    def sampled_rows(self) -> int:
        """How many rows the sample has."""
        return int(self.row("select count(*) from {sample}")[0])

    def _with_relations(self, sql: str) -> str:
        return sql.replace("{whole}", self.whole).replace("{sample}", self.sample)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Limit the connection's memory, and turn off DuckDB's own progress bar."""
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute("set preserve_insertion_order = false")


def study_table(connection: duckdb.DuckDBPyConnection, table: StagedTable) -> TableStudy:
    """Return the table with its temporary tables; one of at most SAMPLE rows is copied."""
    whole = table.relation
    is_sampled = table.rows > SAMPLE
    if is_sampled and table.is_events:
        _count_customers(connection, whole)
    condition = _sample_condition(connection, table) if is_sampled else "true"
    columns = [
        f"hash({quoted(name)}) as {quoted(name)}" if name in table.vectors else quoted(name)
        for name in table.columns
    ]
    connection.execute(
        f"create or replace temp table sampled as select {', '.join(columns)} from {whole}"
        f" where {condition}"
    )
    study = TableStudy(connection, table, whole if is_sampled else "sampled", "sampled", is_sampled)
    if table.is_events:
        if not is_sampled:
            _count_customers(connection, "sampled")
        _count_hours(study)
    return study


def missing(study: TableStudy) -> list[tuple[str, int]]:
    """Return each column's number of missing values, in the order of the columns."""
    names = list(study.table.columns)
    if study.table.is_events:
        counts: Sequence[int] = study.row(
            "select " + ", ".join(f"sum({_count_column(place)})" for place in range(len(names)))
            + " from hours"
        )  # fmt: skip
    else:
        counts = study.row(
            "select " + ", ".join(f"count({quoted(name)})" for name in names) + " from {whole}"
        )
    return [
        (name, study.table.rows - int(count)) for name, count in zip(names, counts, strict=True)
    ]


def duplicates(study: TableStudy) -> int:
    """Return how many rows of the sample repeat an earlier one in every column."""
    [count] = study.row("select count(*) - count(distinct hash(rows)) from {sample} as rows")
    return int(count)


def twins(study: TableStudy) -> int | None:
    """Return how many rows repeat another customer's in every other column.

    None for events, and where the table has so few columns that equal rows prove nothing.
    """
    columns = study.table.columns.items()
    others = [quoted(name) for name, kind in columns if name != CUSTOMER and kind != "DATE"]
    if study.table.is_events or len(others) < FEWEST_TWIN_COLUMNS:
        return None
    [count] = study.row(
        f"select count(*) - count(distinct hash({', '.join(others)})) from {{sample}}"
    )
    return int(count)


def _count_customers(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count each customer's events by month; a hash of the id takes a third of its memory."""
    connection.execute(
        "create or replace temp table customer_months as select hash(customer_id) as customer,"
        f" date_trunc('month', {TIME})::date as month, count(*)::integer as events"
        f" from {relation} group by 1, 2"
    )


def _count_hours(study: TableStudy) -> None:
    """Count the events of each hour, and how many of them have a value in each column."""
    counts = [
        f"count({quoted(name)}) as {_count_column(place)}"
        for place, name in enumerate(study.table.columns)
    ]
    study.make(
        "hours",
        f"select date_trunc('hour', {TIME}) as hour, count(*) as events, {', '.join(counts)}"
        " from {whole} group by 1",
    )


def _sample_condition(connection: duckdb.DuckDBPyConnection, table: StagedTable) -> str:
    """Return the condition on rows that samples customers, at most SAMPLE rows of them."""
    if not table.is_events:
        key = CUSTOMER if CUSTOMER in table.columns else next(iter(table.columns))
        return f"hash({quoted(key)}) % 1000000 < {1_000_000 * SAMPLE // table.rows}"
    connection.execute(
        "create or replace temp table chosen as select customer from ("
        " select customer, sum(sum(events)) over (order by customer) as so_far"
        f" from customer_months group by customer having sum(events) <= {MOST_EVENTS}"
        f") as ordered where so_far <= {SAMPLE}"
    )
    return f"hash({CUSTOMER}) in (select customer from chosen)"


def _count_column(place: int) -> str:
    return f"counted_{place}"
