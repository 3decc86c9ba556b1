"""Training sets of a lake: those that memory does not hold lie in a file, and Spark fits them."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from ml.data.elsewhere import FitSample
from ml.data.mapped import file_of, in_memory, passing
from ml.data.training_set import Matrix
from ml.lake.engines import spark_of
from ml.lake.engines.fit_rows import FitRows
from ml.lake.settings import SECTION, LakeSettings, lake_settings
from ml.lake.shown import ANSWERS, answers
from ml.workspace.errors import BadInput
from ml.workspace.memory import bytes_of, machine_memory
from ml.workspace.settings import Workspace

if TYPE_CHECKING:
    from ml.lake.engines.spark import Spark

# Of the machine's memory, what a training set's matrix takes at most unless the settings say it.
SHARE_OF_MEMORY = 0.5


class TrainingRoom:
    """Where a training set's matrix lies, and what fits models to one that is in a file.

    Within its context one Spark session serves all fits; otherwise each has its own.
    """

    def __init__(self, lake: LakeSettings | None) -> None:
        """Take the settings of the lake; without one every matrix is in memory."""
        self._lake = lake
        self._session: ExitStack | None = None
        self._spark: Spark | None = None

    def __enter__(self) -> Self:
        """Keep what the first fit starts."""
        self._session = ExitStack()
        return self

    def __exit__(self, *error: object) -> None:
        """End what the fits started."""
        if self._session is not None:
            self._session.close()
        self._session = self._spark = None

    @property
    def most_bytes(self) -> int:
        """How large a matrix in memory may be."""
        if self._lake is None or not self._lake.training_memory:
            return int(machine_memory() * SHARE_OF_MEMORY)
        return bytes_of(self._lake.training_memory)

    def matrix(self, shape: tuple[int, int]) -> Matrix:
        """Return a float32 matrix of NaN: in memory, or in a file of the lake if it is too large.

        The file goes when nobody uses the matrix any more.

        Raises:
            AlmanacError: the disk refuses.
        """
        if self._lake is None or 4 * shape[0] * shape[1] <= self.most_bytes:
            return in_memory(shape)
        return passing(self._lake.path / ANSWERS, shape)

    def xgboost(
        self, sample: FitSample, parameters: Mapping[str, Any], rounds: int, seed: int
    ) -> bytes:
        """Return XGBoost's JSON of a classifier that Spark's executors fitted to the sample.

        Each executor reads its share of the rows from the file. The same executors, as many of
        them, give the same trees.

        Raises:
            AlmanacError: the lake's engine is not Spark, or as Spark refuses.
        """
        lake, file = self._lake, file_of(sample.matrix)
        assert lake is not None
        assert file is not None
        if lake.engine != "spark":
            raise BadInput(
                "Only Spark's executors fit what this machine's memory does not hold.",
                "Set `engine: spark` below `lake:` in workspace.yml, or a larger training_memory "
                "(docs/scaling.md).",
            )
        with ExitStack() as own, answers(lake.path) as folder:
            spark = self._spark or (self._session or own).enter_context(spark_of(lake.master))
            if self._session is not None:
                self._spark = spark
            return spark.xgboost(FitRows.written(sample, file, folder), parameters, rounds, seed)


def training_room(ws: Workspace) -> TrainingRoom:
    """Return where the workspace's training sets lie.

    Raises:
        BadInput: a setting of its lake is wrong.
    """
    return TrainingRoom(lake_settings(ws) if SECTION in ws.settings else None)
