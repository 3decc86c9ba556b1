"""The targets of a workspace: those of dbt models' `meta`, and responses of `workspace.yml`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from ml.workspace.baseline import Baseline
from ml.workspace.errors import BadInput
from ml.workspace.manifest import Node, meta, models_with, quoted_name
from ml.workspace.responses import target_nodes
from ml.workspace.settings import Workspace
from ml.workspace.suggest import nearest
from ml.workspace.texts import one_line
from ml.workspace.warehouse import open_warehouse

if TYPE_CHECKING:
    import pyarrow as pa

SPINE = "intermediate.int_customer_months"


# So many labels of each class must a model have to learn from.
LEAST_OF_A_CLASS = 10


@dataclass(frozen=True)
class Target:
    """A target as it is declared, with its label rows and positives in the workspace.

    `condition` is the SQL condition of its rows where its relation holds other targets too.
    `customers` is the share of the customers, above 0 and at most 1, whose rows are meant.
    """

    name: str
    relation: str
    kind: str
    horizon_months: int
    metric: str
    validation: str
    families: tuple[str, ...]
    baseline: Baseline | None
    description: str
    rows: int
    positives: int
    condition: str | None = None
    customers: float = 1.0

    @property
    def temporal(self) -> bool:
        """Whether rows are split by time; otherwise folds are stratified and shuffled."""
        return self.validation == "temporal"

    @property
    def nearly_constant(self) -> str | None:
        """What to say of labels of which almost all, or all, are the same; None of others."""
        rarer = min(self.positives, self.rows - self.positives)
        if rarer >= LEAST_OF_A_CLASS or self.rows < 2 * LEAST_OF_A_CLASS:
            return None
        common = int(self.positives > rarer)
        return (
            f"{self.name} is nearly constant: {self.rows - rarer:,} of {self.rows:,} labels are "
            f"{common}. A model needs {LEAST_OF_A_CLASS} of each class"
        )

    @property
    def label_sql(self) -> str:
        """The query for the label rows, in an order that does not depend on their storage."""
        columns = "customer_id, event_timestamp, label"
        rows = f"{self.relation} where {self.where}" if self.where else self.relation
        return f"select {columns} from {rows} order by event_timestamp, customer_id, label"

    @property
    def where(self) -> str:
        """The SQL condition of its label rows in its relation, empty where all are meant.

        Customers are chosen by a hash of their id: a larger share has those of a smaller one.
        """
        chosen = f"md5_number_lower(customer_id) < {int(self.customers * 2**64)}"
        both = (self.condition, chosen if self.customers < 1 else None)
        return " and ".join(each for each in both if each)


def targets(ws: Workspace) -> list[Target]:
    """Return the targets that have label rows in the workspace, by name.

    Raises:
        AlmanacError: nothing was built yet.
    """
    found = [_target(node, *counted) for node, counted in _declared(ws) if counted[0]]
    return sorted(found, key=lambda target: target.name)


def target(ws: Workspace, name: str) -> Target:
    """Return the target called `name`.

    Raises:
        AlmanacError: it is unknown, or has no label rows here; known ones are named, nearest first.
    """
    known = {target.name: target for target in targets(ws)}
    if name in known:
        return known[name]
    declared = {str(node["config"]["meta"]["target"]) for node, _ in _declared(ws)}
    wrong = (
        f"Target {name} has no label rows in {ws.home}: its source is absent, short or not built"
        if name in declared
        else f"There is no target {name} in {ws.home}"
    )
    raise BadInput(f"{wrong}. Here are: {nearest(name, list(known))}.", "See them: ml targets")


def sampled(ws: Workspace, wanted: Target, customers: float | None) -> Target:
    """Return the target with the label rows of this share of its customers; None changes nothing.

    Raises:
        AlmanacError: the warehouse is missing, or the share has no label row.
    """
    if customers is None or customers == wanted.customers:
        return wanted
    chosen = replace(wanted, customers=customers)
    with open_warehouse(ws.warehouse) as connection:
        query = f"select count(*), count(*) filter (where label = 1) from ({chosen.label_sql})"
        ((rows, positives),) = connection.execute(query).fetchall()
    if not rows:
        raise BadInput(
            f"{wanted.name} has {wanted.rows:,} label rows, and none of this share of the "
            f"customers: {customers:g}.",
            "Take a larger share.",
            target=wanted.name,
        )
    return replace(chosen, rows=rows, positives=positives)


def why_no_labels(ws: Workspace) -> str:
    """Return why no target has a label row, as the sources tell it.

    Raises:
        AlmanacError: there is no warehouse.
    """
    with open_warehouse(ws.warehouse) as connection:
        try:
            rows = connection.execute(
                "select source, source in (select source from intermediate.int_customer_sources) "
                "from landed.workspace__sources where is_present order by source"
            ).fetchall()
        except duckdb.CatalogException:
            return "it is not built whole"
    empty = [source for source, has_rows in rows if not has_rows]
    if not rows:
        return "no source has files"
    if len(empty) == len(rows):
        return f"the files of {', '.join(empty)} have no row that was accepted (ml rejects)"
    filled = ", ".join(source for source, has_rows in rows if has_rows)
    return f"the records of {filled} end before any label could be known, or have no labels"


def known_moments(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    families: Collection[str],
    until: datetime | None = None,
) -> tuple[datetime | None, datetime | None]:
    """Return the first and last timestamp, at most `until`, of complete months of the families.

    Raises:
        AlmanacError: there is no manifest, or it cannot be read.
    """
    tables = [
        quoted_name(n)
        for n in models_with(ws, "family")
        if n["config"]["meta"]["family"] in families
    ]
    if not tables:
        return None, None
    every = " union all ".join(
        f"select feature_month, event_timestamp from {table}" for table in tables
    )
    ((first, newest),) = connection.execute(
        f"select min(event_timestamp), max(event_timestamp) from ({every}) "
        f"where feature_month in (select feature_month from {SPINE} where is_complete) "
        "and event_timestamp <= $until",
        {"until": until or datetime.max},
    ).fetchall()
    return first, newest


def _declared(ws: Workspace) -> Iterator[tuple[Node, tuple[int, int]]]:
    """Yield each declared target's node with its label rows and positives (0, 0 if not built)."""
    declared = target_nodes(ws)
    with open_warehouse(ws.warehouse) as connection:
        tables = set(
            connection.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall()
        )
        for node in declared:
            counted = None
            if (node["schema"], node["alias"]) in tables:
                condition = meta(node).get("condition", "true")
                count = f"select count(*), coalesce(sum(label), 0) from {quoted_name(node)}"
                count += f" where {condition}"
                counted = connection.execute(count).fetchone()
            yield node, (int(counted[0]), int(counted[1])) if counted else (0, 0)


def _target(node: Node, rows: int, positives: int) -> Target:
    declared = meta(node)
    baseline = declared.get("baseline")
    return Target(
        name=str(declared["target"]),
        relation=quoted_name(node),
        kind=str(declared.get("kind", "binary")),
        horizon_months=int(declared.get("horizon_months", 1)),
        metric=str(declared.get("metric", "roc_auc")),
        validation=str(declared.get("validation", "temporal")),
        families=tuple(declared.get("families", ())),
        baseline=Baseline(baseline["feature"], bool(baseline.get("descending", True)))
        if baseline
        else None,
        description=one_line(node.get("description")),
        rows=rows,
        positives=positives,
        condition=declared.get("condition"),
    )


def true_probabilities(ws: Workspace, name: str) -> "pa.Table | None":
    """Return `customer_id`, `event_timestamp` and the simulator's `probability` of the target.

    None for a real company, and for a target of which the simulator states nothing.
    """
    if not ws.truth.exists():
        return None
    import pyarrow.parquet as pq

    columns = ["customer_id", "event_timestamp", "probability"]
    table = pq.read_table(ws.truth, columns=columns, filters=[("target", "=", name)])
    return table if len(table) else None
