"""Whether the online store answers as the warehouse does, value by value."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from ml import store
from ml.config import AlmanacError, Workspace
from ml.targets import Target
from ml.warehouse import open_warehouse

SPINE = "intermediate.int_customer_months"
AT_ONCE = 1_000
# What two floating-point values may differ by, relative to the larger; all other types exactly.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Difference:
    """One feature's values that are not the same online, with the first customer of them."""

    feature: str
    missing: int
    extra: int
    mismatched: int
    customer: str
    offline: Any
    online: Any


@dataclass(frozen=True)
class Verdict:
    """What comparing every value of a target's features found.

    A value is missing where only the warehouse has one, extra where only the online store has one,
    mismatched where they differ.
    """

    target: str
    moment: datetime
    customers: int
    features: int
    differences: tuple[Difference, ...]

    def total(self, kind: str) -> int:
        """Return how many values are `missing`, `extra` or `mismatched`."""
        return sum(getattr(each, kind) for each in self.differences)


def verify(ws: Workspace, target: Target) -> Verdict:
    """Compare online with offline for every customer and feature at the last published moment.

    Raises:
        AlmanacError: nothing of the target's features is published, or no customer is known.
    """
    moment = store.published_until(ws, target.name)
    customers = _customers(ws, moment)
    found: dict[str, Difference] = {}
    features = store.feature_names(ws, target.name)
    for offline, online in _both(ws, target.name, customers, moment):
        for feature in features:
            new = _difference(feature.name, offline, online)
            if new:
                found[feature.name] = _added(found.get(feature.name), new)
    worst = sorted(found.values(), key=lambda d: -(d.missing + d.extra + d.mismatched))
    return Verdict(target.name, moment, len(customers), len(features), tuple(worst))


def _customers(ws: Workspace, moment: datetime) -> list[str]:
    with open_warehouse(ws.warehouse) as connection:
        found = connection.execute(
            f"select distinct customer_id from {SPINE} where event_timestamp <= ? order by 1",
            [moment],
        ).fetchall()
    if not found:
        raise AlmanacError(
            f"No customer was known on {moment:%Y-%m-%d}.\nBuild the warehouse: dbt build"
        )
    return [str(row[0]) for row in found]


def _both(
    ws: Workspace, service: str, customers: list[str], moment: datetime
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the same customers' rows from the warehouse and from the online store, in batches."""
    with tqdm(total=len(customers), desc=service, unit=" customers", disable=None) as bar:
        for start in range(0, len(customers), AT_ONCE):
            part = customers[start : start + AT_ONCE]
            moments = pa.array([moment] * len(part), pa.timestamp("us"))
            entities = pa.table({"customer_id": part, "event_timestamp": moments})
            offline = store.training_set(ws, service, entities)
            yield offline, store.online_rows(ws, service, part, moment)
            bar.update(len(part))


def _difference(feature: str, offline: pa.Table, online: pa.Table) -> Difference | None:
    ours, theirs = (table[feature].combine_chunks() for table in (offline, online))
    known, published = (_known(values) for values in (ours, theirs))
    missing, extra = known & ~published, published & ~known
    mismatched = known & published & ~_equal(ours, theirs)
    wrong = np.flatnonzero(missing | extra | mismatched)
    if not len(wrong):
        return None
    first = int(wrong[0])
    return Difference(
        feature,
        int(missing.sum()),
        int(extra.sum()),
        int(mismatched.sum()),
        offline["customer_id"][first].as_py(),
        ours[first].as_py(),
        theirs[first].as_py(),
    )


def _known(values: pa.Array) -> NDArray[np.bool_]:
    return ~np.asarray(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False))


def _equal(ours: pa.Array, theirs: pa.Array) -> NDArray[np.bool_]:
    if pa.types.is_floating(ours.type):
        left, right = (values.to_numpy(zero_copy_only=False) for values in (ours, theirs))
        return np.asarray(np.isclose(left, right, rtol=TOLERANCE, atol=0.0))
    return np.asarray(pc.equal(ours, theirs).fill_null(False).to_numpy(zero_copy_only=False))


def _added(known: Difference | None, new: Difference) -> Difference:
    if known is None:
        return new
    return replace(
        known,
        missing=known.missing + new.missing,
        extra=known.extra + new.extra,
        mismatched=known.mismatched + new.mismatched,
    )
