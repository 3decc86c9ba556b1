"""The command line: `ml simulate | targets | train | evaluate | score | publish | report`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ml import text
from ml.config import AlmanacError, Workspace, workspace

if TYPE_CHECKING:
    from ml.targets import Target


Result = TypeVar("Result")


def _examples(*lines: str) -> str:
    """Return a command's epilog; the control character keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


TARGET = click.option("--target", "-t", "names", multiple=True, help="Only this one; repeatable.")
FIRST_STEPS = _examples(
    "ml simulate                        a made-up company's raw files",
    "dbt build && feast apply           features in the warehouse, registered",
    "ml train && ml evaluate            models, and how good they are",
    "ml score && dbt build && ml publish   scores, marts, the file for BI",
)


class _Commands(click.Group):
    """Lists commands in the order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=FIRST_STEPS,
)
@click.version_option(package_name="almanac")
def main() -> None:
    """Train, judge and apply models on the workspace's features.

    The workspace is the folder that ALMANAC_HOME names (default: data/).
    """


@main.command(
    epilog=_examples("ml simulate", "ml simulate --customers 2000 --months 12 --seed 1 --form ptls")
)
@click.option("--customers", default=10_000, show_default=True, help="How many customers.")
@click.option("--months", default=18, show_default=True, help="How many months of records.")
@click.option("--seed", default=7, show_default=True, help="The same seed writes the same files.")
@click.option(
    "--form",
    type=click.Choice(["detail", "ptls"]),
    default="detail",
    show_default=True,
    help="The bank's layout: one row an event, or arrays a customer.",
)
def simulate(customers: int, months: int, seed: int, form: str) -> None:
    """Write a made-up company's raw files, dirt included, into the workspace."""
    from ml.simulate import simulate as write

    ws = workspace()
    write(ws.home, customers=customers, months=months, seed=seed, form=form)
    click.echo(f"Wrote {customers} customers over {months} months to {ws.home}.\nNext: dbt build")


@main.command("targets", epilog=_examples("ml targets"))
def list_targets() -> None:
    """List what can be predicted here."""
    headers = ["target", "rows", "positives", "share", "validation", "horizon", "description"]
    rows: list[list[text.Cell]] = [
        [
            target.name,
            target.rows,
            target.positives,
            target.positives / target.rows,
            target.validation,
            target.horizon_months,
            target.description,
        ]
        for target in _chosen(workspace(), ())
    ]
    click.echo(text.table(headers, rows))


@main.command(
    epilog=_examples("ml train", "ml train --target purchase_any --model lightgbm"),
)
@TARGET
@click.option(
    "--model",
    default="auto",
    show_default=True,
    help="The family, such as lightgbm or logistic; auto: the better one in cross-validation.",
)
def train(names: tuple[str, ...], model: str) -> None:
    """Train a model for each target and make it the champion.

    A target whose labels cannot carry a model is reported; the others are trained all the same.
    """
    from ml.train import train as fit

    ws = workspace()
    cards = _each(ws, names, lambda target: fit(ws, target, model).card)
    headers = ["target", "family", "rows", "positives", "cv roc_auc", "test roc_auc", "model"]
    rows = [
        [
            card["target"],
            card["family"],
            card["training_rows"],
            card["training_positives"],
            _auc(card, "cv"),
            _auc(card, "test"),
            card["model_id"],
        ]
        for card in cards
    ]
    click.echo(text.table(headers, rows))


@main.command(
    epilog=_examples(
        "ml evaluate",
        "ml evaluate --target activity_decline --repeats 5",
        "ml evaluate --target purchase_any --months 3",
    )
)
@TARGET
@click.option("--repeats", type=click.IntRange(1), help="Repeat shuffled 5-fold validation.")
@click.option("--months", type=click.IntRange(1), help="Test each of the last label months.")
def evaluate(names: tuple[str, ...], repeats: int | None, months: int | None) -> None:
    """Show how good the champions are, beside trivial answers.

    One line a target; with --target every metric of it. The limit is what the simulator's own
    probabilities reach on the same rows; n/a for real data.
    """
    from ml import evaluate as judge

    if repeats and months:
        raise click.UsageError("--repeats and --months exclude each other.")
    ws = workspace()
    if not (names or repeats or months):
        click.echo(text.summary(_each(ws, names, lambda target: judge.evaluate(ws, target))))
        return

    def shown(target: "Target") -> str:
        if repeats:
            return text.backtest(judge.repeat(ws, target, repeats))
        if months:
            return text.backtest(judge.backtest(ws, target, months))
        return text.evaluation(judge.evaluate(ws, target))

    _each(ws, names, lambda target: click.echo(f"{shown(target)}\n"))


@main.command(
    epilog=_examples(
        "ml score", "ml score --target purchase_any --as-of 2024-01-01", "ml score --online"
    )
)
@TARGET
@click.option("--as-of", help="YYYY-MM-DD: what was known then. Default: the newest month.")
@click.option("--online", is_flag=True, help="Read features from the online store.")
def score(names: tuple[str, ...], as_of: str | None, online: bool) -> None:
    """Score every customer and append the scores to the warehouse.

    Scoring with the same model at the same instant again changes nothing.
    """
    from ml import score as scoring

    ws = workspace()
    at = scoring.parse_as_of(as_of) if as_of is not None else None

    def written(target: "Target") -> None:
        found = scoring.score(ws, target, at, online=online)
        whence = f" (scored {', '.join(found.earlier_from)})" if found.already else ""
        click.echo(
            f"{target.name}  {found.as_of:%Y-%m-%d}  {found.model_id}  "
            f"{found.new} new, {found.already} already there{whence}"
        )

    _each(ws, names, written)


@main.command(epilog=_examples("ml publish"))
def publish() -> None:
    """Write marts, features, scores and targets to the file that BI tools open."""
    from ml.publish import publish as write

    done = write(workspace())
    click.echo(text.table(["table", "rows"], list(done.tables.items())))
    click.echo(f"{done.path} ({done.size / 1e6:.1f} MB)")


@main.command(epilog=_examples("ml report"))
def report() -> None:
    """Write the page of results that a browser opens."""
    from ml.report import write_report

    click.echo(write_report(workspace()))


def _chosen(ws: Workspace, names: Sequence[str]) -> "list[Target]":
    from ml.targets import target, targets

    if names:
        return [target(ws, name) for name in dict.fromkeys(names)]
    if found := targets(ws):
        return found
    raise AlmanacError(
        f"No target has label rows in {ws.home}.\n"
        f"Put raw files into {ws.raw} (or: ml simulate), then: dbt build"
    )


def _each(ws: Workspace, names: Sequence[str], do: "Callable[[Target], Result]") -> "list[Result]":
    """Return what `do` gives for each target; one that is refused does not stop the others.

    Raises:
        AlmanacError: targets asked for by name were refused, or none was left.
    """
    done: list[Result] = []
    refused: list[str] = []
    for target in _chosen(ws, names):
        try:
            done.append(do(target))
        except AlmanacError as error:
            named = target.name in str(error)
            refused.append(str(error) if named else f"{target.name}: {error}")
    if refused and (names or not done):
        raise AlmanacError("\n".join(refused))
    for reason in refused:
        click.echo(f"Left out: {reason}", err=True)
    return done


def _auc(card: Mapping[str, Any], part: str) -> str:
    measured = card["metrics"].get(part)
    if measured is None:
        return "-"
    found = next(m for m in measured["metrics"] if m["name"] == "roc_auc")
    return text.number(found["value"], "one class only")
