"""Tasks as Spark's tasks, and exchanges as its shuffle."""

import logging
import pickle
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from ml.lake.engines.answers import lost, value_of
from ml.lake.engines.batches import BUCKET, ORDER, Source, check_schema
from ml.lake.engines.executors import ANSWERS, Call, Failures, check_duckdb, read, write_buckets
from ml.lake.engines.fit_rows import FIT_ROWS, FitRows, check_xgboost
from ml.lake.engines.session import ATTEMPTS, Session, reason_of
from ml.workspace.errors import AlmanacError
from ml.workspace.faults import Refused, fault_of
from ml.workspace.progress import Progress

T = TypeVar("T")
Write = Callable[[int, Iterator[pa.RecordBatch]], T]
# Seconds between two looks at the progress, and at failures.
LOOK = 0.2
# What Spark says of a task whose process ended.
DEATHS = ("Python worker exited unexpectedly", "ExecutorLostFailure")
# What it may say of one whose tasks talk to each other.
CUT_OFF = ("Connection reset", "SocketException", "EOFException", "src/collective/")
# How often such tasks are tried, all of them at once.
TRIES = 3


class Spark:
    """The engine of a cluster, or of this machine by `local[*]`."""

    def __init__(self, master: str) -> None:
        """Start Spark and look at the executors.

        Raises:
            BadInput: Java is missing, the master does not answer or gives no executors, or these
                have another DuckDB.
        """
        self._session = Session(master)
        self._context = self._session.spark.sparkContext
        try:
            self._check_executors()
        except BaseException:
            self.close()
            raise

    def run(self, words: str, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return what the tasks return, in their order; see `Engine.run`."""
        if not tasks:
            return []
        call = self._call()
        rows = self._context.parallelize([pickle.dumps(task) for task in tasks], len(tasks))
        answers: list[bytes] = self._watched(words, rows.map(call).collect, call)
        return [value_of(answer) for answer in answers]

    def exchange(  # noqa: PLR0913
        self,
        words: str,
        sources: Sequence[Source],
        schema: pa.Schema,
        *,
        buckets: int,
        write: Write[T],
        scratch: Path,
    ) -> list[T]:
        """Bring the rows of the sources to their buckets; see `Engine.exchange`.

        Spark keeps the rows on the way in its own folders (`spark.local.dir`), not in `scratch`.
        """
        check_schema(schema)
        if not sources:
            return []
        call = self._call()
        packed = [pickle.dumps(source) for source in sources]
        rows = self._mapped(
            self._session.spark.range(0, len(sources), 1, len(sources)),
            partial(read, call=call, sources=packed, schema=schema, buckets=buckets),
            schema,
        )
        placed = rows.repartition(buckets, self._place(buckets)).sortWithinPartitions(
            BUCKET, *ORDER
        )
        writing = partial(write_buckets, call=call, write=pickle.dumps(write), schema=schema)
        answers = self._watched(words, self._mapped(placed, writing, ANSWERS).collect, call)
        found: dict[int, bytes] = {row[0]: bytes(row[1]) for row in answers}
        return [value_of(found[bucket]) for bucket in sorted(found)]

    def xgboost(
        self, rows: FitRows, parameters: Mapping[str, Any], rounds: int, seed: int
    ) -> bytes:
        """Return XGBoost's JSON of a booster of so many trees, fitted by all executors at once.

        Raises:
            AlmanacError: as `run`, or the executors have no xgboost.
        """
        from xgboost.spark import SparkXGBRegressor

        # It would tell on the terminal of each step.
        logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)
        workers, words = self._slots(), "xgboost on the executors"
        self.run(words, [check_xgboost] * workers)
        numbers = self._session.spark.range(0, rows.count, 1, workers)
        frame = numbers.mapInArrow(rows.batches, FIT_ROWS)
        # The class of classifiers would read all rows once more, to count the labels' values.
        estimator = SparkXGBRegressor(
            features_col="features",
            label_col="label",
            weight_col="weight",
            num_workers=workers,
            n_estimators=rounds,
            random_state=seed,
            verbose=False,
            **parameters,
        )

        def fit() -> list[bytearray]:
            return [estimator.fit(frame).get_booster().save_raw("json")]

        for _ in range(TRIES):
            try:
                (booster,) = self._watched(words, fit, self._call())
            except AlmanacError as error:
                # Spark does not try tasks again that wait for each other.
                if not any(each in str(error.__cause__) for each in (*DEATHS, *CUT_OFF)):
                    raise
                lost_it = error
            else:
                return bytes(booster)
        raise AlmanacError(
            f"{words}: a process of an executor ended, each of {TRIES} times "
            f"({reason_of(lost_it)}); most likely its memory ran out.",
            "Give executors more memory (spark.executor.memoryOverhead), or use more of them "
            "(docs/scaling.md), then run the command again.",
        ) from lost_it

    def _slots(self) -> int:
        """Return how many tasks run at once."""
        context = self._context._jsc.sc()
        profile = context.resourceProfileManager().defaultResourceProfile()
        return int(context.maxNumConcurrentTasks(profile))

    def close(self) -> None:
        """End the session and every process that it started."""
        self._session.close()

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the engine."""
        self.close()

    def _call(self) -> Call:
        failures = self._context.accumulator([], Failures())
        return Call(failures, self._attempts(), duckdb.__version__)

    def _attempts(self) -> int:
        """Return how often Spark tries a task."""
        local = re.fullmatch(r"local\[[^,]*,\s*(\d+)\]", str(self._context.master))
        return int(local[1] if local else str(self._context.getConf().get(ATTEMPTS)))

    def _check_executors(self) -> None:
        """Let every executor there is compare its DuckDB with ours; each task does so again."""
        count = self._context.defaultParallelism
        call = self._call()
        task = pickle.dumps(partial(check_duckdb, duckdb.__version__))
        rows = self._context.parallelize([task] * count, count).map(call)
        try:
            answers = self._session.within(
                rows.collect, f"Spark's master {self._session.master} gives no executor"
            )
        except AlmanacError:
            raise
        except Exception as error:
            what = f"Python does not start on the executors of {self._session.master}"
            raise self._session.refused(what, error) from error
        for answer in answers:
            value_of(answer)

    def _mapped(
        self,
        rows: DataFrame,
        function: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]],
        schema: pa.Schema,
    ) -> DataFrame:
        nullable = pa.schema([field.with_nullable(True) for field in schema])
        kinds: StructType = from_arrow_schema(nullable, prefer_timestamp_ntz=True)
        return rows.mapInArrow(function, kinds)

    def _place(self, buckets: int) -> Any:  # noqa: ANN401
        """Return a column whose hash brings every bucket to a partition of its own.

        Spark places rows by a hash of a column: of the buckets themselves several would meet in
        one partition. This looks up, for each bucket, a number that Spark places where no other is.
        """
        tried = self._session.spark.range(40 * buckets + 1000).select(
            F.col("id").cast("int"), F.pmod(F.hash(F.col("id").cast("int")), F.lit(buckets))
        )
        places: dict[int, int] = {row[1]: row[0] for row in tried.collect()}
        numbers = [places.get(bucket, bucket) for bucket in range(buckets)]
        return F.element_at(F.lit(numbers), F.col(BUCKET) + 1)

    def _watched(self, words: str, action: Callable[[], list[Any]], call: Call) -> list[Any]:
        """Return what an action of Spark returns, with its progress; the first failure ends it."""
        group = uuid.uuid4().hex

        def act() -> list[Any]:
            self._context.setJobGroup(group, words)
            return action()

        with Progress(desc=words, unit="task") as bar:
            answers = self._session.submitted(act)
            try:
                while wait([answers], LOOK).not_done and not call.failures.value:
                    self._show(bar, group)
                self._show(bar, group)
            finally:
                self._end(answers, group)
        if call.failures.value:
            value_of(call.failures.value[0])
        try:
            return answers.result()
        except Exception as error:
            raise self._explained(words, error) from error

    def _show(self, bar: Progress, group: str) -> None:
        tracker = self._context.statusTracker()
        jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
        stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
        bar.total = sum(stage.numTasks for stage in stages if stage)
        bar.n = sum(stage.numCompletedTasks for stage in stages if stage)
        bar.refresh()

    def _end(self, answers: Future[list[Any]], group: str) -> None:
        while not answers.done():
            self._context.cancelJobGroup(group)
            wait([answers], LOOK)

    def _explained(self, words: str, error: Exception) -> AlmanacError:
        """Return an error of Spark as one of a person."""
        text = str(error)
        found = re.search(r"Task (\d+) in stage \S+ failed (\d+) times", text)
        if found and any(death in text for death in DEATHS):
            ends = re.search(rf"({'|'.join(DEATHS)})[^.\n]*", text)
            return lost(words, f"task {int(found[1]) + 1}", ends[0] if ends else "")
        said = f"Spark's words are in {self._session.keep_log()}."
        if fault := fault_of(error):
            return Refused(
                f"{words}: Spark cannot write on an executor: {fault.what} ({reason_of(error)}).",
                f"{fault.next.format(place='<spark.local.dir>')}, where spark.local.dir says "
                f"(docs/scaling.md), then run the command again. {said}",
            )
        return AlmanacError(
            f"{words}: Spark gave up: {reason_of(error)}",
            said,
        )
