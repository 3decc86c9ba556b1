"""Which values of a dimension to declare as slices: the rule, and the proposals as YAML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

COVERED = 0.95
MOST = 8
SMALLEST = 0.005
MONTHS = 2
RULE = (
    f"The fewest values, the most frequent first, that cover {COVERED:.0%} of the events that "
    f"carry a value; at most {MOST}; each of them at least {SMALLEST:.1%} of all events and, where "
    f"the table spans several months, seen in at least {MONTHS} of them."
)

Value = str | int | bool


@dataclass(frozen=True)
class ObservedValue:
    """A value of a dimension: its share of all events, and the number of its months."""

    value: Value
    share: float
    months: int


@dataclass(frozen=True)
class Proposal:
    """The values to declare, in order of share; `known` and `covered` are shares of all events.

    `known` is the share of the events that carry any value, `covered` that of the proposed values.
    """

    dimension: str
    values: tuple[Value, ...]
    covered: float
    known: float


def propose(dimension: str, seen: Iterable[ObservedValue], known: float, months: int) -> Proposal:
    """Return the values of one dimension that should be declared, by RULE.

    Args:
        dimension: the column.
        seen: its values, in any order; those below SMALLEST may be left out.
        known: the share of all events that carry a value.
        months: how many months the table spans.
    """
    least = min(MONTHS, months)
    ranked = sorted(seen, key=_rank)
    chosen: list[ObservedValue] = []
    for each in ranked:
        # A sum of shares may be off by rounding.
        if len(chosen) == MOST or _covered(chosen) >= COVERED * known - 1e-12:
            break
        if each.share >= SMALLEST and each.months >= least:
            chosen.append(each)
    return Proposal(dimension, tuple(each.value for each in chosen), _covered(chosen), known)


def slices_yaml(tables: Sequence[tuple[str, Sequence[Proposal]]]) -> str:
    """Return the proposals of each table as YAML: dimension to values, the share as a comment.

    A dimension that two tables have is written as `<table>.<dimension>`. A dimension without a
    value to declare is only a comment.
    """
    names = [proposal.dimension for _, proposals in tables for proposal in proposals]
    lines = ["# Written by `ml profile`; for `slices:` of a family's spec. The rule:"]
    lines += [f"# {line}" for line in _wrapped(RULE)]
    for table, proposals in tables:
        lines += ["", f"# {table}"]
        for proposal in proposals:
            is_unique = names.count(proposal.dimension) == 1
            name = proposal.dimension if is_unique else f"{table}.{proposal.dimension}"
            lines += _lines(name, proposal)
    return "\n".join(lines) + "\n"


def _rank(seen: ObservedValue) -> tuple[float, float, str]:
    """Return the sort key of a value: by share, the largest first, then by number or text."""
    if isinstance(seen.value, str):
        return -seen.share, 0, seen.value
    return -seen.share, seen.value, ""


def _covered(chosen: Sequence[ObservedValue]) -> float:
    return sum(each.share for each in chosen)


def _lines(name: str, proposal: Proposal) -> list[str]:
    if not proposal.values:
        return [f"# {name}: no value qualifies"]
    listed = yaml.safe_dump(
        {name: list(proposal.values)}, default_flow_style=None, allow_unicode=True, width=2**20
    )
    of_known = proposal.covered / proposal.known
    comment = f"# {of_known:.1%} of the events that carry a value"
    missing = f"; {1 - proposal.known:.1%} of all carry none" if proposal.known < 0.9995 else ""
    return [comment + missing, listed.rstrip("\n")]


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > 96:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
