"""The label months of a target's last rolling-origin backtest, kept beside its models."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ml.evaluation.bootstrap import Interval
from ml.workspace.errors import NotTrained
from ml.workspace.files import write_json

BACKTEST = "backtest.json"


@dataclass(frozen=True)
class BacktestMonth:
    """A label month (as `2024-05`), judged by a model of what was decided before it began."""

    month: str
    rows: int
    positives: int
    roc_auc: float
    interval: Interval
    baseline: float | None


def write_months(folder: Path, model_id: str, months: Sequence[BacktestMonth]) -> None:
    """Keep the months in the target's folder of models as the backtest of this model's plan.

    It takes the place of the one before; a reader sees either whole.
    """
    kept_months = [asdict(month) for month in months]
    write_json(folder / BACKTEST, {"model_id": model_id, "months": kept_months})


def read_months(folder: Path, model_id: str) -> tuple[BacktestMonth, ...]:
    """Return the months of the backtest that is kept there; none where it is another model's.

    Raises:
        AlmanacError: the file is not one that was kept.
    """
    path = folder / BACKTEST
    if not path.exists():
        return ()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["model_id"] != model_id:
            return ()
        return tuple(
            BacktestMonth(**{**month, "interval": tuple(month["interval"])})
            for month in found["months"]
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotTrained(
            f"{path} is no backtest: {error!r}",
            f"Make it again: ml evaluate --target {folder.name} --months 6",
            target=folder.name,
        ) from error
