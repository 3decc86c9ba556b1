"""Paths and settings of a workspace; the only module that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ml.workspace.errors import BadInput

# The folder of `ml`, `dbt_project` and `feature_repo`: a checkout, or where pip put them.
REPOSITORY = Path(__file__).resolve().parent.parent.parent
DBT_PROJECT = REPOSITORY / "dbt_project"
# The setting that names the file of the key with which ids are published as hashes.
PUBLISHED_ID_KEY = "published_id_key"


@dataclass(frozen=True)
class Workspace:
    """One company's folders: its raw files, and everything that Almanac makes from them.

    `home` is the workspace's folder, `raw` that of the raw files, `settings` the content of
    workspace.yml, `target` dbt's target folder (None: `target` below `home`).
    """

    home: Path
    raw: Path
    settings: Mapping[str, Any]
    target: Path | None = None

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt writes; Feast and ml read it."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The copy of marts, features and scores that BI tools open."""
        return self.home / "published.duckdb"

    @property
    def manifest(self) -> Path:
        """The dbt manifest of the last build; it describes code, so workspaces may share it."""
        return (self.target or self.home / "target") / "manifest.json"

    @property
    def models(self) -> Path:
        """The folder of model artifacts, `<target>/<model id>/`."""
        return self.home / "models"

    @property
    def datasets(self) -> Path:
        """The folder of kept training sets, `<dataset id>/`."""
        return self.home / "datasets"

    @property
    def truth(self) -> Path:
        """The simulator's latent probabilities; absent for real companies."""
        return self.home / "truth" / "probabilities.parquet"

    @property
    def report(self) -> Path:
        """The page that `ml report` writes."""
        return self.home / "report.html"

    @property
    def profile(self) -> Path:
        """The page that `ml profile` writes."""
        return self.home / "profile.html"

    @property
    def monitoring(self) -> Path:
        """The page that `ml monitor` writes."""
        return self.home / "monitoring.html"

    @property
    def catalogue(self) -> Path:
        """The folder of pages that `ml catalogue` writes."""
        return self.home / "catalogue"

    @property
    def slices(self) -> Path:
        """The values that `ml profile` proposes to declare."""
        return self.home / "slices.yml"


def workspace() -> Workspace:
    """Return the workspace that `ALMANAC_HOME` (and, where set, `ALMANAC_RAW`) names.

    Raises:
        AlmanacError: outside a checkout none is named, or the settings file is not a YAML mapping.
    """
    home = Path(os.environ.get("ALMANAC_HOME") or _own_data()).resolve()
    # Feast changes the working directory before it reads the repository, so make the path absolute.
    os.environ["ALMANAC_HOME"] = str(home)
    return workspace_at(home, os.environ.get("ALMANAC_RAW", ""))


def workspace_at(home: Path, raw: str = "") -> Workspace:
    """Return the workspace at `home`; `raw`, if not empty, overrides its settings."""
    settings = read_settings(home / "workspace.yml")
    folder = raw or str(settings.get("raw") or "raw")
    target = dbt_project() / os.environ.get("DBT_TARGET_PATH", "target")
    try:
        return Workspace(home, (home / folder).resolve(), settings, target)
    except ValueError as error:
        raise BadInput(
            f"The raw folder {folder!r} is no path: {error}.",
            "Correct ALMANAC_RAW, or raw in workspace.yml, then run the command again.",
        ) from error


def dbt_project() -> Path:
    """Return the dbt project's folder: the one that `DBT_PROJECT_DIR` names, or this one's."""
    return Path(os.environ.get("DBT_PROJECT_DIR") or DBT_PROJECT).resolve()


def dbt_profiles() -> Path:
    """Return the folder of `profiles.yml`: the one that `DBT_PROFILES_DIR` names, or this one's."""
    return Path(os.environ.get("DBT_PROFILES_DIR") or DBT_PROJECT).resolve()


def dbt_folders(project: Path) -> tuple[Path, ...]:
    """Return the folders of a dbt project and of the packages that `dbt deps` put into it."""
    return project, *sorted((project / "dbt_packages").glob("*/"))


def feature_repo() -> Path:
    """Return Feast's repository: the one that Feast's own variable names, or this one's."""
    return Path(os.environ.get("FEATURE_REPO_DIR_ENV_VAR") or REPOSITORY / "feature_repo").resolve()


def is_checkout() -> bool:
    """Return whether this code lies in a checkout; there a workspace has a default."""
    return (REPOSITORY / "constraints.txt").exists()


def _own_data() -> Path:
    if is_checkout():
        return REPOSITORY / "data"
    raise BadInput(
        "No workspace is named: ALMANAC_HOME is not set.",
        "In a project's folder: source .envrc\nTo make a project: ml init shop",
    )


def without_telemetry() -> None:
    """Turn off MLflow's telemetry; call this before importing MLflow."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


def share_metrics_in(folder: Path) -> None:
    """Let processes share Prometheus figures in `folder`; call this before importing its client."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def lineage_is_configured() -> bool:
    """Return whether OpenLineage has a configuration in a place where its client looks.

    Raises:
        BadInput: OPENLINEAGE_CONFIG names no file; the client would print events instead.
    """
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    named = os.environ.get("OPENLINEAGE_CONFIG")
    if named and not Path(named).is_file():
        raise BadInput(
            f"OPENLINEAGE_CONFIG names {named}, which is no file.",
            "Correct it, or leave lineage out: unset OPENLINEAGE_CONFIG",
        )
    if named or os.environ.get("OPENLINEAGE_URL"):
        return True
    if any(name.startswith("OPENLINEAGE__TRANSPORT") for name in os.environ):
        return True
    places = (Path.cwd(), Path("~/.openlineage").expanduser())
    return any((place / "openlineage.yml").is_file() for place in places)


def lineage_namespace() -> str:
    """Return the namespace of jobs that OPENLINEAGE_NAMESPACE names; by default `almanac`."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or "almanac"


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with `changes`, for a subprocess."""
    return {**os.environ, **changes}


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in `path`, or none where the file is absent."""
    if not path.exists():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(
            f"{path} is not YAML: {error}", "Correct it, then run the command again."
        ) from error
    if not isinstance(settings, dict):
        raise BadInput(f"{path} must hold `name: value` lines.", "See docs/workspaces.md.")
    return settings
