"""Which rows train and which judge: by time first, then by customer, never by id or row order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.training_set import Keys, Labels, Months, Rows, TrainingSet
from ml.workspace.errors import BadInput


@dataclass(frozen=True)
class Split:
    """Positions of the training rows, of the test rows (none for stratified) and the test month."""

    train: Rows
    test: Rows
    test_month: np.datetime64 | None


def months_of(times: Months) -> Months:
    """Return the calendar month of each time."""
    return times.astype("datetime64[M]")


def temporal(times: Months, horizon_months: int, test_month: np.datetime64 | None = None) -> Split:
    """Return the split that tests on `test_month` (the newest by default).

    Training rows are those whose label was decided when the test month's first label began: a
    label's time and its whole horizon lie before it.

    Raises:
        AlmanacError: no label is old enough to train on.
    """
    months = months_of(times)
    tested = months.max() if test_month is None else test_month
    train = decided_before(times, horizon_months, tested)
    if not len(train):
        first = times[months == tested].min().astype("datetime64[D]")
        raise BadInput(
            f"No label lies {horizon_months} or more months before the test month {tested}, whose "
            f"first label is of {first}.",
            "Add older data to the raw folder, then: dbt build",
        )
    return Split(train, np.flatnonzero(months == tested), tested)


def decided_before(times: Months, horizon_months: int, month: np.datetime64) -> Rows:
    """Return the positions of the labels decided when the first label of `month` begins.

    Labels may be of any day: one of 15 March with a horizon of a month is decided on 15 April.
    """
    months = months_of(times)
    since = (times - months.astype(times.dtype)).astype("timedelta64[us]")
    later = (months + np.timedelta64(horizon_months, "M")).astype(times.dtype)
    return np.flatnonzero(later + since <= times[months == month].min())


def stratified(times: Months) -> Split:
    """Return the split of data without time: every row trains, and folds judge."""
    return Split(np.arange(len(times)), np.arange(0), None)


@dataclass(frozen=True)
class CustomerGroups:
    """Customers who must stay together: each row's group, and a hash of what each group holds.

    Groups are numbered from 0. The hash says nothing of ids: renumbering customers changes none.
    """

    of_row: Rows
    content: Keys


def customer_groups(data: TrainingSet, *, merge_equals: bool) -> CustomerGroups:
    """Return a group a customer; with `merge_equals`, customers whose rows are equal share one.

    Over time `merge_equals` would herd all dormant customers into one group.
    """
    names, codes = np.unique(data.customers, return_inverse=True)
    content = np.zeros(len(names), dtype=np.uint64)
    # A wrapping sum: what a customer's rows hold, whatever their order.
    np.add.at(content, codes, data.keys)
    if not merge_equals:
        return CustomerGroups(codes, content)
    merged, group_of = np.unique(content, return_inverse=True)
    return CustomerGroups(group_of[codes], merged)


def folds(labels: Labels, groups: CustomerGroups, count: int, seed: int) -> Rows:
    """Return each row's fold, 0 to `count - 1`, groups whole, positives spread evenly.

    Groups are put in the order of what they hold, so that renumbering customers or shuffling the
    rows changes nothing.
    """
    positive = np.bincount(groups.of_row, weights=labels) > 0
    order = np.argsort(groups.content, kind="stable")
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(groups.content), dtype=np.int64)
    dealt = 0
    for wanted in (True, False):
        hand = rng.permutation(order[positive[order] == wanted])
        fold_of[hand] = (np.arange(len(hand)) + dealt) % count
        dealt += len(hand)
    return fold_of[groups.of_row]


def train_and_held_out(fold_of: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Yield for each fold the positions of the rows outside it and of those in it."""
    for fold in np.unique(fold_of):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def thin(labels: Labels, most: int, seed: int) -> tuple[Rows, NDArray[np.float64]]:
    """Return at most `most` negatives with all positives, and weights that undo the thinning.

    A kept negative stands for those left out, so probabilities stay what they were, while rare
    events cost a fraction of the time.
    """
    negatives = np.flatnonzero(labels == 0)
    if len(negatives) <= most:
        return np.arange(len(labels)), np.ones(len(labels))
    kept = np.random.default_rng(seed).choice(negatives, most, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(labels == 1), kept]))
    return rows, np.where(labels[rows] == 1, 1.0, len(negatives) / most)
