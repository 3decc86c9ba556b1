"""The catalogue of a small company with two models of one target and measured months."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ml.data.feature import Feature
from ml.models import FAMILIES
from ml.pages.catalogue import write_catalogue
from ml.registry import artifact, history
from ml.workspace.settings import Workspace
from tests.cards import card

READ = "spend_amount_sum__3m"
# Two months of a feature as monitoring measures them; the second is far from the reference.
MONTH = {
    "family": "spend", "name": READ, "rows": 100, "null_share": 0.25, "mean": 8.5,
    "deviation": 2.0, "quantiles": [1.0, 2.0, 4.0, 8.0, 16.0],
    "bins": [10, 20, 0, 10, 10, 10, 10, 10, 10, 10, 25], "reference_from": date(2021, 7, 1),
    "reference_until": date(2021, 8, 1), "reference_rows": 200, "reference_customers": 100,
    "reference_null_share": 0.2, "reference_mean": 7.5, "reference_deviation": 2.0,
    "reference_quantiles": [1.0, 2.0, 4.0, 8.0, 16.0],
    "reference_bins": [20] * 10 + [50], "edges": [0.0, 1, 2, 3, 4, 5, 6, 7, 8], "psi": 0.4,
    "psi_noise": 0.05, "jensen_shannon": 0.1, "wasserstein": 0.5,
}  # fmt: skip
METRICS = {"rows": 50, "positives": 5, "metrics": [
    {"name": name, "value": value, "trivial": 0.5, "trivial_is": "chance"}
    for name, value in (("roc_auc", 0.81), ("pr_auc", 0.3), ("brier", 0.2))
]}  # fmt: skip


def crown(ws: Workspace, model_id: str) -> None:
    """Make a model of one feature champion."""
    about = card(
        target="spend_next_month", model_id=model_id, family="logistic", metrics={"test": METRICS},
        features=[Feature(READ, "float", "spend")],
    )  # fmt: skip
    matrix = np.arange(40, dtype=np.float32)[:, None]
    model = FAMILIES["logistic"].fit(matrix, (matrix[:, 0] > 9).astype(np.int8), np.ones(40), 7)
    importance = [{"feature": READ, "importance": 1.0, "direction": "up", "description": ""}]
    records = {artifact.IMPORTANCE: importance, artifact.DATASET: {}}
    folder = artifact.save(ws, about, model, pa.table({"customer_id": ["a"]}), records)
    history.add(
        folder.parent, history.Event("trained", model_id), history.Event("promoted", model_id)
    )


def measure(ws: Workspace) -> None:
    names = ", ".join(["feature_month", *MONTH])
    marks = ", ".join("?" * (1 + len(MONTH)))
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute("delete from monitoring.feature_months")
        for month in (date(2021, 9, 1), date(2021, 10, 1)):
            connection.execute(
                f"insert into monitoring.feature_months ({names}) values ({marks})",
                [month, *MONTH.values()],
            )


@pytest.fixture(scope="module")
def ws(company, tmp_path_factory) -> Workspace:
    """The company with two models of one target, the second champion, and measured months."""
    home = tmp_path_factory.mktemp("catalogue")
    for part in ("warehouse.duckdb", "target", "raw"):
        source = company.home / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, home / part)
    opened = Workspace(home, home / "raw", {}, home / "target")
    crown(opened, "spend_next_month-older")
    crown(opened, "spend_next_month-newer")
    measure(opened)
    return opened


@pytest.fixture(scope="module")
def catalogue(ws) -> Path:
    return write_catalogue(ws, ws.catalogue).page.parent
