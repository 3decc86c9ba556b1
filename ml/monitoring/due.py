"""Which champions are due for training again, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.monitoring.findings import ALARMED, Month, alarmed_causes
from ml.monitoring.inputs import alarmed_inputs
from ml.registry import artifact
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace


@dataclass(frozen=True)
class Due:
    """A target whose champion is due for training again, and the reason in words."""

    target: str
    model_id: str
    why: str


def due(ws: Workspace, found: Month) -> list[Due]:
    """Return the targets whose champions are due by what a month shows, by name.

    A champion is due where its outcomes are alarmed, or where features that carry a tenth of its
    importance are. A target whose champion cannot be read is left out.
    """
    targets = sorted(path.name for path in ws.models.glob("[!.]*") if path.is_dir())
    causes = alarmed_causes(found.findings)
    return [each for target in targets if (each := _due(ws, target, found, causes))]


def _due(ws: Workspace, target: str, month: Month, causes: Mapping[str, str]) -> Due | None:
    try:
        model_id = artifact.champion_id(ws, target)
        why = _why(ws.models / target / model_id, month, causes) if model_id else None
        if model_id is None or why is None:
            return None
        # To load a model takes far longer than to see that it is not due.
        artifact.champion(ws, target)
    except AlmanacError:
        return None
    return Due(target, model_id, why)


def _why(model: Path, month: Month, causes: Mapping[str, str]) -> str | None:
    """Return why the model in this folder is due; None where it is not."""
    of_model = (model.parent.name, model.name)
    for finding in month.findings:
        if (finding.kind, finding.status, finding.names) == ("outcome", ALARMED, of_model):
            return f"{finding.text}; {finding.cause}"
    inputs = alarmed_inputs(model, causes)
    if inputs is None or not inputs.tells:
        return None
    return (
        f"{inputs.count} of its inputs, {inputs.share:.0%} of its importance, are alarmed, "
        f"{inputs.strongest} first; {inputs.cause}"
    )
