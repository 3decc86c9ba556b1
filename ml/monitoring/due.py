"""Which champions are due for training again, and why."""

from dataclasses import dataclass

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
    return [each for target in targets if (each := _due(ws, target, found))]


def _due(ws: Workspace, target: str, month: Month) -> Due | None:
    try:
        champion = artifact.champion(ws, target)
    except AlmanacError:
        return None
    for finding in month.findings:
        if (finding.kind, finding.status) == ("outcome", ALARMED) and finding.names == (
            target,
            champion.model_id,
        ):
            return Due(target, champion.model_id, f"{finding.text}; {finding.cause}")
    inputs = alarmed_inputs(champion.folder, alarmed_causes(month.findings))
    if inputs is None or not inputs.tells:
        return None
    why = (
        f"{inputs.count} of its inputs, {inputs.share:.0%} of its importance, are alarmed, "
        f"{inputs.strongest} first; {inputs.cause}"
    )
    return Due(target, champion.model_id, why)
