"""The command that says how good the champions are: `ml evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.cli import judged
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.models import TARGET, for_each_target
from ml.cli.text import Record
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.workspace.targets import Target


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
@answers
def evaluate(  # noqa: PLR0913, PLR0917
    answer: Answer,
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
    answer.give(evaluations=[], backtests=[], decisions=[])
    if not (names or repeats or months or criterion):
        found = for_each_target(
            ws, names, lambda target: judged.evaluation_record(judge.evaluate(ws, target))
        )
        answer.give(judged.summary(found), evaluations=found)
        return
    protocol = Protocol(repeats or 0, holdout, months or 0, placebo)

    def judge_it(target: "Target") -> None:
        if repeats or months:
            plan = nested.plan_of(ws, target)
            plans = nested.by_family(plan, target.rows) if families else [(nested.AS_TRAINED, plan)]
            found = nested.backtests(ws, target, plans, protocol)
            if months and not placebo:
                nested.keep_months(ws, found[0])
            _give_backtests(answer, [judged.backtest_record(each) for each in found])
        elif criterion:
            decision = judged.decision_record(judge.decide(ws, target, criterion, table))
            answer.add("decisions", decision, f"{judged.decision(decision)}\n")
        else:
            evaluation = judged.evaluation_record(judge.evaluate(ws, target))
            answer.add("evaluations", evaluation, f"{judged.evaluation(evaluation)}\n")

    for_each_target(ws, names, judge_it)


def _give_backtests(answer: Answer, found: Sequence[Record]) -> None:
    """Say how one plan did, or compare several."""
    shown = judged.backtest(found[0]) if len(found) == 1 else judged.comparison(found)
    answer.add("backtests", found[0], f"{shown}\n")
    for each in found[1:]:
        answer.add("backtests", each)
