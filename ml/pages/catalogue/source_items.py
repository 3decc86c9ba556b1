"""Sources: their tables, files, months, and the rows that staging set aside."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from ml.landing.rejects import rejection_reasons
from ml.pages.catalogue.items import Item, Items
from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import Node
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.texts import one_line

# So many reasons, and files, of a source are listed.
MOST_REASONS, MOST_FILES = 200, 2_000
_FILES = """
    select source, table_name, file, bytes, modified_ns from landed.files
    where bytes > 0 and source <> 'workspace' order by source, table_name, file
"""
_PRESENT = "select source, is_present, form from landed.workspace__sources order by source"
_COMPLETE = "select * from intermediate.int_complete_months"


def source_items(
    ws: Workspace, connection: duckdb.DuckDBPyConnection, nodes: Mapping[str, Node]
) -> Items:
    """Return the sources that the project declares, by name, those without files too."""
    files: dict[str, list[Any]] = defaultdict(list)
    for source, *file in connection.execute(_FILES).fetchall():
        files[source].append(file)
    complete = {source: days for source, *days in connection.execute(_COMPLETE).fetchall()}
    reasons = _reasons(ws)
    items = []
    for source, present, form in connection.execute(_PRESENT).fetchall():
        tables = [
            (relation, node)
            for relation, node in sorted(nodes.items())
            if node["resource_type"] == "source" and node["source_name"] == source
        ]
        read = {str(node["name"]): _staged(connection, source, node) for _, node in tables}
        last_day, last_month = complete.get(source, (None, None))
        items.append(
            Item(
                kind="source",
                name=source,
                words=one_line(tables[0][1].get("source_description") if tables else ""),
                group=f"source/{source}",
                tags=("source", *read, *(() if present else ("absent",))),
                facts={
                    "present": present,
                    "form": form,
                    "last_day": last_day,
                    "last_month": f"{last_month:%Y-%m}" if last_month else None,
                    "landed": _newest(files[source]),
                    "tables": [
                        {
                            "name": node["name"],
                            "relation": relation,
                            "words": one_line(node.get("description")),
                            "rows": sum(read[node["name"]][0].values()),
                            "months": sorted(read[node["name"]][1].items()),
                        }
                        for relation, node in tables
                    ],
                    "files": _files(files[source], {name: each[0] for name, each in read.items()}),
                    "more_files": max(len(files[source]) - MOST_FILES, 0),
                    "rejects": reasons[source][:MOST_REASONS],
                    "rejected_rows": sum(rows for *_, rows in reasons[source]),
                },
            )
        )
    return Items(items)


def _staged(
    connection: duckdb.DuckDBPyConnection, source: str, node: Node
) -> tuple[Counter[str], Counter[str]]:
    """Return the accepted rows of a source's table by file and, where events have times, by month.

    Nothing where the table is not staged, or its raw files are gone.
    """
    by_file, by_month = Counter[str](), Counter[str]()
    name = f"stg_{source}__{node['name']}"
    columns = {
        column
        for (column,) in connection.execute(
            "select column_name from information_schema.columns "
            "where table_schema = 'staging' and table_name = ?",
            [name],
        ).fetchall()
    }
    if "_file" not in columns:
        return by_file, by_month
    month = "strftime(event_time, '%Y-%m')" if "event_time" in columns else "null"
    try:
        rows = connection.execute(
            f"select _file, {month}, count(*) from staging.{quoted(name)} group by all"
        ).fetchall()
    except duckdb.IOException:
        return by_file, by_month
    for file, in_month, count in rows:
        by_file[file] += count
        if in_month:
            by_month[in_month] += count
    return by_file, by_month


def _files(files: list[Any], rows: Mapping[str, Counter[str]]) -> list[dict[str, object]]:
    return [
        {
            "table": table,
            "file": file,
            "bytes": size,
            "changed": _moment(modified),
            "rows": rows.get(table, Counter()).get(file),
        }
        for table, file, size, modified in files[:MOST_FILES]
    ]


def _newest(files: list[Any]) -> str | None:
    return _moment(max(modified for *_, modified in files)) if files else None


def _moment(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds / 1e9, UTC):%Y-%m-%d %H:%M}"


def _reasons(ws: Workspace) -> dict[str, list[tuple[str, str, int]]]:
    """Return file, reason and rows of what staging set aside, by source."""
    found: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    try:
        for each in rejection_reasons(ws):
            found[each.source].append((each.file, each.reason, each.rows))
    except NotBuilt:
        pass
    return found
