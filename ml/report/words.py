"""What the models were found to do, in words."""

import math

from ml.pages.words import NOTHING, count, day, share
from ml.paired import auc_gain
from ml.report.facts import PARTS, Target
from ml.report.marts import Scores


def auc(number: float | None) -> str:
    """Return a measure of 0..1 with three decimals."""
    return NOTHING if number is None else f"{number:.3f}"


def verdict(target: Target) -> str:
    """Return in plain words how well the model ranks, and whether it beats the baseline."""
    rows = target.rows
    if target.model.auc is None:
        return (
            "The judged rows hold only one class, so the ranking cannot be measured yet: "
            "it takes at least one positive and one negative."
        )
    text = (
        "Take one positive and one negative at random: the model ranks the positive first "
        f"{round(100 * target.model.auc)} times in 100"
    )
    if rows.baseline is None:
        return f"{text}; chance alone would 50 times."
    feature = (target.card.get("baseline") or {}).get("feature")
    named = f" ({feature} alone)" if feature else ""
    text += f", the baseline{named} {round(100 * (target.baseline.auc or 0))} times. "
    gain, error = auc_gain(rows.label, rows.probability, rows.baseline)
    if math.isinf(error):
        return f"{text}One row of a class is too few to call either better."
    if abs(gain) <= 2 * error:
        return f"{text}The difference ({gain:+.3f} ± {error:.3f}) is within what luck explains."
    better = "better than" if gain > 0 else "worse than"
    return f"{text}It is {better} the baseline ({gain:+.3f} ± {error:.3f})."


def reachable(target: Target) -> str:
    """Return in plain words how near the model comes to the simulator's limit, if one is known."""
    best, won = target.limit.auc, target.model.auc
    if best is None or won is None:
        return ""
    text = f"Ranking by the simulator's true probabilities would score {best:.3f}"
    return f"{text}, the best that any model could do here on average."


def protocol(target: Target) -> str:
    """Return in one line which rows judge the model, in the card's own words if they hold."""
    lines = target.card.get("protocol") or []
    if lines and not target.fallen_back:
        return str(lines[0])
    rows = target.rows
    if not len(rows.label):
        return "Nothing was held out to judge by."
    return f"Judged on {count(len(rows.label))} rows of {PARTS[rows.part]}."


def measured(target: Target) -> list[str]:
    """Return the card's protocol and the circumstances that pin the model down."""
    card = target.card
    versions = ", ".join(f"{name} {number}" for name, number in card.get("packages", {}).items())
    return [
        *card.get("protocol", []),
        f"Model {card['model_id']}, {card['family']}, {count(len(card['features']))} features.",
        *([f"Packages: {versions}."] if versions else []),
    ]


def scored(target: Target, scores: Scores) -> str:
    """Return what the picture of the newest scores shows."""
    when = f"as of {day(scores.last)}"
    if scores.first != scores.last:
        when = f"made between {day(scores.first)} and {day(scores.last)}"
    text = f"{count(len(scores.values))} customers, {when}: how many have which probability."
    threshold = target.card.get("threshold")
    if threshold is not None:
        above = int((scores.values >= threshold).sum())
        text += f" {count(above)} reach the model's threshold of {share(threshold)}."
    if scores.models != (target.card["model_id"],):
        text += " Some of them come from an earlier model: score again."
    return text
