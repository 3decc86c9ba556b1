"""The order of label rows, their keys, and one matrix under several targets' labels."""

import numpy as np
import pandas as pd
import pyarrow as pa

from ml.data.feature import Feature
from ml.data.training_set import TrainingSet, informative, relabelled, row_keys, training_set

WIDTH = 70
FEATURES = tuple(Feature(f"f{i}", "double", "v") for i in range(WIDTH))


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    customers = np.array([f"c{i % (rows // 3):05}" for i in range(rows)])
    times = np.datetime64("2023-01-01", "us") + np.arange(rows) // (rows // 3) * 86_400_000_000
    values = rng.normal(size=(rows, WIDTH)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 3], values[: rows // 2, 5] = -0.0, np.nan
    # Equal rows of many customers, as dormant ones have.
    values[::3] = values[0]
    return customers, times, values


def label_rows(customers: np.ndarray, times: np.ndarray, seed: int) -> pa.Table:
    labels = np.random.default_rng(seed).integers(0, 2, len(customers), dtype=np.int32)
    return pa.table({"customer_id": customers, "event_timestamp": times, "label": labels})


def test_keys_are_those_of_pandas():
    customers, times, values = drawn(6_000)
    rows = training_set(label_rows(customers, times, 1), FEATURES, values)
    frame = pd.DataFrame(rows.matrix + np.float32(0))
    frame["label"], frame["time"] = rows.labels, rows.times
    wanted = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    np.testing.assert_array_equal(row_keys(rows), wanted)
    np.testing.assert_array_equal(rows.keys, wanted)
    np.testing.assert_array_equal(rows.take(np.arange(9, 99, 7)).keys, wanted[9:99:7])


def test_rows_under_other_labels_are_as_if_they_were_read_anew():
    customers, times, values = drawn(3_000)
    first, second = (label_rows(customers, times, seed) for seed in (1, 2))
    anew = training_set(second, FEATURES, values.copy())
    again = relabelled(training_set(first, FEATURES, values), second)
    assert again is not None
    assert again.digest() == anew.digest()
    np.testing.assert_array_equal(again.customers, anew.customers)
    np.testing.assert_array_equal(again.keys, anew.keys)


def test_other_rows_are_not_taken_for_the_same():
    customers, times, values = drawn(300)
    rows = training_set(label_rows(customers, times, 1), FEATURES, values)
    digest = rows.digest()
    for some in (slice(1, None), slice(None, None, 2)):
        assert relabelled(rows, label_rows(customers[some], times[some], 2)) is None
    assert relabelled(rows, label_rows(np.char.add(customers, "x"), times, 2)) is None
    assert rows.digest() == digest


def test_a_column_varies_if_any_row_differs_wherever_that_row_is():
    values = np.zeros((25_000, 4), dtype=np.float32)
    values[-1, 0], values[0, 1], values[:, 2], values[12_000, 3] = 1, np.nan, np.nan, 2
    rows = TrainingSet(FEATURES[:4], np.array(["c"]), np.array([]), np.array([]), values)
    assert informative(rows, np.arange(25_000)).tolist() == [True, True, False, True]
