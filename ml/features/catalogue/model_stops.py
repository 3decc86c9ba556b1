"""The last three stops of a trace: Feast, scores, marts."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ml.features.catalogue.stops import CustomerRows, Scope, Stop, customer_rows
from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.settings import Workspace

OFFERS = "marts.mart_offers"
# Lists for campaigns, which hold contactable customers alone.
LISTS = (OFFERS, "marts.mart_scores")


@dataclass(frozen=True)
class _Retrieved:
    """What Feast returned for the customer at a moment: a table row by view, and what is absent."""

    customer: str
    moment: datetime
    is_dated: bool
    views: dict[str, tuple[object, ...]] = field(default_factory=dict)
    absent: dict[str, None] = field(default_factory=dict)


def feast_stop(ws: Workspace, customer: str, moment: datetime | None, is_dated: bool) -> Stop:
    """Return how many features of each view Feast gives, offline at the moment and online.

    Args:
        ws: the workspace.
        customer: the company-wide id.
        moment: the moment to retrieve for; None where there are no features.
        is_dated: whether the moment was asked for; online rows newer than it are not counted then.
    """
    if moment is None:
        return Stop(6, "Feast", (), ("no family has rows: nothing can be retrieved",))
    retrieved = _Retrieved(customer, moment, is_dated)
    try:
        for service in _services(ws):
            _retrieve(ws, service, retrieved)
    except AlmanacError as error:
        retrieved.absent[_one_line(error)] = None
    columns = ("view", "features", "offline", "online", "service")
    title = f"feature views at {moment:%Y-%m-%d %H:%M}"
    found = CustomerRows(title, len(retrieved.views), columns, tuple(retrieved.views.values()))
    return Stop(6, "Feast", (found,) if retrieved.views else (), tuple(retrieved.absent))


def _services(ws: Workspace) -> list[str]:
    from ml.workspace.targets import targets

    # Targets of the same families retrieve the same: one of them will do.
    alike = {each.families: each.name for each in reversed(targets(ws))}
    if not alike:
        raise NotBuilt("no target has label rows, so no feature service exists")
    return sorted(alike.values())


def _retrieve(ws: Workspace, service: str, retrieved: _Retrieved) -> None:
    """Add a row for every view of the service that is not there yet."""
    from ml.store import feature_names, rows_at, training_set

    features = feature_names(ws, service)
    names: dict[str, list[str]] = {}
    for feature in features:
        names.setdefault(feature.view, []).append(feature.name)
    if names.keys() <= retrieved.views.keys():
        return
    offline = training_set(
        ws, service, rows_at([retrieved.customer], retrieved.moment)
    ).to_pylist()[0]
    online = _online(ws, service, retrieved)
    for view, wanted in names.items():
        counts = [
            sum(each.get(name) is not None for name in wanted) if each else None
            for each in (offline, online)
        ]
        retrieved.views.setdefault(view, (view, len(wanted), *counts, service))
        if not counts[0]:
            retrieved.absent[f"{view}: no row was known at the moment and still alive"] = None


def _online(ws: Workspace, service: str, retrieved: _Retrieved) -> dict[str, Any]:
    from ml.store import online_rows

    try:
        answer = online_rows(
            ws, service, [retrieved.customer], retrieved.moment if retrieved.is_dated else None
        )
    except AlmanacError as error:
        retrieved.absent[f"online: {_one_line(error)}"] = None
        return {}
    row: dict[str, Any] = answer.to_pylist()[0]
    if not row["found"]:
        retrieved.absent[f"online: nothing of the customer is published for {service}"] = None
    return row


def scores_stop(scope: Scope) -> Stop:
    """Return the customer's scores, the newest first."""
    relation = "scores.scores"
    known = scope.as_of_filter(["as_of"], None)
    columns = ["as_of", "target", "score", "percentile", "scored_from", "model_id"]
    if not scope.columns(relation) or not scope.query(f"select count(*) from {relation}")[0][0]:
        return Stop(
            7, "Model and score", (), ("no customer is scored yet; run: ml train && ml score",)
        )
    found = customer_rows(scope, relation, known, columns)
    if found.rows:
        return Stop(7, "Model and score", (found,))
    then = f" as of {scope.as_of:%Y-%m-%d} or before" if scope.as_of else ""
    return Stop(7, "Model and score", (), (f"{relation}: the customer was not scored{then}",))


def marts_stop(scope: Scope) -> Stop:
    """Return the customer's rows in the marts, and why there are none."""
    found, absent = [], []
    for relation in scope.relations("marts", "customer_id"):
        columns = scope.columns(relation)
        known = scope.as_of_filter(columns, None)
        if scope.as_of is not None and not known.column:
            absent.append(
                f"{relation}: tells today's state and no date, so not what was known then"
            )
            continue
        each = customer_rows(scope, relation, known)
        if each.rows:
            found.append(each)
        else:
            absent.append(f"{relation}: {_why(scope, relation)}")
    return Stop(8, "Marts", tuple(found), tuple(absent))


def _why(scope: Scope, relation: str) -> str:
    if scope.as_of is not None:
        return f"nothing was known by {scope.as_of:%Y-%m-%d}"
    if relation in LISTS and (basis := _no_contact(scope)):
        return f"the customer may not be contacted ({basis})"
    scored = scope.query("select count(*) from scores.scores where customer_id = ?", scope.customer)
    if not scored[0][0]:
        return "the customer has no score; run: ml score, then: dbt build"
    return (
        "no rule fits the customer's scores"
        if relation == OFFERS
        else "not of this customer's scores"
    )


def _no_contact(scope: Scope) -> str | None:
    """Return why the customer may not be contacted; None where they may, or are not known."""
    if "contact_basis" not in scope.columns("marts.dim_customers"):
        return None
    rows = scope.query(
        "select contact_basis from marts.dim_customers "
        "where customer_id = ? and not is_contactable",
        scope.customer,
    )
    return str(rows[0][0]) if rows else None


def _one_line(error: AlmanacError) -> str:
    return " ".join(str(error).split("\n"))
