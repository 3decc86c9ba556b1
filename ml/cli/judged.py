"""What `ml evaluate` found, as records for scripts and as text of the same records."""

from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import TYPE_CHECKING, Any

from ml.cli import text
from ml.cli.text import Cell, Record, interval, number

if TYPE_CHECKING:
    from ml.evaluation.thresholds import Costs, Outcome
    from ml.training.backtest import Backtest, Run
    from ml.training.evaluate import Decision, Evaluation

JUDGED_ON = {"test": "newest month", "cv": "5 folds"}
_OUTCOME = ("f1", "precision", "recall", "accuracy")


def evaluation_record(found: "Evaluation") -> Record:
    """Return a champion's metrics, each with its interval, the trivial answer's and the limit."""
    return {
        "target": found.target,
        "model_id": found.model_id,
        "judged_on": found.part,
        "rows": found.rows,
        "positives": found.positives,
        "protocol": found.protocol,
        "metrics": [
            {
                "name": each.name,
                "value": each.value,
                "interval": found.intervals.get(each.name),
                "trivial": each.trivial,
                "trivial_is": each.trivial_is,
                "limit": found.limits.get(each.name),
            }
            for each in found.metrics
        ],
    }


def summary(found: Sequence[Record]) -> str:
    """Return one line a champion: its ROC-AUC and PR-AUC beside the trivial and the limit."""
    simulated = any(_is_limited(each) for each in found)

    def shown(metric: str, key: str) -> Any:  # noqa: ANN401
        return lambda each: number(_metric(each, metric)[key], _absent(each))

    columns: dict[str, Any] = {
        "target": "target",
        "judged on": lambda each: JUDGED_ON[each["judged_on"]],
        "rows": "rows",
        "positives": "positives",
        "roc_auc": shown("roc_auc", "value"),
        "95 % interval": lambda each: interval(_metric(each, "roc_auc")["interval"]),
        "baseline": shown("roc_auc", "trivial"),
        "limit": lambda each: number(_metric(each, "roc_auc")["limit"]),
        "pr_auc": shown("pr_auc", "value"),
        "prevalence": shown("pr_auc", "trivial"),
    }
    if not simulated:
        del columns["limit"]
    return (
        f"{text.records_table(found, columns)}\n"
        "Judged on rows that no fit saw: the newest label month, or 5 folds of undated data.\n"
        "95 % interval: bootstrap over customers. "
        "baseline: one telling feature alone"
        + ("; limit: what the simulator's probabilities reach." if simulated else ".")
    )


def evaluation(found: Record) -> str:
    """Return a champion's metrics as a table with its protocol underneath."""
    why = _absent(found)
    columns: dict[str, Any] = {
        "metric": "name",
        "model": lambda metric: number(metric["value"], why),
        "95 % interval": lambda metric: interval(metric["interval"]),
        "trivial": lambda metric: number(metric["trivial"], why),
        "trivial answer": "trivial_is",
        "limit": lambda metric: number(metric["limit"]),
    }
    if not _is_limited(found):
        del columns["limit"]
    title = (
        f"{found['target']}  {found['model_id']}  {found['judged_on']}: {found['rows']} rows, "
        f"{found['positives']} positives"
    )
    return f"{title}\n{text.records_table(found['metrics'], columns)}\n{found['protocol']}"


def backtest_record(found: "Backtest") -> Record:
    """Return the runs of a plan with their figures, and the means of these."""
    runs = [{"run": run.name, **_figures(run)} for run in found.runs]
    return {
        "target": found.target,
        "plan": found.title,
        "runs": runs,
        "mean": {name: _mean(runs, name) for name in runs[0] if name != "run"},
        "interval": found.interval,
        "protocol": found.protocol,
    }


def backtest(found: Record) -> str:
    """Return the runs as a table with their means and the protocol underneath."""
    names = {
        "roc_auc": "roc_auc",
        "baseline": "baseline",
        "f1": "f1",
        "always yes": "always_yes_f1",
        "brier": "brier",
        "prior": "prior_brier",
        "calibration": "calibration_error",
    }
    columns: dict[str, Any] = {"run": "run"}
    columns |= {header: _number_of(key) for header, key in names.items()}
    shown = text.records_table([*found["runs"], {"run": "mean", **found["mean"]}], columns)
    return f"{found['target']}  {found['plan']}\n{shown}\n{_spread(found)}\n{found['protocol']}"


def comparison(found: Sequence[Record]) -> str:
    """Return several plans' means on the same rows, a line each, and those of trivial answers."""
    rows: list[list[Cell]] = [
        [
            each["plan"],
            number(each["mean"]["roc_auc"]),
            interval(each["interval"]),
            *(number(each["mean"][name]) for name in (*_OUTCOME, "brier", "calibration_error")),
        ]
        for each in found
    ]
    trivial = found[0]["mean"]
    yes = [number(trivial[f"always_yes_{name}"]) for name in _OUTCOME]
    rows.append(["one feature alone", number(trivial["baseline"]), *([None] * 7)])
    rows.append(["always yes", None, None, *yes, None, None])
    rows.append(["prevalence", *([None] * 6), number(trivial["prior_brier"]), None])
    headers = ["family", "roc_auc", "95 % interval", *_OUTCOME, "brier", "calibration"]
    return f"{found[0]['target']}\n{text.table(headers, rows)}\n{found[0]['protocol']}"


def decision_record(found: "Decision") -> Record:
    """Return a threshold and what comes of it, beside always yes."""
    outcomes = {"model": found.outcome, "always_yes": found.always_yes}
    return {
        "target": found.target,
        "model_id": found.model_id,
        "criterion": found.criterion,
        "threshold": float(found.threshold),
        "rows": found.rows,
        "chosen": found.chosen,
        **{name: _measures(each, found.costs) for name, each in outcomes.items()},
        "protocol": found.protocol,
    }


def decision(found: Record) -> str:
    """Return what comes of the threshold, beside always yes, and how it was chosen."""
    rows: list[list[Cell]] = [
        [name, found["model"][name], found["always_yes"][name]] for name in found["model"]
    ]
    title = (
        f"{found['target']}  {found['model_id']}  {found['criterion']}: yes from "
        f"{found['threshold']:.4f} on, {found['chosen']} of {found['rows']} rows"
    )
    return f"{title}\n{text.table(['measure', 'model', 'always yes'], rows)}\n{found['protocol']}"


def _measures(found: "Outcome", costs: "Costs") -> dict[str, float]:
    names = ("precision", "recall", "f1", "accuracy")
    measured = {name: float(getattr(found, name)) for name in names}
    return {**measured, "profit": float(found.profit(costs))}


def _figures(run: "Run") -> dict[str, float | None]:
    """Return the model's figures and those of trivial answers; None where one is undefined."""
    return {
        "roc_auc": run.roc_auc,
        "baseline": run.baseline,
        **{name: _outcome(run.outcome, name) for name in _OUTCOME},
        **{f"always_yes_{name}": _outcome(run.always_yes, name) for name in _OUTCOME},
        "brier": run.brier[0],
        "prior_brier": run.brier[1],
        "calibration_error": run.calibration_error,
    }


def _outcome(found: "Outcome", name: str) -> float | None:
    """Return what comes of a choice; None for rows without a positive, as a month may be."""
    return float(getattr(found, name)) if found.positives else None


def _mean(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [run[name] for run in runs if run[name] is not None]
    return sum(known) / len(known) if known else None


def _spread(found: Record) -> str:
    runs = [run["roc_auc"] for run in found["runs"] if run["roc_auc"] is not None]
    spread = stdev(runs) if len(runs) > 1 else None
    return (
        f"Mean ROC-AUC of {len(found['runs'])} runs, 95 % interval over customers: "
        f"{interval(found['interval'])}; standard deviation of the runs: {number(spread)}."
    )


def _number_of(key: str) -> Any:  # noqa: ANN401
    return lambda record: number(record[key])


def _metric(found: Record, name: str) -> Record:
    return next(each for each in found["metrics"] if each["name"] == name)


def _is_limited(found: Record) -> bool:
    return any(each["limit"] is not None for each in found["metrics"])


def _absent(found: Record) -> str:
    rows, positives = found["rows"], found["positives"]
    if not rows:
        return "0 rows"
    return "0 positives" if not positives else "0 negatives" if positives == rows else ""
