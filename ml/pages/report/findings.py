"""What the models were found to do, in words."""

from dataclasses import fields

from ml.evaluation.bootstrap import Interval
from ml.evaluation.thresholds import Costs
from ml.pages.report.curves import Campaign, Thresholds
from ml.pages.report.facts import Target
from ml.pages.report.judged_rows import PARTS
from ml.pages.report.marts import Scores
from ml.pages.words import NOTHING, count, day, share, small
from ml.training.crossfit import FOLDS


def auc(number: float | None) -> str:
    """Return a measure of 0..1 with three decimals."""
    return NOTHING if number is None else f"{number:.3f}"


def between(found: Interval | None) -> str:
    """Return the ends of an interval."""
    return NOTHING if found is None else f"{found[0]:.3f}\u2013{found[1]:.3f}"


def signed(number: float) -> str:
    """Return a difference of measures with its sign."""
    return f"{number:+.3f}".replace("-", "\u2212")


def verdict(target: Target) -> str:
    """Return in plain words how well the model ranks, and whether it beats the baseline."""
    model, baseline = target.model.ranked, target.baseline.ranked
    if model is None:
        return (
            "The judged rows hold only one class, so the ranking cannot be measured yet: "
            "it takes at least one positive and one negative."
        )
    text = (
        "Take one positive and one negative at random: the model ranks the positive first "
        f"{round(100 * model.value)} times in 100"
    )
    if baseline is None:
        return f"{text}; chance alone would 50 times."
    feature = target.card.baseline.feature if target.card.baseline else None
    named = f" ({feature} alone)" if feature else ""
    text += f", the baseline{named} {round(100 * baseline.value)} times. "
    gain = model - baseline
    if gain.interval is None:
        return f"{text}One customer of a class is too few to call either better."
    low, high = gain.interval
    told = f"{signed(gain.value)}, 95 % interval {signed(low)} to {signed(high)}"
    if low <= 0 <= high:
        return f"{text}The difference ({told}) is within what luck explains."
    better = "better than" if gain.value > 0 else "worse than"
    return f"{text}It is {better} the baseline ({told})."


def reachable(target: Target) -> str:
    """Return in plain words how near the model comes to the simulator's limit, if one is known."""
    best, won = target.limit.auc, target.model.auc
    if best is None or won is None:
        return ""
    text = f"Ranking by the simulator's true probabilities would score {best:.3f}"
    return f"{text}, the best that any model could do here on average."


def protocol(target: Target) -> str:
    """Return in one line which rows judge the model, in the card's own words if they hold."""
    lines = target.card.protocol
    if lines and not target.fallen_back:
        return str(lines[0])
    rows = target.rows
    if not len(rows.label):
        return "Nothing was held out to judge by."
    return f"Judged on {count(len(rows.label))} rows of {PARTS[rows.part]}."


def measured(target: Target) -> list[str]:
    """Return the card's protocol and the circumstances that pin the model down."""
    card = target.card
    versions = ", ".join(f"{name} {number}" for name, number in card.packages.items())
    return [
        *card.protocol,
        f"Model {card.model_id}, {card.family}, {count(len(card.features))} features.",
        *([f"Packages: {versions}."] if versions else []),
    ]


def scored(target: Target, scores: Scores) -> str:
    """Return what the picture of the newest scores shows."""
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


def compared(target: Target) -> str:
    """Return in one line what was chosen among what, and what it gains on the baseline."""
    models = [each for each in target.rivals if each.is_model]
    simple = [each for each in target.rivals if not each.is_model]
    if not models or not simple:
        return ""
    text = f"{target.card.family}, the best of {len(models)}"
    if len(models) == 1:
        text = f"{target.card.family} alone was tried"
    best = simple[0]
    low, high = (signed(end) for end in best.gain_interval)
    return f"{text}: {signed(best.gain)} on {best.name} ({low} to {high})"


def ranked(target: Target, found: list[Campaign]) -> str:
    """Return in one line what the best tenth holds."""
    tenth = next(each for each in found if each.share == 0.1)
    lift = tenth.precision / target.rows.prevalence
    return f"the best tenth holds {share(tenth.recall)} of the positives, {lift:.1f}× its share"


def promised(target: Target, found: Thresholds) -> str:
    """Return in one line how true the probabilities are, and what the threshold brings."""
    told = f"yes from {share(found.chosen.threshold)} on"
    if target.promise is not None:
        told = f"off by {share(target.promise.error)} on average; {told}"
    precision, recall = share(found.chosen.precision), share(found.chosen.recall)
    return f"{told}: precision {precision}, recall {recall}"


def rivalry(target: Target) -> str:
    """Return in one line how the models were compared."""
    rows, trials = count(target.card.training_rows), target.card.trials
    tried = f"{trials} trials" if trials > 1 else "one trial"
    return (
        f"{FOLDS} folds of the {rows} training rows, a customer's rows all in one; each family at "
        f"the best of {tried}. The choice was made on these folds, which flatters the chosen."
    )


def calibrated(target: Target) -> str:
    """Return what the picture of the calibration shows, with its measures."""
    text = (
        "Ten groups of like probability: on the dotted line, what the model promised is what came. "
        "Above it the model was too shy, below it too bold. The strokes show how far luck alone "
        "may move a dot."
    )
    if (found := target.promise) is None:
        return text
    return (
        f"{text} Brier score {small(found.brier).strip()}, that of the prior alone "
        f"{small(found.prior_brier).strip()}; calibration error (ECE) {share(found.error)}."
    )


def thresholds(target: Target) -> str:
    """Return what the picture of the thresholds shows, and how the model's own was chosen."""
    criterion = str(target.card.criterion).replace("f1", "F1")
    return (
        "What saying yes from a probability on would have brought on the judged rows. The dots are "
        f"the model's own threshold, chosen by {criterion} on out-of-fold predictions."
    )


def profit(target: Target) -> str:
    """Return what the picture of the profit shows, with the costs that it rests on."""
    costs = target.costs or Costs()
    named = ", ".join(
        f"{each.name.replace('_', ' ')} {getattr(costs, each.name):+g}" for each in fields(costs)
    ).replace("-", "\u2212")
    return f"What all judged rows bring in together by the costs given to training ({named})."


def moved(target: Target) -> str:
    """Return in one line what weighs most."""
    first = target.importance[0]
    return f"{first.feature} weighs most, {share(first.share)} of all"


def contributed(target: Target) -> str:
    """Return what a dot of the swarm is, and whether it is exact."""
    rows = count(len(target.drivers[0].value))
    text = (
        f"One dot a row, for {rows} training rows: how far the feature's value moved that row's "
        "log-odds, to the right towards yes. Colours go from low to high values; where they part "
        "cleanly, the feature leads one way."
    )
    if target.exact:
        return f"{text} The values are exact: SHAP values of trees, coefficients of lines."
    return (
        f"{text} They are approximate: what changes when a typical value stands in the value's "
        "place, one feature at a time."
    )


def followed(target: Target) -> str:
    """Return in one line between what the label months lie."""
    worst, best = (end(target.months, key=lambda each: each.auc) for end in (min, max))
    text = f"{len(target.months)} label months, ROC-AUC from {worst.auc:.3f} to {best.auc:.3f}"
    newest = target.months[-1]
    return f"{text}; the newest {newest.auc:.3f} ({between(newest.interval)})"


def walked(target: Target) -> str:
    """Return how the label months were judged, and how more of them are out of time."""
    text = (
        "The strokes are 95 % intervals. Out of time: judged by a model that saw earlier months "
        "only."
    )
    if all(each.part == "test" for each in target.months):
        return text
    return (
        f"{text} Out of fold: judged by models that saw these months too, but no row of the same "
        f"customer. More months out of time: ml evaluate --target {target.name} --months 6."
    )
