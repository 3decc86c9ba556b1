"""The table of dialogue fits: a version as rows, and rows as a version."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from ml.features.refit.version import Doubles, Fit, Version
from ml.workspace.errors import Held, NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

FITS = "intermediate.int_mbd_dialog_fits"
SCHEMA = pa.schema(
    {
        "version": pa.int32(),
        "fitted_from": pa.timestamp("us"),
        "fitted_until": pa.timestamp("us"),
        "dialogues": pa.int64(),
        "kind": pa.string(),
        "position": pa.int32(),
        "explained": pa.float64(),
        "vector": pa.list_(pa.float64()),
    }
)


def rows(found: Version | None) -> pa.Table:
    """Return a version as rows of the table; the table's columns without rows where none."""
    if found is None:
        return SCHEMA.empty_table()
    done = found.fit
    kinds: list[tuple[str, Sequence[Doubles], Sequence[float | None]]] = [
        ("mean", [done.mean], [None]),
        ("component", list(done.components), list(done.explained)),
        ("center", list(done.centres), list(done.shares)),
    ]
    return pa.Table.from_pylist(
        [
            {
                "version": found.number,
                "fitted_from": found.fitted_from,
                "fitted_until": found.fitted_until,
                "dialogues": done.vectors,
                "kind": kind,
                "position": position,
                "explained": share,
                "vector": vector,
            }
            for kind, vectors, shares in kinds
            for position, (vector, share) in enumerate(zip(vectors, shares, strict=True), start=1)
        ],
        SCHEMA,
    )


def newest_version(connection: duckdb.DuckDBPyConnection) -> Version | None:
    """Return the newest version in the table of fits, or none where it has no rows.

    Raises:
        AlmanacError: there is no such table yet.
    """
    try:
        found = connection.execute(
            "select version, fitted_from, fitted_until, dialogues, kind, explained, vector "
            f"from {FITS} where version = (select max(version) from {FITS}) order by kind, position"
        ).fetchall()
    except duckdb.CatalogException as error:
        raise NotBuilt(
            "The warehouse has no table of dialogue fits.", "Build it first: dbt build"
        ) from error
    if not found:
        return None
    number, fitted_from, fitted_until, dialogues = found[0][:4]
    vectors = {
        kind: np.array([row[6] for row in found if row[4] == kind], dtype=np.float64)
        for kind in ("mean", "component", "center")
    }
    shares = {
        kind: np.array([row[5] for row in found if row[4] == kind], dtype=np.float64)
        for kind in ("component", "center")
    }
    mean = vectors["mean"][0]
    components = vectors["component"].reshape(-1, len(mean))
    centres = vectors["center"].reshape(-1, len(components))
    done = Fit(dialogues, mean, components, shares["component"], centres, shares["center"])
    return Version(number, fitted_from, fitted_until, done)


def append(ws: Workspace, found: Version) -> None:
    """Add a version to the table.

    Raises:
        AlmanacError: another version was added meanwhile.
    """
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        last = newest_version(connection)
        if (last.number if last else 0) != found.number - 1:
            raise Held(
                f"Version {found.number} was added by somebody else meanwhile.",
                "Look at it, then, if it is not enough: ml refit dialog",
            )
        connection.register("fresh", rows(found))
        connection.execute(f"insert into {FITS} by name select * from fresh")
