"""Commands about the online store: `ml materialize | verify`."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.answer import Answer, Differs, answers
from ml.cli.group import examples
from ml.cli.models import TARGET
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.serving.parity import ParityResult

# So many features of a view are shown that differ online.
SHOWN = 10


@click.command(epilog=examples("ml materialize", "ml materialize --until 2024-01-01"))
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Write what was known on this day. Default: the newest complete month.",
)
@answers
def materialize(answer: Answer, until: datetime | None) -> None:
    """Write the champions' inputs, and families by name, to the online store.

    All of it or nothing: whoever reads meanwhile sees what was materialized before, and then all of
    the new.
    """
    from ml.serving.materialize import materialize as write

    records = [
        {
            "view": each.view,
            "as_of": each.moment,
            "customers": each.rows,
            "features": each.features,
        }
        for each in write(workspace(), until)
    ]
    columns: text.Columns = {
        "view": "view",
        "as of": lambda view: f"{view['as_of']:%Y-%m-%d}" if view["as_of"] else "nothing yet",
        "customers": "customers",
        "features": "features",
    }
    answer.table("views", records, columns)


@click.command(epilog=examples("ml verify", "ml verify --target purchase_any"))
@TARGET
@answers
def verify(answer: Answer, names: tuple[str, ...]) -> None:
    """Compare every materialized value with the warehouse's; fail where they differ.

    missing: only the warehouse has a value; extra: only the online store; mismatched: both, and not
    the same (whole numbers exactly, fractions to a millionth).
    """
    from ml.serving.parity import verify as compare

    verdicts = compare(workspace(), names)
    answer.table("views", [_compared(verdict) for verdict in verdicts], _VIEWS)
    differing = {verdict.view: _differences(verdict) for verdict in verdicts}
    answer.give(differences=[each for found in differing.values() for each in found])
    # The features of a view with most values that differ come first.
    shown = [each for found in differing.values() for each in found[:SHOWN]]
    if shown:
        raise Differs(
            "The online store does not answer as the warehouse does:\n"
            f"{text.records_table(shown, _DIFFERENCES)}",
            "Materialize anew: ml materialize",
        )


def _compared(verdict: "ParityResult") -> text.Record:
    return {
        "view": verdict.view,
        "as_of": verdict.moment,
        "customers": verdict.customers,
        "features": verdict.features,
        **{kind: verdict.total(kind) for kind in _WRONG},
    }


def _differences(verdict: "ParityResult") -> list[text.Record]:
    return [
        {
            "view": verdict.view,
            "feature": each.feature,
            **{kind: getattr(each, kind) for kind in _WRONG},
            "customer": each.customer,
            "warehouse": each.offline,
            "online": each.online,
        }
        for each in verdict.differences
    ]


_WRONG = {kind: kind for kind in ("missing", "extra", "mismatched")}
_VIEWS: text.Columns = {
    "view": "view",
    "as of": lambda view: f"{view['as_of']:%Y-%m-%d}",
    "customers": "customers",
    "features": "features",
    **_WRONG,
}
_DIFFERENCES: text.Columns = {
    "view": "view",
    "feature": "feature",
    **_WRONG,
    "for instance": "customer",
    "warehouse": lambda each: str(each["warehouse"]),
    "online": lambda each: str(each["online"]),
}
