"""Numbers and findings in words, with the digits that each deserves."""

import math
import re
from datetime import date, datetime

from markupsafe import Markup, escape

from ml.report.curves import auc_gain
from ml.report.facts import PARTS, Target
from ml.report.marts import Scores

NOTHING = "–"


def slug(name: str) -> str:
    """Return `name` as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plain(name: str) -> str:
    """Return a snake_case name as words, capitalized."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def count(number: float) -> str:
    """Return a whole number with thousands separated by narrow spaces that do not break."""
    return f"{number:,.0f}".replace(",", "\u202f")


def money(number: float | None, largest: float) -> str:
    """Return an amount with the digits that suit the `largest` of its column."""
    if number is None:
        return NOTHING
    digits = 2 if largest < 100 else 0
    return f"{number:,.{digits}f}".replace(",", "\u202f").replace("-", "−")


def auc(number: float | None) -> str:
    """Return a measure of 0..1 with three decimals."""
    return NOTHING if number is None else f"{number:.3f}"


def small(number: float | None) -> str:
    """Return a measure that may be tiny, so padded that decimal points line up in a column."""
    if number is None:
        return NOTHING
    return f"{number:.3f}\u2007" if number >= 0.1 or number == 0 else f"{number:.4f}"


def share(number: float | None) -> str:
    """Return a share of 1 as a percentage with the digits that its size deserves."""
    if number is None:
        return NOTHING
    percent = 100 * number
    digits = 0 if percent == 0 or percent >= 9.95 else 1 if percent >= 0.995 else 2
    return f"{percent:.{digits}f}\u202f%"


def month(day: date | None) -> str:
    """Return a month as `March 2024`."""
    return NOTHING if day is None else f"{day:%B %Y}"


def day(moment: datetime) -> str:
    """Return a day as `1 March 2024`."""
    return f"{moment.day} {moment:%B %Y}"


def breakable(name: str) -> Markup:
    """Return a feature's name that a narrow column may break between its clauses."""
    return Markup("<wbr>__").join(escape(part) for part in name.split("__"))


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
