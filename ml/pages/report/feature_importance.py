"""Feature importance of a model and the contributions of single values, read from its artifact."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ml.pages.report.curves import Floats
from ml.registry.artifact import CONTRIBUTIONS, IMPORTANCE, Artifact
from ml.workspace.errors import AlmanacError, NotTrained

TOP_FEATURES = 20


@dataclass(frozen=True)
class ReportedImportance:
    """One feature: its share of all contributions, its direction (up, down, mixed), its meaning."""

    feature: str
    share: float
    direction: str
    description: str


@dataclass(frozen=True)
class FeatureContributions:
    """One feature in a sample of rows: its values and what each adds to the row's log-odds.

    Both arrays have one entry a row; a missing value is NaN.
    """

    feature: str
    value: Floats
    contribution: Floats


def read_importance(artifact: Artifact) -> tuple[ReportedImportance, ...]:
    """Return the TOP_FEATURES most important features, the most important first.

    Raises:
        AlmanacError: the artifact's file cannot be read.
    """
    try:
        entries = artifact.importance()
    except (OSError, ValueError) as error:
        raise unreadable(artifact, IMPORTANCE, error) from error
    ranked = sorted(entries, key=lambda entry: -float(entry["importance"]))[:TOP_FEATURES]
    return tuple(
        ReportedImportance(
            str(entry["feature"]),
            float(entry["importance"]),
            str(entry["direction"]),
            str(entry.get("description") or ""),
        )
        for entry in ranked
        if float(entry["importance"]) > 0
    )


def read_contributions(artifact: Artifact) -> tuple[FeatureContributions, ...]:
    """Return the contributions that the artifact keeps; features that contribute nothing are out.

    Raises:
        AlmanacError: the artifact's file cannot be read.
    """
    try:
        table = artifact.contributions()
    except (OSError, pa.ArrowException) as error:
        raise unreadable(artifact, CONTRIBUTIONS, error) from error
    if table is None:
        return ()
    found = (
        FeatureContributions(
            str(feature),
            rows["value"].to_numpy(np.float64),
            rows["contribution"].to_numpy(np.float64),
        )
        for feature, rows in table.to_pandas().groupby("feature", sort=False)
    )
    return tuple(each for each in found if each.contribution.any())


def unreadable(artifact: Artifact, file: str, error: Exception) -> AlmanacError:
    """Return the error for a file of the artifact that cannot be read."""
    again = f"Train again: ml train --target {artifact.folder.parent.name}"
    return NotTrained(f"{artifact.folder / file} cannot be read: {error}", again)
