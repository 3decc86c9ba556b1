"""Results as plain text: aligned tables, numbers, and what is undefined said so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.evaluate import Backtest, Evaluation
    from ml.store import Published
    from ml.verify import Verdict

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


def summary(found: Sequence["Evaluation"]) -> str:
    """Return one line a champion: its ROC-AUC and PR-AUC beside the trivial and the limit."""
    headers = ["target", "judged on", "rows", "positives", "roc_auc", "baseline", "limit",
               "pr_auc", "prevalence"]  # fmt: skip
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
                number(roc.value, why) + (f" ± {roc.error:.4f}" if roc.error else ""),
                number(roc.trivial, why),
                number(each.limits.get("roc_auc")),
                number(precision.value, why),
                number(precision.trivial, why),
            ]
        )
    return (
        f"{table(headers, rows)}\n"
        "Judged on rows that no fit saw: the newest label month, or 5 folds of undated data.\n"
        "baseline: one telling feature alone; limit: what the simulator's probabilities reach."
    )


def evaluation(found: "Evaluation") -> str:
    """Return a champion's metrics as a table with its protocol underneath."""
    why = _absent(found.rows, found.positives)
    rows = [
        [
            metric.name,
            number(metric.value, why) + (f" ± {metric.error:.4f}" if metric.error else ""),
            number(metric.trivial, why),
            metric.trivial_is,
            number(found.limits.get(metric.name)),
        ]
        for metric in found.metrics
    ]
    title = (
        f"{found.target}  {found.model_id}  {found.part}: {found.rows} rows, "
        f"{found.positives} positives"
    )
    shown = table(["metric", "model", "trivial", "trivial answer", "limit"], rows)
    return f"{title}\n{shown}\n{found.protocol}"


def backtest(found: "Backtest") -> str:
    """Return the runs as a table with their means and the protocol underneath."""
    rows: list[list[Cell]] = [
        [
            run.name,
            run.rows,
            run.positives,
            number(run.roc_auc, _absent(run.rows, run.positives)),
            number(run.error),
            number(run.baseline),
        ]
        for run in found.runs
    ]
    mean, spread = _mean_and_spread([run.roc_auc for run in found.runs])
    trivial, _ = _mean_and_spread([run.baseline for run in found.runs])
    rows.append(["mean", None, None, number(mean), "", number(trivial)])
    shown = table(["run", "rows", "positives", "roc_auc", "error", "baseline feature"], rows)
    summary = f"ROC-AUC {number(mean)} ± {number(spread)} over {len(found.runs)} runs."
    return f"{found.target}  {found.family}\n{shown}\n{summary} {found.protocol}"


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return number(value)
    return "" if value is None else str(value)


def _absent(rows: int, positives: int) -> str:
    if not rows:
        return "0 rows"
    return "0 positives" if not positives else "0 negatives" if positives == rows else ""


def _mean_and_spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and sample standard deviation of the defined values."""
    known = [value for value in values if value is not None]
    if not known:
        return None, None
    mean = sum(known) / len(known)
    if len(known) == 1:
        return mean, None
    return mean, (sum((value - mean) ** 2 for value in known) / (len(known) - 1)) ** 0.5


def verdicts(found: Sequence["Verdict"]) -> str:
    """Return one line a view: what was compared, and how many values are not the same online."""
    headers = ["view", "published", "customers", "features", *_WRONG]
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


def differences(found: Sequence["Verdict"], most: int = 10) -> str:
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


def published(found: Sequence["Published"]) -> str:
    """Return one line a view: the moment it is published at, its customers and features."""
    rows: list[list[Cell]] = [
        [
            each.view,
            f"{each.moment:%Y-%m-%d}" if each.moment else "nothing yet",
            each.rows,
            each.features,
        ]
        for each in found
    ]
    return table(["view", "published", "customers", "features"], rows)


# What can be wrong with a published value.
_WRONG = ("missing", "extra", "mismatched")
