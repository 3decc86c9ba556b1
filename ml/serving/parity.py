"""Whether the online store answers as the warehouse does, value by value."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from ml import store
from ml.data.training_set import matrix_of
from ml.registry import artifact
from ml.serving.batch_inputs import rows_at
from ml.workspace.errors import NotBuilt, NotTrained
from ml.workspace.settings import Workspace
from ml.workspace.targets import SPINE, Target, target, targets
from ml.workspace.warehouse import open_warehouse

AT_ONCE = 50_000
# What fractions may differ by, relative to the warehouse's; whole numbers and other types: exactly.
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
    """What comparing every value of a published view found.

    A value is missing where only the warehouse has one, extra where only the online store has one,
    mismatched where they differ.
    """

    view: str
    moment: datetime
    customers: int
    features: int
    differences: tuple[Difference, ...]

    def total(self, kind: str) -> int:
        """Return how many values are `missing`, `extra` or `mismatched`."""
        return sum(getattr(each, kind) for each in self.differences)


def verify(ws: Workspace, names: Sequence[str] = ()) -> list[Verdict]:
    """Compare what is published of these targets' champions; of all, and of families, by default.

    Raises:
        AlmanacError: a target is unknown, or something is not published.
    """
    trained = (each.name for each in targets(ws) if artifact.champion_id(ws, each.name))
    found = [verify_input(ws, target(ws, name)) for name in names or trained]
    if not names:
        found += [verify_family(ws, family) for family in store.online_views(ws)]
    if found:
        return found
    raise NotTrained("Nothing can be published yet.", "Train a model: ml train")


def verify_input(ws: Workspace, predicted: Target) -> Verdict:
    """Compare the published input of the target's champion with what Feast retrieves offline.

    Raises:
        AlmanacError: there is no champion, its input is not published, or no customer is known.
    """
    champion = artifact.champion(ws, predicted.name)
    wanted = store.ModelInput.of(champion.card.target, champion.card.model_id, champion.features)
    reader = store.input_reader(ws, wanted)
    moment = reader.read([]).moment
    customers = _customers(ws, moment, reader.customers())
    names = [name for name, _ in wanted.features]
    found: list[Difference] = []
    for part in _parts(wanted.view, customers):
        table = store.training_set(ws, names, rows_at(part, moment))
        offline = matrix_of(table, champion.features)
        online = reader.read(part, moment).matrix
        for place in _unlike(offline, online):
            values = (pa.array(matrix[:, place]) for matrix in (offline, online))
            found += _difference(names[place], part, *values)
    return Verdict(wanted.view, moment, len(customers), len(names), _summed(found))


def verify_family(ws: Workspace, family: str) -> Verdict:
    """Compare what is published of a family by name with what Feast retrieves offline.

    Raises:
        AlmanacError: nothing of it is published, or no customer is known.
    """
    moment, published = store.published_family(ws, family)
    customers = _customers(ws, moment, published)
    names = store.family_rows(ws, family, [], moment).column_names[2:]
    found: list[Difference] = []
    for part in _parts(family, customers):
        offline = store.training_set(ws, names, rows_at(part, moment))
        online = store.family_rows(ws, family, part, moment)
        for name in names:
            ours, theirs = (table[name].combine_chunks() for table in (offline, online))
            found += _difference(name, part, ours, theirs)
    return Verdict(family, moment, len(customers), len(names), _summed(found))


def _customers(ws: Workspace, moment: datetime, published: Iterable[str]) -> list[str]:
    """Return all customers known at the moment, and those who should not be published."""
    with open_warehouse(ws.warehouse) as connection:
        found = connection.execute(
            f"select distinct customer_id from {SPINE} where event_timestamp <= ?", [moment]
        ).fetchall()
    if not found:
        raise NotBuilt(
            f"No customer was known on {moment:%Y-%m-%d}.", "Build the warehouse: dbt build"
        )
    return sorted({str(row[0]) for row in found}.union(published))


def _parts(name: str, customers: Sequence[str]) -> Iterator[Sequence[str]]:
    with tqdm(total=len(customers), desc=name, unit=" customers", disable=None) as bar:
        for start in range(0, len(customers), AT_ONCE):
            part = customers[start : start + AT_ONCE]
            yield part
            bar.update(len(part))


def _unlike(offline: NDArray[np.float32], online: NDArray[np.float32]) -> list[int]:
    """Return the columns in which not every value is the same to the last bit."""
    same = (offline == online) | (np.isnan(offline) & np.isnan(online))
    return [int(place) for place in np.flatnonzero(~same.all(axis=0))]


def _difference(
    feature: str, customers: Sequence[str], ours: pa.Array, theirs: pa.Array
) -> list[Difference]:
    known, published = (_known(values) for values in (ours, theirs))
    missing, extra = known & ~published, published & ~known
    mismatched = known & published & ~_equal(ours, theirs)
    wrong = np.flatnonzero(missing | extra | mismatched)
    if not len(wrong):
        return []
    first = int(wrong[0])
    return [
        Difference(
            feature,
            int(missing.sum()),
            int(extra.sum()),
            int(mismatched.sum()),
            customers[first],
            ours[first].as_py() if known[first] else None,
            theirs[first].as_py() if published[first] else None,
        )
    ]


def _known(values: pa.Array) -> NDArray[np.bool_]:
    return ~np.asarray(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False))


def _equal(ours: pa.Array, theirs: pa.Array) -> NDArray[np.bool_]:
    if not pa.types.is_floating(ours.type):
        equal = pc.equal(ours, theirs).fill_null(False)
        return np.asarray(equal.to_numpy(zero_copy_only=False))
    left, right = (values.to_numpy(zero_copy_only=False) for values in (ours, theirs))
    near = np.isclose(right, left, rtol=TOLERANCE, atol=0.0) & (left != np.rint(left))
    return np.asarray((left == right) | near)


def _summed(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return one difference a feature, those with most values first."""
    by_feature: dict[str, Difference] = {}
    for new in found:
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
