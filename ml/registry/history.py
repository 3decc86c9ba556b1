"""What happened to a target's models: trained, promoted, rolled back; in one file beside them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ml.workspace.errors import NotTrained
from ml.workspace.files import locked, write_json

HISTORY = "history.json"
What = Literal["trained", "promoted", "rolled back"]


@dataclass(frozen=True)
class Event:
    """What happened to a model, when (UTC, to the second) and why; rolled back: given its place."""

    what: What
    model_id: str
    why: str = ""
    at: str = ""


def read(folder: Path) -> list[Event]:
    """Return the events of the target whose models lie in `folder`, in order; none without a file.

    Raises:
        AlmanacError: the file is not the one that was written.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        return [Event(**event) for event in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise NotTrained(
            f"{path} is not a history of models: {error}",
            "Set it aside, then name the champion, one of `ml models`: "
            f"mv {path} {path}.damaged && ml promote <model id>",
            target=folder.name,
        ) from error


def add(folder: Path, *happened: Event) -> None:
    """Add events of this second; a reader sees the file before or after, never half of it."""
    with locked(folder):
        now = datetime.now(UTC).isoformat(timespec="seconds")
        events = [*read(folder), *(replace(event, at=now) for event in happened)]
        write_json(folder / HISTORY, [asdict(event) for event in events])


def champions(events: Sequence[Event]) -> list[str]:
    """Return the models that have the reigning champion's place or had it before, it the last.

    Rolling back gives the place to the one before, and takes the later one off the list.
    """
    reigns: list[str] = []
    for event in events:
        if event.what == "promoted":
            reigns.append(event.model_id)
        elif event.what == "rolled back" and len(reigns) > 1:
            reigns.pop()
    return reigns


def trained_at(events: Sequence[Event], model_id: str) -> str:
    """Return when the model was last trained, `""` where that is not recorded."""
    moments = [e.at for e in events if e.what == "trained" and e.model_id == model_id]
    return moments[-1] if moments else ""
