"""Commands about models: `ml targets | train | score`."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ml.cli import complete, text
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.options import CUSTOMERS
from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.plain import plain
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace, workspace

if TYPE_CHECKING:
    from ml.registry.card import Card
    from ml.training.train import Trained
    from ml.workspace.targets import Target


Result = TypeVar("Result")
Option = tuple[str, ...] | float | None
TARGET = click.option(
    "--target",
    "-t",
    "names",
    multiple=True,
    shell_complete=complete.targets,
    help="Only this one; repeatable.",
)


@click.command("targets", epilog=examples("ml targets"))
@answers
def list_targets(answer: Answer) -> None:
    """List what can be predicted here."""
    found = _chosen(workspace(), ())
    records = [
        {
            "target": target.name,
            "rows": target.rows,
            "positives": target.positives,
            "share": target.positives / target.rows,
            "validation": target.validation,
            "horizon_months": target.horizon_months,
            "description": target.description,
            "advice": target.nearly_constant,
        }
        for target in found
    ]
    shown = ("target", "rows", "positives", "share", "validation")
    columns = {name: name for name in shown}
    columns |= {"horizon": "horizon_months", "description": "description"}
    answer.table("targets", records, columns)
    for record in records:
        if advice := record["advice"]:
            answer.say(f"{advice}.")


@click.command(
    epilog=examples(
        "ml train",
        "ml train --target purchase_any --model lightgbm --budget 600",
        "ml train --trials 50 --features 200",
        "ml train --window all --window 12 --window half-life:6",
        "ml train --config training.toml",
        "ml train --customers 0.1",
        "ml train --dataset december",
        "ml train --if-due",
        "ml train --mlflow",
    ),
)
@TARGET
@click.option(
    "--dataset",
    shell_complete=complete.datasets,
    help="Train on these kept rows (an id or a name of `ml dataset list`).",
)
@click.option(
    "--model",
    "families",
    multiple=True,
    help="A family, such as lightgbm; blend, the mean of the best; stack, their weighted sum; "
    "repeatable. Default: what suits the rows.",
)
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Search so many seconds.")
@click.option("--trials", type=click.IntRange(1), help="Search so many trials: reproducible.")
@click.option("--features", type=click.IntRange(1), help="The most inputs a model may have.")
@click.option(
    "--window",
    "windows",
    multiple=True,
    help="The months to learn from: all, the last so many such as 12, or weights by age such as "
    "half-life:6; repeatable, then a backtest chooses. Default: all.",
)
@CUSTOMERS
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file with these settings, and more; options go before it.",
)
@click.option(
    "--if-due", is_flag=True, help="Only targets that `ml monitor` says are due for training."
)
@click.option("--mlflow", is_flag=True, help="Log the models as runs of MLflow, in mlflow.db.")
@answers
def train(  # noqa: PLR0913, PLR0917
    answer: Answer,
    names: tuple[str, ...],
    dataset: str | None,
    config: Path | None,
    if_due: bool,
    mlflow: bool,
    **options: Option,
) -> None:
    """Train a model for each target; it becomes champion unless it is worse than the champion.

    A target whose labels cannot carry a model is reported; the others are trained all the same.
    Without --budget or --trials, families are compared as they come. A search that was stopped
    goes on by the same command; one in trials gives the same model on any machine, one in seconds
    need not. The model records the id of its training set; `ml dataset make` keeps one.
    """
    from ml.dataset import RowsReader, find
    from ml.registry import mlflow as tracking
    from ml.training import train as training
    from ml.training.plan import Plan, checked, read_config

    if mlflow:
        tracking.refuse_absent()
    wanted, plan = read_config(config) if config else ((), Plan())
    names = names or wanted
    if (names or if_due) and dataset:
        raise click.UsageError("--dataset excludes --target and --if-due.")
    given: dict[str, Any] = {name: value for name, value in options.items() if value}
    if dataset and "customers" in given:
        raise click.UsageError("--dataset has its customers; --customers is for making one.")
    if given.keys() & {"budget", "trials"}:
        given = {"budget": None, "trials": None, **given}
    plan = checked(replace(plan, **given), "ml train")
    ws = workspace()
    answer.give(due_for_training=[], models=[], mlflow=None)
    if if_due and not (names := _due(answer, ws, names)):
        answer.say("No target is due for training.")
        return
    if dataset:
        kept = find(ws, dataset)
        done = [training.train_on(ws, kept, kept.rows(), plan)]
    else:
        reader = RowsReader()
        done = for_each_target(ws, names, lambda target: training.train(ws, target, plan, reader))
    answer.table("models", [_trained(each) for each in done], _TRAINED)
    _tell(answer, done)
    for trained in done:
        if mlflow:
            tracking.log(ws, trained.folder, trained.card, trained.tried)
        tracking.mark_champion(ws, trained.target, trained.contest.winner)
    if mlflow:
        address = tracking.address(ws)
        answer.give(f"Runs of MLflow: {address}", mlflow=address)


def _due(answer: Answer, ws: Workspace, names: tuple[str, ...]) -> tuple[str, ...]:
    """Say which targets, of `names` if there are any, are due for training, and return them."""
    from ml.monitoring import due, read_month

    found = [each for each in due(ws, read_month(ws)) if not names or each.target in names]
    for each in found:
        answer.say(f"{each.target} is due for training: {each.why}")
    answer.give(due_for_training=found)
    return tuple(each.target for each in found)


@click.command(
    epilog=examples(
        "ml score", "ml score --target purchase_any --as-of 2024-01-01", "ml score --online"
    )
)
@TARGET
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="What was known then. Default: the newest month.",
)
@click.option("--online", is_flag=True, help="Read features from the online store.")
@click.option(
    "--reasons",
    type=click.IntRange(0),
    default=10_000,
    show_default=True,
    help="How many customers, the highest scores first, get reasons with their score.",
)
@answers
def score(
    answer: Answer, names: tuple[str, ...], as_of: datetime | None, online: bool, reasons: int
) -> None:
    """Score every customer and append the scores to the warehouse, with what moved them most.

    Scoring with the same model at the same instant again changes nothing.
    """
    from ml.serving import batch as scoring

    ws = workspace()

    def written(target: "Target") -> None:
        found = scoring.score(ws, target, as_of, online=online, explained=reasons)
        earlier = f" (scored {', '.join(found.earlier_from)})" if found.already else ""
        answer.add(
            "scores",
            plain(found),
            f"{target.name}  {found.as_of:%Y-%m-%d}  {found.model_id}  "
            f"{found.new} new, {found.already} already there{earlier}",
        )

    for_each_target(ws, names, written)


def _chosen(ws: Workspace, names: Sequence[str]) -> "list[Target]":
    from ml.workspace.targets import target, targets, why_no_labels

    if names:
        return [target(ws, name) for name in dict.fromkeys(names)]
    if found := targets(ws):
        return found
    raise NotBuilt(
        f"No target has label rows in {ws.home}: {why_no_labels(ws)}.",
        f"Put raw files into {ws.raw} (or: ml simulate), then: dbt build",
    )


def for_each_target(
    ws: Workspace, names: Sequence[str], do: "Callable[[Target], Result]"
) -> "list[Result]":
    """Return the result of `do` for each target; one that is refused does not stop the others.

    Raises:
        AlmanacError: targets asked for by name were refused, or none was left.
    """
    done: list[Result] = []
    refused: list[str] = []
    chosen = _chosen(ws, names)
    # On a terminal each target has bars of its own.
    with Progress(total=len(chosen), unit="target", disable=sys.stderr.isatty()) as progress:
        for target in chosen:
            progress.set_description(target.name)
            try:
                done.append(do(target))
            except AlmanacError as error:
                named = error.target == target.name
                refused.append(str(error) if named else f"{target.name}: {error}")
            progress.update()
    if refused and (names or not done):
        raise AlmanacError("\n".join(refused))
    for reason in refused:
        click.echo(f"Left out: {reason}", err=True)
    return done


def _trained(trained: "Trained") -> text.Record:
    card, contest = trained.card, trained.contest
    return {
        "target": card.target,
        "family": card.family,
        "rows": card.training_rows,
        "positives": card.training_positives,
        "cv": _measured(card, "cv"),
        "test": _measured(card, "test"),
        "model_id": card.model_id,
        "is_champion": contest.accepted,
        "why": contest.why,
        "is_no_better_than_chance": card.is_no_better_than_chance,
    }


def _measured(card: "Card", part: str) -> text.Record | None:
    found = card.metrics.get(part)
    if found is None:
        return None
    return {"rows": found.rows, "positives": found.positives, "roc_auc": found.value("roc_auc")}


def _auc(found: text.Record | None) -> str:
    return text.number(found["roc_auc"], "one class only") if found else "-"


_TRAINED: text.Columns = {
    "target": "target",
    "family": "family",
    "rows": "rows",
    "positives": "positives",
    "cv roc_auc": lambda model: _auc(model["cv"]),
    "test roc_auc": lambda model: _auc(model["test"]),
    "model": "model_id",
}


def _tell(answer: Answer, done: "Iterable[Trained]") -> None:
    for contest in (trained.contest for trained in done):
        if not contest.accepted:
            answer.say(f"{contest.challenger} stays a challenger: {contest.why}.")
    for card in (trained.card for trained in done):
        if card.is_no_better_than_chance:
            told = "ranks its held-out rows no better than chance: its scores say nothing."
            click.echo(f"Warning: {card.model_id} {told}", err=True)
