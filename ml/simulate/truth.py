"""The true probabilities, from which each label was drawn; they give the best reachable AUC."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ml.simulate.bank_files import dictionary_array
from ml.simulate.scenario import Doubles, Scenario

TRUTH = "truth/probabilities.parquet"


def truth_table(
    scenario: Scenario,
    target: str,
    customers: Sequence[str],
    months: Sequence[int],
    values: Doubles,
) -> pa.Table:
    """Return truth rows of `target` from `values` (customers, months); NaN gives no row.

    Columns: customer_id (company-wide), event_timestamp (first instant of the label month),
    target, probability.
    """
    kept = ~np.isnan(values)
    rows, columns = np.nonzero(kept)
    stamps = pa.array(scenario.starts[np.array(months)] * 1_000_000).cast(pa.timestamp("us"))
    return pa.table(
        {
            "customer_id": dictionary_array(rows, customers),
            "event_timestamp": stamps.take(pa.array(columns)),
            "target": dictionary_array(np.zeros(rows.size), [target]),
            "probability": pa.array(values[kept]),
        }
    )
