"""The findings and captions of the report in words, from a target's measures."""

from collections.abc import Callable
from dataclasses import fields

from ml.evaluation.bootstrap import Interval
from ml.evaluation.thresholds import Costs
from ml.pages.formatting import NOTHING, count, day, in_prose, share, small
from ml.pages.report.curves import Campaign, ThresholdCurves
from ml.pages.report.judged_rows import SPLITS
from ml.pages.report.marts import NewestScores
from ml.pages.report.target_report import TargetReport
from ml.training.crossfit import FOLDS


def auc(number: float | None) -> str:
    """Return a measure of 0..1 with three decimals."""
    return NOTHING if number is None else f"{number:.3f}"


def interval_ends(found: Interval | None) -> str:
    """Return both ends of an interval with three decimals."""
    return NOTHING if found is None else f"{found[0]:.3f}\u2013{found[1]:.3f}"


def signed(number: float) -> str:
    """Return a difference of measures with its sign."""
    return f"{number:+.3f}".replace("-", "\u2212")


# What a feature of some name measures, in words.
Words = Callable[[str], str]


def ranking_verdict(target: TargetReport, words: Words) -> str:
    """Return in plain words how well the model ranks, and whether it beats the baseline."""
    model, baseline = target.model.roc_auc, target.baseline.roc_auc
    if model is None:
        return (
            "The judged rows hold only one class, so the ranking cannot be measured yet: "
            "it takes at least one positive and one negative."
        )
    times = round(100 * model.value)
    text = f"The model ranks a random positive above a random negative {times} times in 100"
    if baseline is None:
        return f"{text}; chance alone would 50 times."
    feature = target.card.baseline.feature if target.card.baseline else None
    named = f" (one feature alone: {in_prose(words(feature))})" if feature else ""
    text += f", the baseline{named} {round(100 * baseline.value)} times. "
    gain = model - baseline
    if gain.interval is None:
        return f"{text}One customer of a class is too few to call either better."
    low, high = gain.interval
    difference = f"{signed(gain.value)}, 95 % interval {signed(low)} to {signed(high)}"
    if low <= 0 <= high:
        return f"{text}The difference ({difference}) is within what luck explains."
    better = "better than" if gain.value > 0 else "worse than"
    return f"{text}It is {better} the baseline ({difference})."


def protocol(target: TargetReport) -> str:
    """Return in one line which rows judge the model: the card's own line unless it is unusable."""
    lines = target.card.protocol
    if lines and not target.test_is_unusable:
        return str(lines[0])
    rows = target.rows
    if not len(rows.label):
        return "Nothing was held out to judge by."
    return f"Judged on {count(len(rows.label))} rows of {SPLITS[rows.split]}."


def measurement_facts(target: TargetReport) -> list[str]:
    """Return the card's protocol, the model's id and family, and the versions of packages."""
    card = target.card
    versions = ", ".join(f"{name} {number}" for name, number in card.packages.items())
    return [
        *card.protocol,
        f"Model {card.model_id}, {card.family}, {count(len(card.features))} features.",
        *([f"Packages: {versions}."] if versions else []),
    ]


def scores_caption(target: TargetReport, scores: NewestScores) -> str:
    """Return the caption of the newest scores."""
    when = f"as of {day(scores.last)}"
    if scores.first != scores.last:
        when = f"made between {day(scores.first)} and {day(scores.last)}"
    text = f"{count(len(scores.values))} customers, {when}: how many have which probability."
    threshold = target.card.threshold
    if threshold is not None:
        above = int((scores.values >= threshold).sum())
        text += f" {count(above)} reach the model's threshold of {share(threshold)}."
    if scores.models != (target.card.model_id,):
        text += " Some of them come from an earlier model: score again."
    return text


def comparison_finding(target: TargetReport) -> str:
    """Return in one line which family was chosen among how many, and its gain on the baseline."""
    models = [each for each in target.compared_models if each.is_model]
    simple = [each for each in target.compared_models if not each.is_model]
    if not models or not simple:
        return ""
    text = f"{target.card.family}, the best of {len(models)}"
    if len(models) == 1:
        text = f"{target.card.family} alone was tried"
    best = simple[0]
    low, high = (signed(end) for end in best.gain_interval)
    return f"{text}: {signed(best.gain)} on {best.label} ({low} to {high})"


def ranking_finding(target: TargetReport, campaigns: list[Campaign]) -> str:
    """Return in one line which share of the positives the best tenth holds."""
    tenth = next(each for each in campaigns if each.share == 0.1)
    lift = tenth.precision / target.rows.prevalence
    return f"the best tenth holds {share(tenth.recall)} of the positives, {lift:.1f}× its share"


def probability_finding(target: TargetReport, thresholds: ThresholdCurves) -> str:
    """Return in one line the calibration error, and precision and recall at the threshold."""
    chosen = thresholds.chosen
    text = f"yes from {share(chosen.threshold)} on"
    if target.calibration is not None:
        text = f"off by {share(target.calibration.calibration_error)} on average; {text}"
    precision, recall = share(chosen.precision), share(chosen.recall)
    return f"{text}: precision {precision}, recall {recall}"


def comparison_protocol(target: TargetReport) -> str:
    """Return in one line how the models were compared."""
    rows, trials = count(target.card.training_rows), target.card.trials
    tried = f"{trials} trials" if trials > 1 else "one trial"
    return (
        f"{FOLDS} folds of the {rows} training rows, a customer's rows all in one; each family at "
        f"the best of {tried}. The choice was made on these folds, which flatters the chosen."
    )


def calibration_caption(target: TargetReport) -> str:
    """Return the caption of the calibration plot, with its measures."""
    text = (
        "Ten groups of like probability: on the dotted line, what the model promised is what came. "
        "Above it the model was too shy, below it too bold. The strokes show how far luck alone "
        "may move a dot."
    )
    if (found := target.calibration) is None:
        return text
    return (
        f"{text} Brier score {small(found.brier).strip()}, that of the prior alone "
        f"{small(found.prior_brier).strip()}; "
        f"calibration error (ECE) {share(found.calibration_error)}."
    )


def threshold_caption(target: TargetReport) -> str:
    """Return the caption of the thresholds, with how the model's own was chosen."""
    criterion = str(target.card.criterion).replace("f1", "F1")
    return (
        "What saying yes from a probability on would have brought on the judged rows. The dots are "
        f"the model's own threshold, chosen by {criterion} on out-of-fold predictions."
    )


def profit_caption(target: TargetReport) -> str:
    """Return the caption of the profit, with the costs that it rests on."""
    costs = target.costs or Costs()
    named = ", ".join(
        f"{each.name.replace('_', ' ')} {getattr(costs, each.name):+g}" for each in fields(costs)
    ).replace("-", "\u2212")
    return f"What all judged rows bring in together by the costs given to training ({named})."


def importance_finding(target: TargetReport, words: Words) -> str:
    """Return in one line which feature is the most important, and its share."""
    first = target.importance[0]
    return f"weighs most: {in_prose(words(first.feature))}, {share(first.share)} of all"


def contributions_caption(target: TargetReport) -> str:
    """Return what a dot of the beeswarm is, and whether contributions are exact."""
    rows = count(len(target.contributions[0].value))
    text = (
        f"One dot a row, for {rows} training rows: how far the feature's value moved that row's "
        "log-odds, to the right towards yes. Colours go from low to high values; where they part "
        "cleanly, the feature leads one way."
    )
    if target.has_exact_contributions:
        return f"{text} The values are exact: SHAP values of trees, coefficients of lines."
    return (
        f"{text} They are approximate: what changes when a typical value stands in the value's "
        "place, one feature at a time."
    )


def months_finding(target: TargetReport) -> str:
    """Return in one line the range of ROC-AUC over the label months, and the newest month's."""
    worst, best = (end(target.months, key=lambda each: each.auc) for end in (min, max))
    text = f"{len(target.months)} label months, ROC-AUC from {worst.auc:.3f} to {best.auc:.3f}"
    newest = target.months[-1]
    return f"{text}; the newest {newest.auc:.3f} ({interval_ends(newest.interval)})"


def months_caption(target: TargetReport) -> str:
    """Return how the label months were judged, and the command that judges more out of time."""
    text = (
        "The strokes are 95 % intervals. Out of time: judged by a model that saw earlier months "
        "only."
    )
    if all(each.split == "test" for each in target.months):
        return text
    return (
        f"{text} Out of fold: judged by models that saw these months too, but no row of the same "
        f"customer. More months out of time: ml evaluate --target {target.name} --months 6."
    )
