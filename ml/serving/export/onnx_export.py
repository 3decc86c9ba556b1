"""Export of a champion as ONNX; refused unless ONNX Runtime and artifact answer alike."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ml.data.training_set import Matrix, Vector
from ml.registry import artifact
from ml.serving.export.comparison import Exported, compared
from ml.workspace import extras
from ml.workspace.errors import AlmanacError
from ml.workspace.files import fresh_file
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

# XGBoost adds its leaves in 32 bits; all others agree to about 1e-15.
TOLERANCE = 1e-6


def export_onnx(ws: Workspace, target: Target, folder: Path) -> Exported:
    """Write the target's champion into `folder` as `<model id>.onnx`.

    Before that, ONNX Runtime and artifact are compared on the scoring population of today and on
    probe rows with nulls and with values unseen in training.

    Raises:
        AlmanacError: the extra is not installed, no champion, a model that cannot be written as
            ONNX, or different results.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise AlmanacError(f"{' and '.join(missing)} not installed.", extras.advice("onnx"))
    import onnxruntime

    from ml.serving.export.onnx_graph import INPUT, onnx_model

    champion = artifact.champion(ws, target.name)
    content = onnx_model(champion).SerializeToString(deterministic=True)
    onnxruntime.disable_telemetry_events()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def answer(matrix: Matrix) -> Vector:
        (found,) = session.run(None, {INPUT: np.ascontiguousarray(matrix, np.float32)})
        return np.asarray(found, dtype=np.float64)

    found = compared(ws, champion, "ONNX", answer, TOLERANCE)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{champion.model_id}.onnx"
    with fresh_file(path) as fresh:
        fresh.write_bytes(content)
    return Exported(champion.model_id, (path,), found.rows, found.largest_difference)
