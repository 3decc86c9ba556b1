"""Who buys next month, by models of repeat purchase and by ours.

Run as `python -m tests.benchmarks.repeat_purchase`; it needs the genuine files of CDNOW and Online
Retail, and the extra `benchmarks`. A workspace is built from each; `ml.training.backtest` then
trains a model before each of its last label months and judges it there, as `ml evaluate --months`
does. BG/NBD and Pareto/NBD of the package lifetimes are fitted at the same instants to all
purchases before them, and rank the same customers by the purchases that they expect in the month,
and by the probability that a customer is still one. Recency is the target's baseline feature.
"""

import argparse
import calendar
import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, ParetoNBDFitter
from lifetimes.utils import ConvergenceError
from numpy.typing import NDArray

from ml.cli import text
from ml.evaluation.bootstrap import Estimate, estimates
from ml.evaluation.metrics import roc_auc_statistic
from ml.training.backtest import AS_TRAINED, Protocol, Run, backtest, by_family
from ml.training.plan import Plan
from ml.workspace.settings import Workspace
from ml.workspace.targets import target
from tests.workspaces import SHARED_DATA, make_workspace

TARGET = "spend_next_month"
MONTHS = {"cdnow": 3, "online_retail": 2}
FITTERS = {"BG/NBD": BetaGeoFitter, "Pareto/NBD": ParetoNBDFitter}
# Days with a purchase after the first, days from the first to the last, days since the first.
SUMMARY = """
    select
        customer_id,
        count(distinct event_time::date) - 1 as frequency,
        max(event_time)::date - min(event_time)::date as recency,
        $month::date - min(event_time)::date as age
    from staging.stg_transactions__events
    where not is_cancellation and amount >= 0 and event_time < $month
    group by customer_id
    order by customer_id
"""
# The package advises a penalty where a fit does not converge.
PENALTIES = (0.0, 0.001, 0.01, 0.1)
OURS = "Almanac"
Scores = NDArray[np.float64]
Maker = type[BetaGeoFitter] | type[ParetoNBDFitter]


@dataclass(frozen=True)
class Judged:
    """All judged rows of a data set: labels, customers, label months, and everybody's scores."""

    labels: NDArray[np.int8]
    customers: NDArray[Any]
    month_of: NDArray[np.int64]
    scores: dict[str, Scores]

    def aucs(self) -> dict[str, Estimate]:
        """Return the mean of the months' ROC-AUC of everybody."""
        ranked = {
            name: roc_auc_statistic(self.labels, scores, self.month_of)
            for name, scores in self.scores.items()
        }
        return estimates(ranked, self.customers)


def main() -> None:
    """Print a table a data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", help=f"{' or '.join(MONTHS)}; by default both.")
    parser.add_argument("--trials", type=int, help="Search so many trials in each training.")
    parser.add_argument("--families", action="store_true", help="Every family of ours alone, too.")
    parser.add_argument("--folder", type=Path, help="Keeps the workspaces; built if absent there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for name in chosen.data or MONTHS:
            if not (SHARED_DATA / name).exists():
                print(f"{name}: left out, its genuine files are not on this machine.\n")
                continue
            ws = workspace(chosen.folder or Path(temporary), name)
            found = judged(ws, MONTHS[name], Plan(trials=chosen.trials), chosen.families)
            print(f"{name}, {TARGET}, {MONTHS[name]} label months\n{table(found)}\n", flush=True)


def workspace(folder: Path, name: str) -> Workspace:
    """Return a workspace in `folder` over the genuine files, built unless it is there."""
    home = folder.resolve() / name
    typed = make_workspace(home, SHARED_DATA / name)
    if not (home / "warehouse.duckdb").exists():
        typed.must("dbt", "build", "--quiet", "--exclude", "resource_type:test")
        typed.must("feast", "apply")
    return Workspace(home, typed.raw, {}, home / "target")


def judged(ws: Workspace, months: int, plan: Plan, families: bool) -> Judged:
    """Return everybody's scores of the customers of the last label months."""
    wanted = target(ws, TARGET)
    plans = by_family(plan, wanted.rows) if families else [(AS_TRAINED, plan)]
    tests = [backtest(ws, wanted, each, Protocol(months=months)) for _, each in plans]
    runs = tests[0].runs
    ours = {
        OURS if title == AS_TRAINED else f"{OURS}, {title}": joined(test.runs, "probabilities")
        for (title, _), test in zip(plans, tests, strict=True)
    }
    rivals = [dict(rival_scores(ws, run)) for run in runs]
    theirs = {name: np.concatenate([each[name] for each in rivals]) for name in rivals[0]}
    return Judged(
        labels=joined(runs, "labels"),
        customers=joined(runs, "customers"),
        month_of=np.repeat(np.arange(len(runs)), [len(run.labels) for run in runs]),
        scores={**ours, **theirs, "recency": joined(runs, "ranking")},
    )


def rival_scores(ws: Workspace, run: Run) -> Iterator[tuple[str, Scores]]:
    """Yield the scores of the run's customers by each model, fitted at the run's label month."""
    with duckdb.connect(str(ws.warehouse), read_only=True) as warehouse:
        known = warehouse.execute(SUMMARY, {"month": f"{run.name}-01"}).df()
    days = calendar.monthrange(*map(int, run.name.split("-")))[1]
    for name, make in FITTERS.items():
        for kind, scores in told(make, known, days).items():
            of_customer = pd.Series(scores, index=known["customer_id"])
            # Who has cancellations alone never bought.
            yield f"{name}, {kind}", of_customer.reindex(run.customers).fillna(-1).to_numpy()


def told(make: Maker, known: pd.DataFrame, days: int) -> dict[str, Scores]:
    """Return what a model fitted to these customers says of each."""
    history = [known[column].to_numpy(float) for column in ("frequency", "recency", "age")]
    model = fitted(make, history)
    expected = model.conditional_expected_number_of_purchases_up_to_time(days, *history)
    alive = model.conditional_probability_alive(*history)
    return {"expected purchases": np.asarray(expected), "alive": np.asarray(alive)}


def fitted(make: Maker, history: list[Scores]) -> Any:
    """Return the model with the least penalty by which its fit converges."""
    for penalty in PENALTIES:
        # Pareto/NBD begins at random.
        np.random.seed(0)
        model = make(penalizer_coef=penalty)
        # Its steps leave the numbers' range on the way, and what fails is told in print.
        with warnings.catch_warnings(), contextlib.redirect_stdout(None):
            warnings.simplefilter("ignore")
            try:
                return model.fit(*history)
            except ConvergenceError:
                continue
    raise SystemExit(f"{make.__name__} does not converge")


def joined(runs: tuple[Run, ...], name: str) -> NDArray[Any]:
    """Return this array of all runs, one after the other."""
    return np.concatenate([getattr(run, name) for run in runs])


def table(found: Judged) -> str:
    """Return a line a model: mean ROC-AUC, and how far ours is above it, with 95 % intervals."""
    headers = ["model", "mean roc_auc", "95 % interval", "ours above it", "95 % interval"]
    aucs = found.aucs()
    rows = [
        [name, *shown(auc), *(shown(aucs[OURS] - auc) if name != OURS else (None, None))]
        for name, auc in aucs.items()
    ]
    said = f"{len(found.labels):,} rows, {found.labels.sum():,} buyers; bootstrap over customers."
    return f"{text.table(headers, rows)}\n{said}"


def shown(found: Estimate) -> tuple[text.Cell, text.Cell]:
    """Return a number and its interval."""
    return found.value, text.interval(found.interval)


if __name__ == "__main__":
    main()
