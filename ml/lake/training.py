"""Training sets of a lake: those that memory does not hold lie in a file, and Spark fits them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.data.elsewhere import FileSample
from ml.data.mapped import file_of, in_memory, passing
from ml.data.training_set import Matrix
from ml.lake.settings import SECTION, LakeSettings, lake_settings
from ml.lake.shown import answers, answers_below
from ml.workspace.errors import BadInput
from ml.workspace.memory import bytes_of, machine_memory
from ml.workspace.settings import Workspace

# Of the machine's memory, what a training set's matrix takes at most unless the settings say it.
SHARE_OF_MEMORY = 0.5
# A process has one Spark session.
_ALONE = threading.Lock()


@dataclass(frozen=True)
class TrainingRoom:
    """Where a training set's matrix lies, and what fits models to one that is in a file.

    `lake` is None where the workspace has none: then every matrix is in memory.
    """

    lake: LakeSettings | None

    @property
    def most_bytes(self) -> int:
        """How large a matrix in memory may be."""
        if self.lake is None or not self.lake.training_memory:
            return int(machine_memory() * SHARE_OF_MEMORY)
        return bytes_of(self.lake.training_memory)

    def matrix(self, shape: tuple[int, int]) -> Matrix:
        """Return a float32 matrix of NaN: in memory, or in a file of the lake if it is too large.

        The file goes when nobody uses the matrix any more.

        Raises:
            AlmanacError: the disk is full.
        """
        if self.lake is None or 4 * shape[0] * shape[1] <= self.most_bytes:
            return in_memory(shape)
        return passing(answers_below(self.lake.path), shape)

    def xgboost(
        self, sample: FileSample, parameters: Mapping[str, Any], rounds: int, seed: int
    ) -> bytes:
        """Return XGBoost's JSON of a classifier that Spark's executors fitted to the sample.

        Each executor reads its share of the rows from the file. The same executors, as many of
        them, give the same trees.

        Raises:
            AlmanacError: the lake's engine is not Spark, or as Spark refuses.
        """
        lake, file = self.lake, file_of(sample.matrix)
        assert lake is not None
        assert file is not None
        if lake.engine != "spark":
            raise BadInput(
                "Only Spark's executors fit what this machine's memory does not hold.",
                "Set `engine: spark` below `lake:` in workspace.yml, or a larger training_memory "
                "(docs/scaling.md).",
            )
        from ml.lake.engines.fit_rows import FitRows
        from ml.lake.engines.spark import Spark

        with _ALONE, answers(lake.path) as folder, Spark(lake.master) as spark:
            return spark.xgboost(FitRows.written(sample, file, folder), parameters, rounds, seed)


def training_room(ws: Workspace) -> TrainingRoom:
    """Return where the workspace's training sets lie.

    Raises:
        BadInput: a setting of its lake is wrong.
    """
    return TrainingRoom(lake_settings(ws) if SECTION in ws.settings else None)
