"""What the report says first: which models earn their keep, which need a look, how judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml.evaluation.bootstrap import Estimate
from ml.pages.formatting import count
from ml.pages.report.findings import protocol, signed
from ml.pages.report.target_report import TargetReport


@dataclass(frozen=True)
class Doubt:
    """A target that needs a look, and why."""

    target: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """How many models beat their baseline; those that need a look; targets by their protocol."""

    verdict: str
    doubts: Sequence[Doubt]
    protocols: Mapping[str, Sequence[str]]


def summarize(targets: Sequence[TargetReport]) -> Summary:
    """Return the summary of all targets, each in the order that they are given in."""
    better = sum(_beats_its_baseline(target) for target in targets)
    compared = sum(target.baseline.roc_auc is not None for target in targets)
    verdict = f"{better} of {compared} models rank better than their baseline by more than luck."
    if not compared:
        verdict = "No model has a baseline to be compared with."
    elif compared == 1:
        ranks = "ranks" if better else "does not rank"
        verdict = f"The model {ranks} better than its baseline by more than luck."
    protocols: dict[str, list[str]] = {}
    for target in targets:
        protocols.setdefault(protocol(target), []).append(target.name)
    doubts = [Doubt(target.name, reason) for target in targets if (reason := _doubt(target))]
    return Summary(verdict, doubts, protocols)


def _gain(target: TargetReport) -> Estimate | None:
    """Return the model's ROC-AUC minus the baseline's; None where either is not known."""
    model, baseline = target.model.roc_auc, target.baseline.roc_auc
    return None if model is None or baseline is None else model - baseline


def _beats_its_baseline(target: TargetReport) -> bool:
    gain = _gain(target)
    return gain is not None and gain.interval is not None and gain.interval[0] > 0


def _doubt(target: TargetReport) -> str:
    """Return why a target needs a look; nothing where its model beats the baseline."""
    if target.model.roc_auc is None:
        return "The judged rows hold only one class, so nothing can be measured."
    gain = _gain(target)
    if gain is None or _beats_its_baseline(target):
        return "Judged on earlier months only." if target.test_is_unusable else ""
    if gain.interval is None:
        return "One customer of a class is too few to compare with the baseline."
    low, high = gain.interval
    gained = f"{signed(gain.value)} on the baseline, 95 % interval {signed(low)} to {signed(high)}"
    positives = f"{count(target.rows.positives)} positives among {count(len(target.rows.label))}"
    word = "Worse than the baseline" if high < 0 else "Within what luck explains"
    return f"{word}: {gained}; {positives} rows."
