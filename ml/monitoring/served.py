"""Whether the service answered from what the warehouse says of the same moment."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np

from ml.data.training_set import Matrix
from ml.registry.listing import read_card
from ml.serving.answer_log import folder_of
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal

# At most so many sampled answers of a target, model and moment are looked at, the newest first.
MOST_ROWS = 10_000


@dataclass(frozen=True)
class ServedInputs:
    """Sampled answers of one target, model and moment beside the warehouse.

    `missing` counts values that were served as null and that the warehouse has, `extra` those that
    were served and that it has not, `mismatched` those that differ; `feature` has most of them.
    """

    target: str
    model_id: str
    as_of: datetime
    rows: int
    missing: int
    extra: int
    mismatched: int
    feature: str

    @property
    def differs(self) -> bool:
        """Whether any value differs."""
        return self.missing + self.extra + self.mismatched > 0


def served_inputs(ws: Workspace, month: date) -> list[ServedInputs]:
    """Return what was compared of the answers that the service gave for the month's features.

    None where the service logged no inputs (`ml serve --log-inputs`), or the model is gone.

    Raises:
        AlmanacError: a feature of the model is no longer registered.
    """
    found = []
    for target, model_id, as_of, customers, inputs in _logged(ws, month):
        try:
            card = read_card(ws.models / target / model_id)
        except AlmanacError:
            continue
        names = [feature.name for feature in card.features]
        served = np.array([[each.get(name, np.nan) for name in names] for each in inputs])
        known = _known(ws, names, customers, as_of)
        found.append(compared((target, model_id, as_of), names, served, known))
    return found


def compared(
    key: tuple[str, str, datetime], names: Sequence[str], served: Matrix, known: Matrix
) -> ServedInputs:
    """Return how the served values differ from those the warehouse knows, cell by cell.

    Args:
        key: target, model id and moment.
        names: the features, a column each.
        served: the logged values, a row an answer, NaN for null.
        known: the warehouse's, in the same shape.
    """
    served, known = served.astype(np.float32), known.astype(np.float32)
    has_served, has_known = ~np.isnan(served), ~np.isnan(known)
    missing, extra = has_known & ~has_served, has_served & ~has_known
    mismatched = has_served & has_known & (served != known)
    per_feature = (missing | extra | mismatched).sum(axis=0)
    return ServedInputs(
        *key,
        len(served),
        int(missing.sum()),
        int(extra.sum()),
        int(mismatched.sum()),
        names[int(per_feature.argmax())] if per_feature.any() else "",
    )


def _logged(ws: Workspace, month: date) -> Iterator[tuple[str, str, datetime, list[str], Any]]:
    """Yield target, model, moment, customers and inputs of the sampled answers by id."""
    files = folder_of(ws) / "*.parquet"
    if not any(folder_of(ws).glob("*.parquet")):
        return
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        groups = connection.execute(
            "select target, model_id, as_of::timestamp, list(customer_id), list(input) from ("
            f"select * from read_parquet({literal(files)}) where asked = 'score' "
            "and input is not null and customer_id is not null "
            "and date_trunc('month', as_of::timestamp) = $month + interval 1 month "
            "qualify row_number() over (partition by target, model_id, as_of, customer_id "
            "order by answered_at desc) = 1 and row_number() over (partition by target, model_id, "
            "as_of order by answered_at desc) <= $most) group by all order by all",
            {"month": month, "most": MOST_ROWS},
        ).fetchall()
    for target, model_id, as_of, customers, inputs in groups:
        yield target, model_id, as_of, customers, [json.loads(each) for each in inputs]


def _known(
    ws: Workspace, names: Sequence[str], customers: Sequence[str], as_of: datetime
) -> Matrix:
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    asked = store.rows_at(customers, as_of)
    (found,) = store.training_matrices(ws, names, asked, len(customers))
    place = {name: position for position, name in enumerate(found.types)}
    order = {customer: row for row, customer in enumerate(found.rows["customer_id"].to_pylist())}
    rows = [order[customer] for customer in customers]
    return found.values[np.ix_(rows, [place[name] for name in names])]
