"""Models as runs of MLflow, for those who keep their experiments there: an optional package."""

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.registry.card import Card, Member, Tried
from ml.workspace import extras
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace, without_telemetry

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


PARENT, CHAMPION = "mlflow.parentRunId", "champion"


def refuse_absent() -> None:
    """Raise AlmanacError unless MLflow is installed."""
    if find_spec("mlflow") is None:
        raise AlmanacError("mlflow is not installed.", extras.advice("mlflow"))


def address(ws: Workspace) -> str:
    """Return MLflow's name for the workspace's runs, a SQLite file."""
    return f"sqlite:///{_file(ws)}"


def log(ws: Workspace, folder: Path, card: Card, tried: Tried = ()) -> None:
    """Log a model as a run of the experiment named after its target; once is enough.

    The run has the card's settings as parameters, its metrics, and all files of the folder; a run
    below it has each candidate that was `tried`. It is a version of the registered model that has
    the target's name; the version with the alias `champion` is the target's champion.
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
    for number, (candidate, auc) in enumerate(tried, 1):
        name, tags = f"trial {number}: {candidate.family}", {PARENT: run}
        trial = client.create_run(experiment, run_name=name, tags=tags).info.run_id
        _log_candidate(client, trial, candidate, auc)
    _register(client, card, run)
    client.set_terminated(run)


def _log_candidate(client: "MlflowClient", run: str, tried: Member, auc: float) -> None:
    """Log a candidate with its ROC-AUC out of fold."""
    client.log_param(run, "family", tried.family)
    for key, setting in {"sampling": tried.sampling, **tried.parameters}.items():
        client.log_param(run, key, setting)
    client.log_metric(run, "cv.roc_auc", auc)
    client.set_terminated(run)


def _register(client: "MlflowClient", card: Card, run: str) -> None:
    """Make the run's model a version of the registered model that has the target's name."""
    if not client.search_registered_models(f"name = '{card.target}'"):
        client.create_registered_model(card.target)
    source = f"{client.get_run(run).info.artifact_uri}/model"
    client.create_model_version(card.target, source, run, tags={"model_id": card.model_id})


def mark_champion(ws: Workspace, target: str, model_id: str | None) -> None:
    """Give the alias `champion` to the version of the target's champion, and to no other.

    A champion that was not logged has no version. Nothing happens where nothing was ever logged,
    or where MLflow is not installed.
    """
    if not _file(ws).exists() or find_spec("mlflow") is None:
        return
    client = _client(ws)
    found = client.search_model_versions(f"name = '{target}'")
    versions = {each.tags.get("model_id"): each.version for each in found}
    if model_id in versions:
        client.set_registered_model_alias(target, CHAMPION, versions[model_id])
    elif versions:
        client.delete_registered_model_alias(target, CHAMPION)


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


def _file(ws: Workspace) -> Path:
    return ws.home / "mlflow.db"


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
