"""Models as runs of MLflow, for those who keep their experiments there: an optional package."""

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.registry.card import Card
from ml.workspace import extras
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace, without_telemetry

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def refuse_absent() -> None:
    """Raise AlmanacError unless MLflow is installed."""
    if find_spec("mlflow") is None:
        raise AlmanacError("mlflow is not installed.", extras.advice("mlflow"))


def address(ws: Workspace) -> str:
    """Return MLflow's name for the workspace's runs, a SQLite file."""
    return f"sqlite:///{ws.home / 'mlflow.db'}"


def log(ws: Workspace, folder: Path, card: Card) -> None:
    """Log a model as a run of the experiment named after its target; once is enough.

    The run has the card's settings as parameters, its metrics, and all files of the folder.
    """
    client = _client(ws)
    experiment = _experiment(client, ws, card.target)
    name = card.model_id
    if client.search_runs([experiment], f"tags.model_id = '{name}' and status = 'FINISHED'"):
        return
    run = client.create_run(experiment, run_name=name, tags={"model_id": name}).info.run_id
    for key, setting in parameters(card):
        client.log_param(run, key, setting)
    for key, value in metrics(card):
        client.log_metric(run, key, value)
    client.log_artifacts(run, str(folder), "model")
    client.set_terminated(run)


def parameters(card: Card) -> Iterator[tuple[str, Any]]:
    """Yield what the model is and what it was made of; members by their place and family."""
    yield from (
        (name, getattr(card, name)) for name in ("family", "dataset", "criterion", "trials")
    )
    yield "features", len(card.features)
    for place, member in enumerate(card.members, 1):
        settings = {"sampling": member.sampling, **member.parameters}
        for name, value in settings.items():
            yield f"{place}.{member.family}.{name}", value


def metrics(card: Card) -> Iterator[tuple[str, float]]:
    """Yield each metric by its rows, such as `test.roc_auc`; none that is undefined."""
    for part, measured in card.metrics.items():
        for metric in measured.metrics:
            if metric.value is not None:
                yield f"{part}.{metric.name}", metric.value


def _client(ws: Workspace) -> "MlflowClient":
    without_telemetry()
    from mlflow.tracking import MlflowClient

    # It tells of every table that it makes.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(address(ws))


def _experiment(client: "MlflowClient", ws: Workspace, target: str) -> str:
    found = client.get_experiment_by_name(target)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(target, (ws.home / "mlflow" / target).as_uri()))
