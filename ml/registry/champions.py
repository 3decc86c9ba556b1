"""The life of models: which there are, which one scores, how one takes another's place."""

from dataclasses import dataclass

import pandas as pd

from ml.evaluation.delong import Comparison, compare
from ml.registry import artifact, history
from ml.registry.artifact import Artifact
from ml.registry.history import Event
from ml.registry.listing import card_files, read_card
from ml.registry.reigns import record_reign
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.settings import Workspace
from ml.workspace.suggest import nearest
from ml.workspace.warehouse import open_warehouse

# Which held-out rows two models are compared on: the first of these that both predicted.
PARTS = {"test": "rows of the test month", "cv": "cross-validated rows"}
KEY = ["customer_id", "event_timestamp"]


@dataclass(frozen=True)
class Contest:
    """Whether a challenger may take the champion's place, why, and how they compared, if at all."""

    target: str
    challenger: str
    champion: str | None
    accepted: bool
    why: str
    comparison: Comparison | None = None

    @property
    def winner(self) -> str | None:
        """The model that is the champion afterwards; None where there is none."""
        return self.challenger if self.accepted else self.champion


def find(ws: Workspace, model_id: str) -> Artifact:
    """Return the model of this id, its files checked.

    Raises:
        AlmanacError: there is none (known ones are named, nearest first), or a file was changed.
    """
    known = {path.parent.name: path.parent for path in card_files(ws)}
    if model_id in known:
        return artifact.load(known[model_id])
    raise NotTrained(
        f"There is no model {model_id} in {ws.models}. Here are: {nearest(model_id, list(known))}.",
        "See them: ml models",
    )


def events_of(ws: Workspace, target: str) -> list[Event]:
    """Return what happened to the target's models, in order."""
    return history.read(ws.models / target)


def contest(ws: Workspace, challenger: Artifact) -> Contest:
    """Return whether the challenger may be champion: it must not be worse on the same rows.

    A target without a champion, or whose champion's files are spoilt, takes any. Models that have
    no held-out rows in common cannot be compared, and then the champion stays.
    """
    mine, target = challenger.model_id, challenger.card.target
    reigning = artifact.champion_id(ws, target)
    if reigning is None:
        return Contest(target, mine, None, True, "the first champion")
    if reigning == mine:
        return Contest(target, mine, mine, True, "the champion already")
    try:
        champion = artifact.champion(ws, target)
    except AlmanacError:
        return Contest(
            target, mine, reigning, True, f"{reigning}, the champion before, cannot be read"
        )
    part, comparison = compared(challenger, champion)
    if comparison is None:
        why = f"no held-out rows of both classes in common with the champion {reigning}"
        return Contest(target, mine, reigning, False, why)
    verdict = "worse than" if comparison.worse else "not worse than"
    rows = f"on {comparison.rows} {PARTS[part]}"
    why = f"{verdict} the champion {reigning} {rows}: {comparison}"
    return Contest(target, mine, reigning, not comparison.worse, why, comparison)


def compared(challenger: Artifact, champion: Artifact) -> tuple[str, Comparison | None]:
    """Return the comparison on the held-out rows that both predicted, and which part these are."""
    mine, others = (each.predictions().to_pandas() for each in (challenger, champion))
    for part in PARTS:
        rows = _in_common(mine, others, part)
        if rows["label"].nunique() == 2:
            values = (rows[name].to_numpy(float) for name in ("label", "probability", "other"))
            return part, compare(*values)
    return "", None


def settle(ws: Workspace, challenger: Artifact) -> Contest:
    """Record that the model was trained, and make it champion if it may be; return the contest."""
    found = contest(ws, challenger)
    happened = [Event("trained", found.challenger)]
    if found.accepted and found.champion != found.challenger:
        _define_input(ws, challenger)
        happened.append(Event("promoted", found.challenger, found.why))
    history.add(challenger.folder.parent, *happened)
    return found


def promote(ws: Workspace, model_id: str, *, force: bool = False) -> Contest:
    """Make this model its target's champion and return how it compared with the one before.

    Raises:
        AlmanacError: there is no such model, or it is worse than the champion or cannot be
            compared with it, and `force` is off.
    """
    challenger = find(ws, model_id)
    found = contest(ws, challenger)
    if not (found.accepted or force):
        raise AlmanacError(
            f"{model_id} stays a challenger: {found.why}.",
            f"To make it champion all the same: ml promote {model_id} --force",
        )
    if found.champion != model_id:
        _define_input(ws, challenger)
        history.add(challenger.folder.parent, Event("promoted", model_id, found.why))
    return found


def rollback(ws: Workspace, target: str) -> tuple[str, str]:
    """Give the champion's place back to the one before; return who had it and who has it now.

    Raises:
        AlmanacError: there is no such target, no champion was before, or its files were changed.
    """
    reigns = history.champions(history.read(ws.models / target))
    if not reigns:
        known = [path.parent.name for path in ws.models.glob(f"[!.]*/{history.HISTORY}")]
        raise NotTrained(
            f"There is no target {target} with a champion in {ws.models}. "
            f"Here are: {nearest(target, known)}.",
            "See the models: ml models",
        )
    if len(reigns) < 2:
        raise NotTrained(
            f"{target} has no champion before {reigns[0]} to go back to in {ws.models}.",
            "See the models: ml models",
        )
    before = artifact.load(ws.models / target / reigns[-2])
    _define_input(ws, before)
    happened = Event("rolled back", before.model_id, f"from {reigns[-1]}")
    history.add(ws.models / target, happened)
    return reigns[-1], before.model_id


def read_the_same(ws: Workspace, target: str, *model_ids: str | None) -> bool:
    """Return whether these models read the same features in the same order.

    Of the one whose place another took only the card may be left, or nothing: then they do not.
    """
    try:
        cards = [read_card(ws.models / target / (model_id or "")) for model_id in model_ids]
    except AlmanacError:
        return False
    read = {tuple((each.name, each.dtype) for each in card.features) for card in cards}
    return len(read) == 1


def _define_input(ws: Workspace, champion: Artifact) -> None:
    """Let the warehouse give the input of the model that is about to be champion, and know it."""
    # Feast takes seconds to import; only what defines inputs pays for it.
    from ml import store

    card = champion.card
    wanted = store.ModelInput.of(card.target, card.model_id, card.features)
    store.define_input(ws, wanted)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        record_reign(connection, champion)


def _in_common(mine: pd.DataFrame, others: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the rows of this part that both predicted, with both probabilities."""
    left, right = (frame[frame["part"] == part] for frame in (mine, others))
    renamed = right[[*KEY, "probability"]].rename(columns={"probability": "other"})
    return left[[*KEY, "label", "probability"]].merge(renamed, on=KEY)
