"""Commands about the life of models: `ml models | promote | rollback`."""

from typing import TYPE_CHECKING

import click

from ml.cli import complete, text
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.judged import JUDGED_ON
from ml.workspace.plain import plain
from ml.workspace.settings import Workspace, workspace

if TYPE_CHECKING:
    from ml.registry.listing import Entry


@click.group(invoke_without_command=True, epilog=examples("ml models", "ml models show <model id>"))
@answers
def models(answer: Answer) -> None:
    """List the trained models of every target, the newest of each first."""
    from ml.registry.listing import entries

    found, damaged = entries(workspace())
    answer.table("models", [_record(entry) for entry in found], _MODELS)
    answer.give(damaged=[str(error) for error in damaged])
    if not found:
        answer.say("No model is trained yet. Train one: ml train")
    for error in damaged:
        click.echo(f"Warning: {error}", err=True)


@models.command(epilog=examples("ml models show activity_decline-6197452652"))
@click.argument("model_id", shell_complete=complete.models)
@answers
def show(answer: Answer, model_id: str) -> None:
    """Show a model: what it is, how good, what happened to it, how it compares."""
    from ml.registry.champions import contest, events_of, find
    from ml.serving.reasons import drivers, meanings

    ws = workspace()
    found = find(ws, model_id)
    card = found.card
    answer.give(
        f"{model_id}  {card.family}, {len(found.features)} features, "
        f"threshold {card.threshold:.4f}, dataset {card.dataset}",
        model_id=model_id,
        target=card.target,
        family=card.family,
        features=[feature.name for feature in found.features],
        threshold=card.threshold,
        dataset=card.dataset,
        judged_on=card.held_out,
        protocol=card.protocol,
    )
    answer.say(*card.protocol)
    metrics = [plain(metric) for metric in card.judged.metrics]
    answer.table("metrics", metrics, _METRICS)
    reasons = drivers(meanings(found))
    answer.give("\n  ".join(["Drivers:", *reasons]), drivers=reasons)
    events = [event for event in events_of(ws, card.target) if event.model_id == model_id]
    happened = [f"{event.at}  {event.what}  {event.why}".rstrip() for event in events]
    history = [{"at": event.at, "what": event.what, "why": event.why} for event in events]
    answer.give("\n  ".join(["History:", *happened]), history=history)
    why = contest(ws, found).why
    answer.give(f"It is {why}.", why=why)


@click.command(epilog=examples("ml promote <model id>", "ml promote <model id> --force"))
@click.argument("model_id", shell_complete=complete.models)
@click.option("--force", is_flag=True, help="Even if it is worse, or cannot be compared.")
@answers
def promote(answer: Answer, model_id: str, force: bool) -> None:
    """Make a model the champion of its target.

    It is compared with the champion on the same held-out rows, by DeLong's paired test of two
    ROC-AUCs. One that is worse (p below 0.05), or has no rows in common with it, is refused.
    """
    from ml.registry import mlflow as tracking
    from ml.registry.champions import promote as make_champion

    ws = workspace()
    found = make_champion(ws, model_id, force=force)
    tracking.mark_champion(ws, found.target, model_id)
    answer.give(target=found.target, before=found.champion, now=model_id, why=found.why, next=None)
    if found.champion == model_id:
        answer.say(f"{model_id} is the champion of {found.target} already. Nothing has changed.")
        return
    answer.say(f"{model_id} is the champion now: {found.why}.")
    _tell_next(answer, ws, found.target, found.champion, model_id)


@click.command(epilog=examples("ml rollback activity_decline"))
@click.argument("target", shell_complete=complete.targets)
@answers
def rollback(answer: Answer, target: str) -> None:
    """Give the champion's place back to the champion before."""
    from ml.registry import mlflow as tracking
    from ml.registry.champions import rollback as restore_previous

    ws = workspace()
    before, now = restore_previous(ws, target)
    tracking.mark_champion(ws, target, now)
    answer.give(
        f"{now} is the champion of {target} again, {before} no longer.",
        target=target,
        before=before,
        now=now,
        next=None,
    )
    _tell_next(answer, ws, target, before, now)


def _tell_next(answer: Answer, ws: Workspace, target: str, before: str | None, now: str) -> None:
    """Say what brings the new champion's input online, where it is not that of the one before."""
    from ml.registry.champions import read_the_same

    if not read_the_same(ws, target, before, now):
        following = "feast apply && ml materialize"
        answer.give(f"Next: {following}", next=following)


def _record(entry: "Entry") -> text.Record:
    card = entry.card
    measured = card.judged
    return {
        "target": card.target,
        "model_id": card.model_id,
        "family": card.family,
        "trained": entry.trained,
        "dataset": card.dataset,
        "judged_on": card.held_out,
        "roc_auc": measured.value("roc_auc"),
        "pr_auc": measured.value("pr_auc"),
        "is_champion": entry.is_champion,
    }


_MODELS: text.Columns = {
    "target": "target",
    "model": "model_id",
    "family": "family",
    "trained (UTC)": "trained",
    "dataset": "dataset",
    "judged on": lambda model: JUDGED_ON[model["judged_on"]],
    "roc_auc": lambda model: text.number(model["roc_auc"]),
    "pr_auc": lambda model: text.number(model["pr_auc"]),
    "champion": lambda model: "champion" if model["is_champion"] else "",
}
_METRICS: text.Columns = {
    "metric": "name",
    "model": lambda metric: text.number(metric["value"]),
    "trivial": lambda metric: text.number(metric["trivial"]),
}
