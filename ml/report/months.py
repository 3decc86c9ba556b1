"""How well each label month was ranked."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.intervals import Interval, estimated_auc
from ml.metrics import missing_last, roc_auc


@dataclass(frozen=True)
class Month:
    """One label month's rows: `part` says whether its model saw the month in other customers."""

    month: date
    part: str
    rows: int
    positives: int
    auc: float
    interval: Interval
    baseline: float | None


def by_month(predictions: pd.DataFrame) -> tuple[Month, ...]:
    """Return the label months in order; those with fewer than two rows of a class left out.

    Where the predictions have one month only, there is nothing to compare.
    """
    months = predictions["event_timestamp"].dt.to_period("M")
    if months.nunique() < 2:
        return ()
    found = [_month(rows) for _, rows in predictions.groupby([months, "part"], sort=True)]
    return tuple(month for month in found if month is not None)


def _month(rows: pd.DataFrame) -> Month | None:
    first = rows.iloc[0]
    labels = rows["label"].to_numpy(np.int8)
    estimate = estimated_auc(labels, rows["probability"].to_numpy(), np.zeros(len(rows), np.int64))
    if estimate is None:
        return None
    baseline = rows["baseline"].to_numpy(np.float64)
    alone = None if np.isnan(baseline).all() else roc_auc(labels, missing_last(baseline))[0]
    return Month(
        month=first["event_timestamp"].date().replace(day=1),
        part=str(first["part"]),
        rows=len(rows),
        positives=int(labels.sum()),
        auc=estimate.value,
        interval=estimate.interval(rows["customer_id"].to_numpy().astype(str)),
        baseline=alone,
    )
