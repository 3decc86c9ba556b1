"""Commands about the life of models: `ml models | promote | rollback`."""

from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.settings import Workspace, workspace

if TYPE_CHECKING:
    from ml.registry.listing import Entry


@click.group(invoke_without_command=True, epilog=examples("ml models", "ml models show <model id>"))
@click.pass_context
def models(context: click.Context) -> None:
    """List the trained models of every target, the newest of each first."""
    from ml.registry.listing import entries

    if context.invoked_subcommand is None:
        headers = ["target", "model", "family", "trained (UTC)", "dataset", "judged on", "roc_auc",
                   "pr_auc", "champion"]  # fmt: skip
        found, damaged = entries(workspace())
        click.echo(text.table(headers, [_line(entry) for entry in found]))
        if not found:
            click.echo("No model is trained yet. Train one: ml train")
        for error in damaged:
            click.echo(f"Warning: {error}", err=True)


@models.command(epilog=examples("ml models show activity_decline-6197452652"))
@click.argument("model_id")
def show(model_id: str) -> None:
    """Show a model: what it is, how good, what happened to it, how it compares."""
    from ml.registry.champions import contest, events_of, find
    from ml.serving.reasons import drivers, meanings

    ws = workspace()
    found = find(ws, model_id)
    card = found.card
    measured = card.metrics[card.held_out]
    lines = [
        f"{model_id}  {card.family}, {len(found.features)} features, "
        f"threshold {card.threshold:.4f}, dataset {card.dataset}",
        *card.protocol,
        text.table(
            ["metric", "model", "trivial"],
            [[m.name, text.number(m.value), text.number(m.trivial)]
             for m in measured.metrics],
        ),
        "Drivers:",
        *[f"  {reason}" for reason in drivers(meanings(found))],
        "History:",
        *[f"  {event.at}  {event.what}  {event.why}".rstrip()
          for event in events_of(ws, card.target) if event.model_id == model_id],
        f"It is {contest(ws, found).why}.",
    ]  # fmt: skip
    click.echo("\n".join(lines))


@click.command(epilog=examples("ml promote <model id>", "ml promote <model id> --force"))
@click.argument("model_id")
@click.option("--force", is_flag=True, help="Even if it is worse, or cannot be compared.")
def promote(model_id: str, force: bool) -> None:
    """Make a model the champion of its target.

    It is compared with the champion on the same held-out rows, by DeLong's paired test of two
    ROC-AUCs. One that is worse (p below 0.05), or has no rows in common with it, is refused.
    """
    from ml.registry.champions import promote as make_champion

    ws = workspace()
    found = make_champion(ws, model_id, force=force)
    if found.champion == model_id:
        click.echo(f"{model_id} is the champion of {found.target} already. Nothing has changed.")
        return
    click.echo(f"{model_id} is the champion now: {found.why}.")
    _tell_next(ws, found.target, found.champion, model_id)


@click.command(epilog=examples("ml rollback activity_decline"))
@click.argument("target")
def rollback(target: str) -> None:
    """Give the champion's place back to the champion before."""
    from ml.registry.champions import rollback as restore_previous

    ws = workspace()
    before, now = restore_previous(ws, target)
    click.echo(f"{now} is the champion of {target} again, {before} no longer.")
    _tell_next(ws, target, before, now)


def _tell_next(ws: Workspace, target: str, before: str | None, now: str) -> None:
    """Say what brings the new champion's input online, where it is not that of the one before."""
    from ml.registry.champions import read_the_same

    if not read_the_same(ws, target, before, now):
        click.echo("Next: feast apply && ml materialize")


def _line(entry: "Entry") -> list[text.Cell]:
    card = entry.card
    split = card.held_out
    measured = card.metrics[split]
    return [
        card.target,
        card.model_id,
        card.family,
        entry.trained,
        card.dataset,
        {"test": "newest month", "cv": "5 folds"}[split],
        text.number(measured.value("roc_auc")),
        text.number(measured.value("pr_auc")),
        "champion" if entry.is_champion else "",
    ]
