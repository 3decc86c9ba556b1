"""Commands that look things up: `ml features | trace`."""

import shutil
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.errors import AlmanacError
from ml.workspace.plain import plain
from ml.workspace.settings import Workspace, workspace
from ml.workspace.texts import few, one_line

if TYPE_CHECKING:
    from ml.features.catalogue.lineage import Step
    from ml.features.catalogue.lookup import CatalogueFeature
    from ml.features.catalogue.stops import Stop

LONGEST_CELL = 36
# Cut off, these could not be looked up.
NEVER_SHORTENED = ("file", "id", "reason", "model_id")


@click.command(
    epilog=examples(
        "ml features",
        "ml features 'trx_amount_*__3m'",
        "ml features days since --family spend",
        "ml features spend_amount_sum__3m",
        "ml features --cost",
    )
)
@click.argument("pattern", nargs=-1)
@click.option("--family", help="Only this family.")
@click.option("--cost", is_flag=True, help="What each family costs: rows, bytes, seconds.")
@answers
def features(answer: Answer, pattern: tuple[str, ...], family: str | None, cost: bool) -> None:
    """List the features that match PATTERN, or tell everything about one.

    PATTERN is a glob over names, or words of name and description; a feature's whole name shows
    how it is made, from the raw files on.
    """
    from ml.features.catalogue import lookup

    ws = workspace()
    every = lookup.read_features(ws)
    wanted = " ".join(pattern)
    one = None if cost or not wanted else lookup.feature_named(every, wanted)
    found = (one,) if one else lookup.search(every, wanted, family)
    answer.give(features=[plain(each) for each in found], lineage=[], families=[])
    if one:
        _give_details(answer, ws, one)
    elif cost:
        _give_costs(answer, ws, found)
    else:
        answer.say(_feature_table(found, len(every)))


@click.command(
    epilog=examples("ml trace c0000704", "ml trace 215418", "ml trace c0000704 --as-of 2022-10-01")
)
@click.argument("customer")
@click.option(
    "--as-of",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="YYYY-MM-DD: only what was known then (UTC).",
)
@answers
def trace(answer: Answer, customer: str, as_of: datetime | None) -> None:
    """Follow CUSTOMER through the eight stops from raw files to marts.

    CUSTOMER is the company-wide id or the id of any source. Nothing is written.
    """
    from ml.features.catalogue.trace import trace as trace_customer

    found = trace_customer(workspace(), customer, as_of)
    asked = "" if found.asked == found.customer else f" (asked for as {found.asked})"
    then = f", as of {found.as_of:%Y-%m-%d}" if found.as_of else ""
    answer.give(
        f"Customer {found.customer}{asked}{then}",
        customer=found.customer,
        asked=found.asked,
        as_of=found.as_of,
    )
    for stop in found.stops:
        answer.add("stops", plain(stop), _stop(stop))


def _feature_table(found: "Sequence[CatalogueFeature]", every: int) -> str:
    headers = ["feature", "family", "window", "null share", "mean", "drift", "description"]
    rows: list[list[text.Cell]] = [
        [
            each.name,
            each.family,
            each.time_window,
            text.number(each.null_share),
            _amount(each.mean),
            text.number(each.drift),
            "",
        ]
        for each in found
    ]
    taken = len(text.table(headers, rows).split("\n")[0]) - len(headers[-1])
    room = max(shutil.get_terminal_size().columns - taken, 20)
    for row, each in zip(rows, found, strict=True):
        row[-1] = _shortened(each.description, room)
    families = len({each.family for each in found})
    return f"{text.table(headers, rows)}\n{len(found)} of {every} features, {families} families."


def _give_details(answer: Answer, ws: Workspace, feature: "CatalogueFeature") -> None:
    from ml.features.catalogue.lineage import lineage

    facts: list[list[text.Cell]] = [
        ["family", f"{feature.family} (domain {feature.domain}, feature {feature.position})"],
        ["declared in", f"dbt_project/{feature.spec}"],
        ["aggregation", feature.aggregation],
        ["window", feature.time_window],
        ["type", feature.dtype],
        *_statistics(feature),
    ]
    try:
        steps = lineage(ws, feature.relation, feature.name)
        answer.give(lineage=plain(steps))
        way = _lineage(steps)
    except AlmanacError as error:
        # Statistics are worth showing where the SQL is not at hand.
        way = str(error)
    table = "\n".join(text.table(["", ""], facts).split("\n")[2:])
    answer.say(f"{feature.name}\n{feature.description}\n\n{table}\n\n{way}")


def _statistics(feature: "CatalogueFeature") -> list[list[text.Cell]]:
    if not feature.measured_rows:
        return [["statistics", "none: the family has no rows, or was not built since"]]
    return [
        ["null share", text.number(feature.null_share)],
        ["distinct values", f"about {feature.distinct_values}"],
        ["mean", _amount(feature.mean)],
        ["minimum", _amount(feature.minimum)],
        ["maximum", _amount(feature.maximum)],
        ["drift", text.number(feature.drift, "one month only")],
        ["measured on", f"{feature.measured_rows} customer-months of the newest two"],
    ]


def _lineage(steps: "Sequence[Step]") -> str:
    """Return the lineage of the feature, one paragraph a relation, the raw files last."""
    blocks = ["How it is made, from the feature down to the raw files:"]
    for step in steps:
        columns = ", ".join(step.columns) or "rows, whatever their columns"
        lines = [f"{step.layer}  {step.relation}: {columns}"]
        lines += [f"    {each.name} = {one_line(each.sql)}" for each in step.expressions]
        if step.files:
            lines.append(f"raw files  {few(step.files, 3)}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _give_costs(answer: Answer, ws: Workspace, found: "Sequence[CatalogueFeature]") -> None:
    from ml.features.catalogue.cost import costs

    every = costs(ws, found)
    records = [{**plain(each), "bytes_per_row": each.bytes_per_row} for each in every]
    answer.table("families", records, _COSTS)
    answer.say(
        f"{len(found)} features, {len(every)} families, "
        f"{sum(each.bytes for each in every) / 1e6:.1f} MB.\n"
        "MB: the whole blocks of the warehouse file that hold a family's columns. Seconds: of the\n"
        "last dbt command, where it built the model; families of one partial share its seconds."
    )


def _stop(stop: "Stop") -> str:
    lines = [f"\n{stop.number}. {stop.title}"]
    for each in stop.found:
        lines.append(f"{each.relation}: {each.rows} rows")
        cells = [
            [_cell(value, column) for value, column in zip(row, each.columns, strict=True)]
            for row in each.values
        ]
        lines += [f"  {line}" for line in text.table(each.columns, cells).split("\n")]
        hidden = each.rows - len(each.values)
        if hidden > 0 and "rows" not in each.columns:
            lines.append(f"  … {hidden} older")
    lines += [f"absent: {reason}" for reason in stop.absent]
    return "\n".join(lines)


def _cell(value: object, column: str) -> text.Cell:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _amount(value)
    if isinstance(value, date):
        return str(value)
    if value is None:
        return "null"
    return str(value) if column in NEVER_SHORTENED else _shortened(str(value), LONGEST_CELL)


def _amount(value: float | None) -> str:
    """Return a number of any size in few characters."""
    return "n/a" if value is None else f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _decimal(key: str, places: int = 1) -> Callable[[text.Record], str]:
    return lambda family: f"{family[key]:.{places}f}" if family[key] is not None else "n/a"


_COSTS: text.Columns = {
    "family": "family",
    "features": "features",
    "rows": "rows",
    "MB": lambda family: f"{family['bytes'] / 1e6:.1f}",
    "bytes a row": _decimal("bytes_per_row", 0),
    "seconds": _decimal("seconds"),
    "partial": lambda family: family["partial"] or "n/a",
    "partial seconds": _decimal("partial_seconds"),
}


def _shortened(value: str, room: int) -> str:
    flat = one_line(value)
    return flat if len(flat) <= room else f"{flat[: room - 1]}…"
