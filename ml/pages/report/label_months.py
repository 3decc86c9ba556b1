"""How well the rows of each label month were ranked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.evaluation.bootstrap import Interval, estimate
from ml.evaluation.metrics import missing_last, roc_auc, roc_auc_statistic
from ml.registry.backtest_months import BacktestMonth


@dataclass(frozen=True)
class LabelMonth:
    """ROC-AUC within one label month, beside the baseline's.

    `split` is `cv` where the rows were predicted out of fold, by models that saw the month in other
    customers, and `test` where the model saw earlier months only.
    """

    month: date
    split: str
    rows: int
    positives: int
    auc: float
    interval: Interval
    baseline: float | None


def by_month(
    predictions: pd.DataFrame, backtested: Sequence[BacktestMonth]
) -> tuple[LabelMonth, ...]:
    """Return the label months in order; months with one customer of a class or none are left out.

    A month of a rolling-origin backtest (`backtested`) takes the backtest's figures, except the
    held-out month. Where the predictions have one month only there is nothing to compare: the
    result is empty.
    """
    months = predictions["event_timestamp"].dt.to_period("M")
    if months.nunique() < 2:
        return ()
    measured = [_measured(rows) for _, rows in predictions.groupby([months, "part"], sort=True)]
    known = {each.month: each for each in measured if each is not None}
    held_out = {each.month for each in known.values() if each.split == "test"}
    replaced = {
        each.month: each for each in map(_from_backtest, backtested) if each.month not in held_out
    }
    return tuple(each for _, each in sorted({**known, **replaced}.items()))


def _from_backtest(kept: BacktestMonth) -> LabelMonth:
    return LabelMonth(
        month=date.fromisoformat(f"{kept.month}-01"),
        split="test",
        rows=kept.rows,
        positives=kept.positives,
        auc=kept.roc_auc,
        interval=kept.interval,
        baseline=kept.baseline,
    )


def _measured(rows: pd.DataFrame) -> LabelMonth | None:
    first = rows.iloc[0]
    labels = rows["label"].to_numpy(np.int8)
    weighted_auc = roc_auc_statistic(labels, rows["probability"].to_numpy())
    found = estimate(weighted_auc, rows["customer_id"].to_numpy().astype(str))
    if found is None or found.interval is None:
        return None
    baseline = rows["baseline"].to_numpy(np.float64)
    baseline_auc = None if np.isnan(baseline).all() else roc_auc(labels, missing_last(baseline))
    return LabelMonth(
        month=first["event_timestamp"].date().replace(day=1),
        split=str(first["part"]),
        rows=len(rows),
        positives=int(labels.sum()),
        auc=found.value,
        interval=found.interval,
        baseline=baseline_auc,
    )
