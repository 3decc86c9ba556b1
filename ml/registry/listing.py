"""Which models there are, read from their cards alone; imports nothing that computes.

`ml models` must answer at once, and numpy, pandas and the model libraries take seconds to import.
"""

from dataclasses import dataclass
from pathlib import Path

from ml.registry import history
from ml.registry.card import Card, parse_card
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.settings import Workspace

CARD = "card.json"


@dataclass(frozen=True)
class Entry:
    """A model of the registry: its card, when it was trained (UTC) and whether it scores."""

    card: Card
    trained: str
    is_champion: bool


def entries(ws: Workspace) -> tuple[list[Entry], list[AlmanacError]]:
    """Return every model of every target, by target, the newest first, and what cannot be read."""
    found: list[Entry] = []
    damaged: list[AlmanacError] = []
    for folder in sorted({path.parent.parent for path in card_files(ws)}):
        cards, events = [], []
        try:
            events = history.read(folder)
        except AlmanacError as error:
            damaged.append(error)
        for path in card_files(ws):
            if path.is_relative_to(folder):
                try:
                    cards.append(read_card(path.parent))
                except AlmanacError as error:
                    damaged.append(error)
        reigning = history.champions(events)[-1:]
        known = [
            Entry(
                card,
                history.trained_at(events, card.model_id),
                card.model_id in reigning,
            )
            for card in cards
        ]
        found += sorted(known, key=lambda entry: entry.trained, reverse=True)
    return found, damaged


def card_files(ws: Workspace) -> list[Path]:
    """Return the cards of all models, by target and model id."""
    return sorted(ws.models.glob(f"[!.]*/[!.]*/{CARD}"))


def read_card(folder: Path) -> Card:
    """Return the card of the artifact in `folder`; nothing else is read or checked.

    Raises:
        AlmanacError: there is none, or it is not one.
    """
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NotTrained(
            f"{folder / CARD} cannot be read: {error}",
            _make_anew(folder),
            target=folder.parent.name,
        ) from error
    return parse_card(text, folder / CARD, _make_anew(folder))


def _make_anew(folder: Path) -> str:
    # Training may give another model: what is left of this one would be told of for ever.
    return f"Remove it and train again: rm -r {folder} && ml train --target {folder.parent.name}"


def train_again(folder: Path) -> str:
    """Return the command that makes the artifact in `folder` anew."""
    return f"Train again: ml train --target {folder.parent.name}"
