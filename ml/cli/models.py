"""Commands about models: `ml targets | train | evaluate | score`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ml import text
from ml.cli.group import examples
from ml.config import AlmanacError, Workspace, workspace

if TYPE_CHECKING:
    from ml.targets import Target


Result = TypeVar("Result")
TARGET = click.option("--target", "-t", "names", multiple=True, help="Only this one; repeatable.")


@click.command("targets", epilog=examples("ml targets"))
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


@click.command(
    epilog=examples(
        "ml train",
        "ml train --target purchase_any --model lightgbm",
        "ml train --dataset december",
    ),
)
@TARGET
@click.option("--dataset", help="Train on these kept rows (an id or a name of `ml dataset list`).")
@click.option(
    "--model",
    default="auto",
    show_default=True,
    help="The family, such as lightgbm or logistic; auto: the better one in cross-validation.",
)
def train(names: tuple[str, ...], dataset: str | None, model: str) -> None:
    """Train a model for each target; it becomes champion unless it is worse than the champion.

    A target whose labels cannot carry a model is reported; the others are trained all the same.
    The model records the id of its training set; `ml dataset make` keeps one.
    """
    from ml import train as training
    from ml.dataset import find

    if names and dataset:
        raise click.UsageError("--target and --dataset exclude each other.")
    ws = workspace()
    if dataset:
        kept = find(ws, dataset)
        done = [training.train_on(ws, kept, kept.rows(), model)]
    else:
        done = each(ws, names, lambda target: training.train(ws, target, model))
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
        for card in (trained.card for trained in done)
    ]
    click.echo(text.table(headers, rows))
    for contest in (trained.contest for trained in done):
        if not contest.accepted:
            click.echo(f"{contest.challenger} stays a challenger: {contest.why}.")


@click.command(
    epilog=examples(
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
        click.echo(text.summary(each(ws, names, lambda target: judge.evaluate(ws, target))))
        return

    def shown(target: "Target") -> str:
        if repeats:
            return text.backtest(judge.repeat(ws, target, repeats))
        if months:
            return text.backtest(judge.backtest(ws, target, months))
        return text.evaluation(judge.evaluate(ws, target))

    each(ws, names, lambda target: click.echo(f"{shown(target)}\n"))


@click.command(
    epilog=examples(
        "ml score", "ml score --target purchase_any --as-of 2024-01-01", "ml score --online"
    )
)
@TARGET
@click.option("--as-of", help="YYYY-MM-DD: what was known then. Default: the newest month.")
@click.option("--online", is_flag=True, help="Read features from the online store.")
@click.option(
    "--reasons",
    type=click.IntRange(0),
    default=10_000,
    show_default=True,
    help="How many customers, the highest scores first, get reasons with their score.",
)
def score(names: tuple[str, ...], as_of: str | None, online: bool, reasons: int) -> None:
    """Score every customer and append the scores to the warehouse, with what moved them most.

    Scoring with the same model at the same instant again changes nothing.
    """
    from ml import score as scoring

    ws = workspace()
    at = scoring.parse_as_of(as_of) if as_of is not None else None

    def written(target: "Target") -> None:
        found = scoring.score(ws, target, at, online=online, explained=reasons)
        whence = f" (scored {', '.join(found.earlier_from)})" if found.already else ""
        click.echo(
            f"{target.name}  {found.as_of:%Y-%m-%d}  {found.model_id}  "
            f"{found.new} new, {found.already} already there{whence}"
        )

    each(ws, names, written)


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


def each(ws: Workspace, names: Sequence[str], do: "Callable[[Target], Result]") -> "list[Result]":
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
