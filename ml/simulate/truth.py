"""The truth kept aside: the probability from which each label was drawn, and so the best AUC."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ml.simulate.bank_files import coded
from ml.simulate.scenario import Doubles, Plan

TRUTH = "truth/probabilities.parquet"


def truth_table(
    plan: Plan, target: str, customers: Sequence[str], months: Sequence[int], values: Doubles
) -> pa.Table:
    """Return truth rows of `target` from `values` (customers, months); nan makes no row.

    Columns: customer_id (company-wide), event_timestamp (first instant of the label month),
    target, probability.
    """
    kept = ~np.isnan(values)
    who, when = np.nonzero(kept)
    stamps = pa.array(plan.starts[np.array(months)] * 1_000_000).cast(pa.timestamp("us"))
    return pa.table(
        {
            "customer_id": coded(who, customers),
            "event_timestamp": stamps.take(pa.array(when)),
            "target": coded(np.zeros(who.size), [target]),
            "probability": pa.array(values[kept]),
        }
    )
