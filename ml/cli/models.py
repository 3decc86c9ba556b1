"""Commands about models: `ml targets | train | evaluate | score`."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace, workspace

if TYPE_CHECKING:
    from ml.registry.card import Card
    from ml.training.train import Trained
    from ml.workspace.targets import Target


Result = TypeVar("Result")
Option = tuple[str, ...] | float | None
TARGET = click.option("--target", "-t", "names", multiple=True, help="Only this one; repeatable.")


@click.command("targets", epilog=examples("ml targets"))
def list_targets() -> None:
    """List what can be predicted here."""
    headers = ["target", "rows", "positives", "share", "validation", "horizon", "description"]
    found = _chosen(workspace(), ())
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
        for target in found
    ]
    click.echo(text.table(headers, rows))
    for target in found:
        if advice := target.nearly_constant:
            click.echo(f"{advice}.")


@click.command(
    epilog=examples(
        "ml train",
        "ml train --target purchase_any --model lightgbm --budget 600",
        "ml train --trials 50 --features 200",
        "ml train --window all --window 12 --window half-life:6",
        "ml train --config training.toml",
        "ml train --dataset december",
        "ml train --if-due",
        "ml train --mlflow",
    ),
)
@TARGET
@click.option("--dataset", help="Train on these kept rows (an id or a name of `ml dataset list`).")
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
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file with these settings, and more; options go before it.",
)
@click.option(
    "--if-due", is_flag=True, help="Only targets that `ml monitor` says are due for training."
)
@click.option("--mlflow", is_flag=True, help="Log the models as runs of MLflow, in mlflow.db.")
def train(
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
    if given.keys() & {"budget", "trials"}:
        given = {"budget": None, "trials": None, **given}
    plan = checked(replace(plan, **given), "ml train")
    ws = workspace()
    if if_due and not (names := _due(ws, names)):
        click.echo("No target is due for training.")
        return
    if dataset:
        kept = find(ws, dataset)
        done = [training.train_on(ws, kept, kept.rows(), plan)]
    else:
        reader = RowsReader()
        done = for_each_target(ws, names, lambda target: training.train(ws, target, plan, reader))
    headers = ["target", "family", "rows", "positives", "cv roc_auc", "test roc_auc", "model"]
    rows: list[list[text.Cell]] = [
        [
            card.target,
            card.family,
            card.training_rows,
            card.training_positives,
            _auc(card, "cv"),
            _auc(card, "test"),
            card.model_id,
        ]
        for card in (trained.card for trained in done)
    ]
    click.echo(text.table(headers, rows))
    _tell(done)
    if mlflow:
        for trained in done:
            tracking.log(ws, trained.folder, trained.card, trained.tried)
            tracking.mark_champion(ws, trained.target, trained.contest.winner)
        click.echo(f"Runs of MLflow: {tracking.address(ws)}")


def _due(ws: Workspace, names: tuple[str, ...]) -> tuple[str, ...]:
    """Say which targets, of `names` if there are any, are due for training, and return them."""
    from ml.monitoring import due, read_month

    found = [each for each in due(ws, read_month(ws)) if not names or each.target in names]
    for each in found:
        click.echo(f"{each.target} is due for training: {each.why}")
    return tuple(each.target for each in found)


@click.command(
    epilog=examples(
        "ml evaluate",
        "ml evaluate --target activity_decline --repeats 5",
        "ml evaluate --target activity_decline --repeats 5 --families",
        "ml evaluate --target purchase_any --months 3",
        "ml evaluate --target purchase_any --criterion profit --costs costs.toml",
    )
)
@TARGET
@click.option("--repeats", type=click.IntRange(1), help="Repeat shuffled 5-fold validation.")
@click.option(
    "--holdout",
    type=click.FloatRange(0.05, 0.95),
    help="With --repeats: random splits with this share to judge, instead of folds.",
)
@click.option("--months", type=click.IntRange(1), help="Test each of the last label months.")
@click.option("--families", is_flag=True, help="With either: every family beside the plan.")
@click.option("--placebo", is_flag=True, help="With either: on shuffled labels; 0.5 is honest.")
@click.option(
    "--criterion",
    type=click.Choice(["f1", "accuracy", "precision", "recall", "profit"]),
    help="Choose the threshold by this, and show what comes of it.",
)
@click.option(
    "--costs",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file: what true_positive, false_positive, false_negative, true_negative bring in.",
)
def evaluate(  # noqa: PLR0913, PLR0917
    names: tuple[str, ...],
    repeats: int | None,
    holdout: float | None,
    months: int | None,
    families: bool,
    placebo: bool,
    criterion: str | None,
    costs: Path | None,
) -> None:
    """Show how good the champions are, beside trivial answers.

    One line a target; with --target every metric of it. The limit is what the simulator's own
    probabilities reach on the same rows; n/a for real data. With --repeats or --months, everything
    that training chose is chosen anew, inside the rows learnt from. The label months of --months
    are kept beside the models, and `ml report` shows them.
    """
    from ml.evaluation.thresholds import Costs, read_costs
    from ml.training import backtest as nested
    from ml.training import evaluate as judge
    from ml.training.backtest import Protocol

    if repeats and months:
        raise click.UsageError("--repeats and --months exclude each other.")
    if (families or placebo or holdout) and not (repeats or months):
        raise click.UsageError("--families, --placebo and --holdout need --repeats or --months.")
    if costs and criterion != "profit":
        raise click.UsageError("--costs needs --criterion profit.")
    ws, table = workspace(), read_costs(costs) if costs else Costs()
    if not (names or repeats or months or criterion):
        click.echo(
            text.summary(for_each_target(ws, names, lambda target: judge.evaluate(ws, target)))
        )
        return
    protocol = Protocol(repeats or 0, holdout, months or 0, placebo)

    def evaluated(target: "Target") -> str:
        if repeats or months:
            plan = nested.plan_of(ws, target)
            plans = nested.by_family(plan, target.rows) if families else [(nested.AS_TRAINED, plan)]
            found = nested.backtests(ws, target, plans, protocol)
            if months and not placebo:
                nested.keep_months(ws, found[0])
            return text.comparison(found) if families else text.backtest(found[0])
        if criterion:
            return text.decision(judge.decide(ws, target, criterion, table))
        return text.evaluation(judge.evaluate(ws, target))

    for_each_target(ws, names, lambda target: click.echo(f"{evaluated(target)}\n"))


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
    from ml.serving import batch as scoring

    ws = workspace()
    at = scoring.parse_as_of(as_of) if as_of is not None else None

    def written(target: "Target") -> None:
        found = scoring.score(ws, target, at, online=online, explained=reasons)
        earlier = f" (scored {', '.join(found.earlier_from)})" if found.already else ""
        click.echo(
            f"{target.name}  {found.as_of:%Y-%m-%d}  {found.model_id}  "
            f"{found.new} new, {found.already} already there{earlier}"
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


def _tell(done: "Iterable[Trained]") -> None:
    for contest in (trained.contest for trained in done):
        if not contest.accepted:
            click.echo(f"{contest.challenger} stays a challenger: {contest.why}.")
    for card in (trained.card for trained in done):
        if card.is_no_better_than_chance:
            told = "ranks its held-out rows no better than chance: its scores say nothing."
            click.echo(f"Warning: {card.model_id} {told}", err=True)


def _auc(card: "Card", split: str) -> str:
    measured = card.metrics.get(split)
    if measured is None:
        return "-"
    return text.number(measured.value("roc_auc"), "one class only")
