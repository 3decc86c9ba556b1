"""How well each label month was ranked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.evaluation.bootstrap import Interval, estimate
from ml.evaluation.metrics import missing_last, roc_auc, roc_auc_of_draws
from ml.registry.backtest_months import BacktestMonth


@dataclass(frozen=True)
class Month:
    """A label month: the models of part `cv` saw it in other customers, that of `test` did not."""

    month: date
    part: str
    rows: int
    positives: int
    auc: float
    interval: Interval
    baseline: float | None


def by_month(predictions: pd.DataFrame, walked: Sequence[BacktestMonth]) -> tuple[Month, ...]:
    """Return the label months in order, but for those with one customer of a class or none.

    Months that a backtest `walked` through are judged by it, but for the one held out. Where the
    predictions have one month only, there is nothing to compare.
    """
    months = predictions["event_timestamp"].dt.to_period("M")
    if months.nunique() < 2:
        return ()
    judged = [_month(rows) for _, rows in predictions.groupby([months, "part"], sort=True)]
    known = {each.month: each for each in judged if each is not None}
    held_out = {each.month for each in known.values() if each.part == "test"}
    again = {each.month: each for each in map(_walked, walked) if each.month not in held_out}
    return tuple(each for _, each in sorted({**known, **again}.items()))


def _walked(kept: BacktestMonth) -> Month:
    return Month(
        month=date.fromisoformat(f"{kept.month}-01"),
        part="test",
        rows=kept.rows,
        positives=kept.positives,
        auc=kept.roc_auc,
        interval=kept.interval,
        baseline=kept.baseline,
    )


def _month(rows: pd.DataFrame) -> Month | None:
    first = rows.iloc[0]
    labels = rows["label"].to_numpy(np.int8)
    ranked = roc_auc_of_draws(labels, rows["probability"].to_numpy())
    found = estimate(ranked, rows["customer_id"].to_numpy().astype(str))
    if found is None or found.interval is None:
        return None
    baseline = rows["baseline"].to_numpy(np.float64)
    alone = None if np.isnan(baseline).all() else roc_auc(labels, missing_last(baseline))
    return Month(
        month=first["event_timestamp"].date().replace(day=1),
        part=str(first["part"]),
        rows=len(rows),
        positives=int(labels.sum()),
        auc=found.value,
        interval=found.interval,
        baseline=alone,
    )
