import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.feature import Feature
from ml.data.split import (
    customer_groups,
    folds,
    months_of,
    temporal,
    thin,
    train_and_held_out,
)
from ml.data.training_set import TrainingSet
from ml.workspace.errors import AlmanacError

MONTHS = np.array(["2023-01", "2023-02", "2023-03", "2023-04", "2023-05"], dtype="datetime64[M]")
TIMES = np.repeat(MONTHS, 4).astype("datetime64[us]")


def data(customers, labels, values, times=None) -> TrainingSet:
    matrix = np.asarray(values, dtype=np.float32).reshape(len(labels), -1)
    features = tuple(Feature(f"f{i}", "double", "v") for i in range(matrix.shape[1]))
    times = np.zeros(len(labels), "datetime64[us]") if times is None else times
    return TrainingSet(features, np.asarray(customers, str), times, np.int8(labels), matrix)


@pytest.mark.parametrize(("horizon", "last"), [(1, "2023-04"), (2, "2023-03"), (3, "2023-02")])
def test_training_labels_were_decided_before_the_test_month(horizon, last):
    split = temporal(TIMES, horizon)
    assert set(months_of(TIMES[split.test])) == {np.datetime64("2023-05")}
    assert months_of(TIMES[split.train]).max() == np.datetime64(last)


@pytest.mark.parametrize(
    ("day", "is_decided"), [("2023-04-02", True), ("2023-04-03", True), ("2023-04-04", False)]
)
def test_a_label_inside_a_month_is_decided_a_whole_horizon_later(day, is_decided):
    days = [day, "2023-05-20", "2023-05-03", "2023-02-15"]
    times = np.array(days, dtype="datetime64[us]")
    split = temporal(times, 1)
    assert list(split.test) == [1, 2]
    assert list(split.train) == ([0, 3] if is_decided else [3])


def test_labels_that_overlap_the_test_month_alone_are_refused():
    times = np.array(["2023-04-10", "2023-05-03"], dtype="datetime64[us]")
    with pytest.raises(AlmanacError, match=r"test month 2023-05, .* of 2023-05-03"):
        temporal(times, 1)


def test_an_earlier_month_can_be_tested_and_later_ones_stay_out():
    split = temporal(TIMES, 1, np.datetime64("2023-03"))
    assert set(months_of(TIMES[split.test])) == {np.datetime64("2023-03")}
    assert months_of(TIMES[split.train]).max() == np.datetime64("2023-02")


def test_too_short_a_history_is_refused():
    with pytest.raises(AlmanacError, match=r"5 or more months before the test month 2023-05"):
        temporal(TIMES, 5)


def dealt(rows, seed=1, *, merge=True):
    """The rows' folds."""
    return folds(rows.labels, customer_groups(rows, merge_equals=merge), 5, seed)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_customer_is_never_on_both_sides(seed, merge):
    rng = np.random.default_rng(seed)
    customers = rng.integers(0, 30, 120)
    rows = data(customers, rng.integers(0, 2, 120), rng.integers(0, 3, (120, 1)))
    for train, judged in train_and_held_out(dealt(rows, merge=merge)):
        assert not set(rows.customers[train]) & set(rows.customers[judged])


def test_positives_and_rows_are_spread_evenly():
    labels = np.arange(500) % 10 == 0
    rows = data(np.arange(500), labels, np.random.default_rng(1).random((500, 2)))
    fold = dealt(rows)
    assert list(np.bincount(fold)) == [100] * 5
    assert list(np.bincount(fold[labels])) == [10] * 5


def test_equal_customers_share_a_fold_where_folds_judge():
    values = np.repeat(np.random.default_rng(1).random((50, 3)), 2, axis=0)
    rows = data(np.arange(100), np.repeat(np.arange(50) % 2, 2), values)
    fold = dealt(rows)
    assert (fold[::2] == fold[1::2]).all()


def test_a_crowd_of_equal_customers_is_spread_over_time_folds():
    rows = data(np.arange(100), np.arange(100) < 10, np.zeros((100, 1)))
    assert list(np.bincount(dealt(rows, merge=False))) == [20] * 5


def test_neither_ids_nor_row_order_matter():
    rng = np.random.default_rng(5)
    person = rng.integers(0, 60, 200)
    values, labels = rng.random((200, 3)), rng.integers(0, 2, 200)
    first = dealt(data(person, labels, values))
    order = rng.permutation(200)
    renamed = rng.permutation(60)[person]
    again = dealt(data(renamed[order], labels[order], values[order]))
    assert (first[order] == again).all()


def test_another_seed_shuffles_anew():
    rows = data(np.arange(200), np.arange(200) % 2, np.random.default_rng(5).random((200, 3)))
    one, other = (dealt(rows, seed) for seed in (1, 2))
    assert (one != other).any()


def test_thinning_keeps_every_positive_and_the_total_weight():
    labels = (np.arange(1000) % 100 == 0).astype(np.int8)
    rows, weights = thin(labels, 90, 1)
    assert labels[rows].sum() == 10
    assert len(rows) == 100
    assert weights[labels[rows] == 1].sum() == 10
    assert weights[labels[rows] == 0].sum() == pytest.approx(990)


def test_nothing_is_thinned_below_the_limit():
    rows, weights = thin(np.int8([0, 1, 0]), 2, 1)
    assert list(rows) == [0, 1, 2]
    assert list(weights) == [1, 1, 1]


def test_the_training_set_may_have_any_index_of_time():
    times = pd.date_range("2023-01-15", periods=3, freq="MS").to_numpy("datetime64[us]")
    assert [str(m) for m in months_of(times)] == ["2023-02", "2023-03", "2023-04"]
