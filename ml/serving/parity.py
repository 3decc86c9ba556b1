"""Parity: every value in the online store is compared with the warehouse's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml import store
from ml.data.training_set import matrix_of
from ml.registry import artifact
from ml.workspace.errors import NotBuilt, NotTrained
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.targets import SPINE, Target, target, targets
from ml.workspace.warehouse import open_warehouse

CUSTOMERS_PER_BATCH = 50_000
# Relative tolerance for fractions; whole numbers and values of other types must be equal.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class ParityDifference:
    """How many values of a feature differ online, with the first such customer as an example."""

    feature: str
    missing: int
    extra: int
    mismatched: int
    customer: str
    offline: Any
    online: Any


@dataclass(frozen=True)
class ParityResult:
    """The result of comparing every value of a materialized view with the warehouse.

    A value is missing where only the warehouse has one, extra where only the online store has one,
    mismatched where they differ.
    """

    view: str
    moment: datetime
    customers: int
    features: int
    differences: tuple[ParityDifference, ...]

    def total(self, kind: str) -> int:
        """Return how many values are `missing`, `extra` or `mismatched`."""
        return sum(getattr(each, kind) for each in self.differences)


def verify(ws: Workspace, names: Sequence[str] = ()) -> list[ParityResult]:
    """Compare the online inputs of these targets' champions with the warehouse.

    By default those of all targets, and the online families.

    Raises:
        AlmanacError: a target is unknown, or something is not materialized.
    """
    trained = (each.name for each in targets(ws) if artifact.champion_id(ws, each.name))
    results = [verify_input(ws, target(ws, name)) for name in names or trained]
    if not names:
        results += [verify_family(ws, family) for family in store.online_views(ws)]
    if results:
        return results
    raise NotTrained("Nothing can be published yet.", "Train a model: ml train")


def verify_input(ws: Workspace, predicted: Target) -> ParityResult:
    """Compare the online input of the target's champion with what Feast retrieves offline.

    Raises:
        AlmanacError: there is no champion, its input is not materialized, or no customer is known.
    """
    champion = artifact.champion(ws, predicted.name)
    wanted = store.ModelInput.of(champion.card.target, champion.card.model_id, champion.features)
    reader = store.input_reader(ws, wanted)
    moment = reader.read([]).moment
    customers = _customers(ws, moment, reader.customers())
    names = [name for name, _ in wanted.features]
    differences: list[ParityDifference] = []
    for batch in _batches(wanted.view, customers):
        table = store.training_set(ws, names, store.rows_at(batch, moment))
        offline = matrix_of(table, champion.features)
        online = reader.read(batch, moment).matrix
        for place in _differing_columns(offline, online):
            values = (pa.array(matrix[:, place]) for matrix in (offline, online))
            differences += _difference(names[place], batch, *values)
    return ParityResult(wanted.view, moment, len(customers), len(names), _per_feature(differences))


def verify_family(ws: Workspace, family: str) -> ParityResult:
    """Compare the online rows of a family with what Feast retrieves offline.

    Raises:
        AlmanacError: the family is not materialized, or no customer is known.
    """
    moment, online_customers = store.materialized_family(ws, family)
    customers = _customers(ws, moment, online_customers)
    names = store.family_rows(ws, family, [], moment).column_names[2:]
    differences: list[ParityDifference] = []
    for batch in _batches(family, customers):
        offline = store.training_set(ws, names, store.rows_at(batch, moment))
        online = store.family_rows(ws, family, batch, moment)
        for name in names:
            values = (table[name].combine_chunks() for table in (offline, online))
            differences += _difference(name, batch, *values)
    return ParityResult(family, moment, len(customers), len(names), _per_feature(differences))


def _customers(ws: Workspace, moment: datetime, online_customers: Iterable[str]) -> list[str]:
    """Return the customers known at the moment and those online, who may be too many."""
    with open_warehouse(ws.warehouse) as connection:
        found = connection.execute(
            f"select distinct customer_id from {SPINE} where event_timestamp <= ?", [moment]
        ).fetchall()
    if not found:
        raise NotBuilt(
            f"No customer was known on {moment:%Y-%m-%d}.", "Build the warehouse: dbt build"
        )
    return sorted({str(row[0]) for row in found}.union(online_customers))


def _batches(name: str, customers: Sequence[str]) -> Iterator[Sequence[str]]:
    with Progress(total=len(customers), desc=name, unit=" customers") as bar:
        for start in range(0, len(customers), CUSTOMERS_PER_BATCH):
            batch = customers[start : start + CUSTOMERS_PER_BATCH]
            yield batch
            bar.update(len(batch))


def _differing_columns(offline: NDArray[np.float32], online: NDArray[np.float32]) -> list[int]:
    """Return the columns in which the two matrices are not equal bit by bit; NaN equals NaN."""
    same = (offline == online) | (np.isnan(offline) & np.isnan(online))
    return [int(place) for place in np.flatnonzero(~same.all(axis=0))]


def _difference(
    feature: str, customers: Sequence[str], offline: pa.Array, online: pa.Array
) -> list[ParityDifference]:
    in_offline, in_online = (_present(values) for values in (offline, online))
    missing, extra = in_offline & ~in_online, in_online & ~in_offline
    mismatched = in_offline & in_online & ~_equal(offline, online)
    wrong = np.flatnonzero(missing | extra | mismatched)
    if not len(wrong):
        return []
    first = int(wrong[0])
    return [
        ParityDifference(
            feature,
            int(missing.sum()),
            int(extra.sum()),
            int(mismatched.sum()),
            customers[first],
            offline[first].as_py() if in_offline[first] else None,
            online[first].as_py() if in_online[first] else None,
        )
    ]


def _present(values: pa.Array) -> NDArray[np.bool_]:
    return ~np.asarray(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False))


def _equal(offline: pa.Array, online: pa.Array) -> NDArray[np.bool_]:
    if not pa.types.is_floating(offline.type):
        equal = pc.equal(offline, online).fill_null(False)
        return np.asarray(equal.to_numpy(zero_copy_only=False))
    left, right = (values.to_numpy(zero_copy_only=False) for values in (offline, online))
    near = np.isclose(right, left, rtol=TOLERANCE, atol=0.0) & (left != np.rint(left))
    return np.asarray((left == right) | near)


def _per_feature(differences: Iterable[ParityDifference]) -> tuple[ParityDifference, ...]:
    """Return one difference per feature, those with the most differing values first."""
    by_feature: dict[str, ParityDifference] = {}
    for new in differences:
        known = by_feature.setdefault(new.feature, new)
        if known is not new:
            by_feature[new.feature] = replace(
                known,
                missing=known.missing + new.missing,
                extra=known.extra + new.extra,
                mismatched=known.mismatched + new.mismatched,
            )
    return tuple(
        sorted(by_feature.values(), key=lambda d: -(d.missing + d.extra + d.mismatched)),
    )
