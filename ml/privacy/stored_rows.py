"""A customer's rows in the warehouse: found, deleted, and the file written anew without them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from ml.landing.declarations import SCHEMA, DeclaredTable
from ml.landing.forgotten import RELATION, Forgotten, ids_in
from ml.workspace.files import fresh_file
from ml.workspace.sql import literal, quoted
from ml.workspace.warehouse import transaction

REJECTS = "staging.rejects"


class StoredRows:
    """The rows of one customer in an open warehouse."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tables: Sequence[DeclaredTable]
    ) -> None:
        self._connection = connection
        # By name: whether a landed relation is a table; one of Parquet is a view on the files.
        self._is_stored = self._tables_of(SCHEMA)
        # Those of a lake are a view as well.
        self._has_rejects = self._tables_of("staging").get("rejects", False)
        self._tables = [t for t in tables if t.identifier in self._is_stored and t.customer]

    def knows(self, customer: str) -> bool:
        """Return whether any landed row, rejected ones included, has this id."""
        ids = {table.source: (customer,) for table in self._tables}
        return next(self.raw_lines(ids), None) is not None

    def raw_lines(self, ids: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[int]]]:
        """Yield each raw file with the customer, and the numbers of their lines in it."""
        for table in self._tables:
            yield from self._connection.execute(
                f"select _file, list(_row order by _row) from {_name(table)} "
                f"where {_is_customer(table)} group by _file order by _file",
                _parameters(table, ids),
            ).fetchall()

    def raw_files(self) -> set[str]:
        """Return the raw files that the last build read, below the raw folder."""
        found = self._connection.execute(f"select distinct file from {SCHEMA}.files").fetchall()
        return {str(file) for (file,) in found}

    def remove(
        self, customer: str, ids: Mapping[str, Sequence[str]], forgotten: Forgotten
    ) -> list[tuple[str, int]]:
        """Delete the customer's rows from all tables in one step; return how many, by schema."""
        removed = Counter[str]()
        with transaction(self._connection):
            for schema, count in self._remove_landed(ids):
                removed[schema] += count
            for schema, table in self._with_customers():
                name = f"{quoted(schema)}.{quoted(table)}"
                removed[schema] += self._delete(name, "customer_id = $customer", customer=customer)
            self._connection.execute(f"delete from {RELATION}")
            rows = [(forgotten.key, each) for each in forgotten.hashes]
            self._connection.executemany(f"insert into {RELATION} values (?, ?)", rows)
        return [(f"warehouse, schema {schema}", count) for schema, count in removed.items()]

    def rewrite(self, path: Path) -> None:
        """Replace the warehouse's file by a copy: deleted rows stay in a file until overwritten."""
        with fresh_file(path) as fresh:
            name = self._connection.execute("select current_database()").fetchall()[0][0]
            self._connection.execute(f"attach {literal(fresh)} as rewritten")
            self._connection.execute(f"copy from database {quoted(name)} to rewritten")
            self._connection.execute("detach rewritten")
            self._connection.execute("checkpoint")

    def _remove_landed(self, ids: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int]]:
        for table in self._tables:
            parameters = _parameters(table, ids)
            places = (
                f"(file, row_number) in (select (_file, _row) from {_name(table)} "
                f"where {_is_customer(table)})"
            )
            if self._has_rejects:
                yield "staging", self._delete(REJECTS, places, **parameters)
            if self._is_stored[table.identifier]:
                yield SCHEMA, self._delete(_name(table), _is_customer(table), **parameters)

    def _delete(self, relation: str, condition: str, **parameters: object) -> int:
        found = self._connection.execute(f"delete from {relation} where {condition}", parameters)
        return int(found.fetchall()[0][0])

    def _with_customers(self) -> list[tuple[str, str]]:
        return self._connection.execute(
            "select schema_name, table_name from duckdb_columns() "
            "inner join duckdb_tables() using (database_name, schema_name, table_name) "
            "where database_name = current_database() and column_name = 'customer_id' "
            "and (schema_name <> $landed or table_name = 'workspace__identities') "
            "order by all",
            {"landed": SCHEMA},
        ).fetchall()

    def _tables_of(self, schema: str) -> dict[str, bool]:
        found = self._connection.execute(
            "select table_name, table_type <> 'VIEW' from information_schema.tables "
            "where table_catalog = current_database() and table_schema = ?",
            [schema],
        ).fetchall()
        return dict(found)


def _name(table: DeclaredTable) -> str:
    return f"{SCHEMA}.{quoted(table.identifier)}"


def _is_customer(table: DeclaredTable) -> str:
    # A line that could not be split has no fields: the ids are looked for among its words.
    own = f"list_contains($ids, trim(cast({quoted(str(table.customer))} as varchar)))"
    return f"coalesce({own}, false) or coalesce({_words('_line')}, false)"


def _words(column: str) -> str:
    return f"list_has_any({ids_in(column)}, $ids)"


def _parameters(table: DeclaredTable, ids: Mapping[str, Sequence[str]]) -> dict[str, object]:
    return {"ids": list(ids[table.source])}
