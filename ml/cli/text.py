"""Results as plain text: aligned tables and numbers, with the reason where one is undefined."""

from collections.abc import Sequence
from statistics import stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.evaluation.thresholds import Outcome
    from ml.serving.parity import ParityResult
    from ml.store import Materialized
    from ml.training.backtest import Backtest, Run
    from ml.training.evaluate import Decision, Evaluation

Cell = str | int | float | None


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return the rows under their headers, columns aligned: numbers right, words left."""
    cells = [[_cell(value) for value in row] for row in rows]
    columns = range(len(headers))
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in columns]
    right = [all(not isinstance(row[i], str) for row in rows) and bool(rows) for i in columns]
    lines = [headers, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def number(value: float | None, why: str = "") -> str:
    """Return four decimals, or `n/a` with the reason."""
    if value is None:
        return f"n/a ({why})" if why else "n/a"
    return f"{value:.4f}"


# The column of what the simulator's probabilities reach; real companies have none.
LIMIT = ["limit"]


def summary(found: Sequence["Evaluation"]) -> str:
    """Return one line a champion: its ROC-AUC and PR-AUC beside the trivial and the limit."""
    simulated = any(each.limits for each in found)
    headers = ["target", "judged on", "rows", "positives", "roc_auc", "95 % interval",
               "baseline", *LIMIT[:simulated], "pr_auc", "prevalence"]  # fmt: skip
    rows: list[list[Cell]] = []
    for each in found:
        why = _absent(each.rows, each.positives)
        metrics = {metric.name: metric for metric in each.metrics}
        roc, precision = metrics["roc_auc"], metrics["pr_auc"]
        rows.append(
            [
                each.target,
                {"test": "newest month", "cv": "5 folds"}[each.part],
                each.rows,
                each.positives,
                number(roc.value, why),
                interval(each.intervals.get("roc_auc")),
                number(roc.trivial, why),
                *[number(each.limits.get("roc_auc"))][:simulated],
                number(precision.value, why),
                number(precision.trivial, why),
            ]
        )
    return (
        f"{table(headers, rows)}\n"
        "Judged on rows that no fit saw: the newest label month, or 5 folds of undated data.\n"
        "95 % interval: bootstrap over customers. "
        "baseline: one telling feature alone"
        + ("; limit: what the simulator's probabilities reach." if simulated else ".")
    )


def evaluation(found: "Evaluation") -> str:
    """Return a champion's metrics as a table with its protocol underneath."""
    why = _absent(found.rows, found.positives)
    rows = [
        [
            metric.name,
            number(metric.value, why),
            interval(found.intervals.get(metric.name)),
            number(metric.trivial, why),
            metric.trivial_is,
            *[number(found.limits.get(metric.name))][: bool(found.limits)],
        ]
        for metric in found.metrics
    ]
    title = (
        f"{found.target}  {found.model_id}  {found.part}: {found.rows} rows, "
        f"{found.positives} positives"
    )
    headers = ["metric", "model", "95 % interval", "trivial", "trivial answer"]
    shown = table([*headers, *LIMIT[: bool(found.limits)]], rows)
    return f"{title}\n{shown}\n{found.protocol}"


def backtest(found: "Backtest") -> str:
    """Return the runs as a table with their means and the protocol underneath."""
    rows: list[list[Cell]] = [[run.name, *_figures([run])] for run in found.runs]
    rows.append(["mean", *_figures(found.runs)])
    shown = table(["run", *_FIGURES], rows)
    return f"{found.target}  {found.title}\n{shown}\n{_interval(found)}\n{found.protocol}"


def comparison(found: Sequence["Backtest"]) -> str:
    """Return several plans' means on the same rows, a line each, and those of trivial answers."""
    runs = found[0].runs
    rows: list[list[Cell]] = [[each.title, *_compared(each)] for each in found]
    alone, prior = _mean([run.baseline for run in runs]), _mean([run.brier[1] for run in runs])
    yes = [_outcome([run.always_yes for run in runs], name) for name in _OUTCOME]
    rows.append(["one feature alone", alone, *([None] * 7)])
    rows.append(["always yes", None, None, *yes, None, None])
    rows.append(["prevalence", *([None] * 6), prior, None])
    headers = ["family", "roc_auc", "95 % interval", *_OUTCOME, "brier", "calibration"]
    return f"{found[0].target}\n{table(headers, rows)}\n{found[0].protocol}"


_OUTCOME = ("f1", "precision", "recall", "accuracy")


def _compared(each: "Backtest") -> list[Cell]:
    return [
        _mean([run.roc_auc for run in each.runs]),
        interval(each.interval),
        *(_outcome([run.outcome for run in each.runs], name) for name in _OUTCOME),
        _mean([run.brier[0] for run in each.runs]),
        _mean([run.calibration_error for run in each.runs]),
    ]


def _outcome(of_runs: Sequence["Outcome"], name: str) -> str:
    """Return the mean over the runs that have a positive, as a month may not."""
    return _mean([float(getattr(each, name)) for each in of_runs if each.positives])


_FIGURES = ("roc_auc", "baseline", "f1", "always yes", "brier", "prior", "calibration")


def _figures(runs: Sequence["Run"]) -> list[Cell]:
    """Return the means of the runs: the model's figures, each before the trivial answer's."""
    return [
        _mean([run.roc_auc for run in runs]),
        _mean([run.baseline for run in runs]),
        _outcome([run.outcome for run in runs], "f1"),
        _outcome([run.always_yes for run in runs], "f1"),
        *(_mean([run.brier[i] for run in runs]) for i in (0, 1)),
        _mean([run.calibration_error for run in runs]),
    ]


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return number(sum(known) / len(known) if known else None)


def _interval(found: "Backtest") -> str:
    runs = [run.roc_auc for run in found.runs if run.roc_auc is not None]
    spread = stdev(runs) if len(runs) > 1 else None
    return (
        f"Mean ROC-AUC of {len(found.runs)} runs, 95 % interval over customers: "
        f"{interval(found.interval)}; standard deviation of the runs: {number(spread)}."
    )


def interval(found: tuple[float, float] | None) -> str:
    """Return both ends of an interval, or `n/a`."""
    return f"{found[0]:.4f} to {found[1]:.4f}" if found else "n/a"


def decision(found: "Decision") -> str:
    """Return what comes of the threshold, beside always yes, and how it was chosen."""
    rows: list[list[Cell]] = [
        [name, *(float(getattr(each, name)) for each in (found.outcome, found.always_yes))]
        for name in ("precision", "recall", "f1", "accuracy")
    ]
    rows.append(
        ["profit", *(float(each.profit(found.costs)) for each in (found.outcome, found.always_yes))]
    )
    title = (
        f"{found.target}  {found.model_id}  {found.criterion}: yes from {found.threshold:.4f} on, "
        f"{found.chosen} of {found.rows} rows"
    )
    return f"{title}\n{table(['measure', 'model', 'always yes'], rows)}\n{found.protocol}"


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return number(value)
    return "" if value is None else str(value)


def _absent(rows: int, positives: int) -> str:
    if not rows:
        return "0 rows"
    return "0 positives" if not positives else "0 negatives" if positives == rows else ""


def verdicts(found: Sequence["ParityResult"]) -> str:
    """Return one line a view: what was compared, and how many values are not the same online."""
    headers = ["view", "as of", "customers", "features", *_WRONG]
    rows: list[list[Cell]] = [
        [
            each.view,
            f"{each.moment:%Y-%m-%d}",
            each.customers,
            each.features,
            *(each.total(kind) for kind in _WRONG),
        ]
        for each in found
    ]
    return table(headers, rows)


def differences(found: Sequence["ParityResult"], most: int = 10) -> str:
    """Return the features with most values that are not the same online, an example each."""
    headers = ["view", "feature", *_WRONG, "for instance", "warehouse", "online"]
    rows: list[list[Cell]] = [
        [
            verdict.view,
            each.feature,
            *(getattr(each, kind) for kind in _WRONG),
            each.customer,
            str(each.offline),
            str(each.online),
        ]
        for verdict in found
        for each in verdict.differences[:most]
    ]
    return table(headers, rows)


def materialized(found: Sequence["Materialized"]) -> str:
    """Return one line a view: the moment it is as of, its customers and features."""
    rows: list[list[Cell]] = [
        [
            each.view,
            f"{each.moment:%Y-%m-%d}" if each.moment else "nothing yet",
            each.rows,
            each.features,
        ]
        for each in found
    ]
    return table(["view", "as of", "customers", "features"], rows)


# What can be wrong with a materialized value.
_WRONG = ("missing", "extra", "mismatched")
