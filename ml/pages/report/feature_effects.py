"""What drives a model, as its artifact keeps it: features by weight, and what values did."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ml.pages.report.curves import Floats
from ml.registry.artifact import CONTRIBUTIONS, IMPORTANCE, Artifact
from ml.workspace.errors import AlmanacError, NotTrained

TOP_FEATURES = 20


@dataclass(frozen=True)
class Importance:
    """One feature: its share of all contributions, its direction and its meaning."""

    feature: str
    share: float
    direction: str
    description: str


@dataclass(frozen=True)
class Driver:
    """One feature in a sample of rows: its values (NaN where missing), and what each of them did.

    Contributions are to the log-odds.
    """

    feature: str
    value: Floats
    contribution: Floats


def read_importance(artifact: Artifact) -> tuple[Importance, ...]:
    """Return the features that matter most, each with its share of all contributions."""
    try:
        entries = artifact.importance()
    except (OSError, ValueError) as error:
        raise unreadable(artifact, IMPORTANCE, error) from error
    ranked = sorted(entries, key=lambda entry: -float(entry["importance"]))[:TOP_FEATURES]
    return tuple(
        Importance(
            str(entry["feature"]),
            float(entry["importance"]),
            str(entry["direction"]),
            str(entry.get("description") or ""),
        )
        for entry in ranked
        if float(entry["importance"]) > 0
    )


def read_drivers(artifact: Artifact) -> tuple[Driver, ...]:
    """Return the features whose contributions are kept, those that move nothing left out."""
    try:
        table = artifact.contributions()
    except (OSError, pa.ArrowException) as error:
        raise unreadable(artifact, CONTRIBUTIONS, error) from error
    if table is None:
        return ()
    found = (
        Driver(
            str(feature),
            rows["value"].to_numpy(np.float64),
            rows["contribution"].to_numpy(np.float64),
        )
        for feature, rows in table.to_pandas().groupby("feature", sort=False)
    )
    return tuple(each for each in found if each.contribution.any())


def unreadable(artifact: Artifact, file: str, error: Exception) -> AlmanacError:
    """Return what is said where a file of the artifact cannot be read."""
    again = f"Train again: ml train --target {artifact.folder.parent.name}"
    return NotTrained(f"{artifact.folder / file} cannot be read: {error}", again)
