"""Tasks on the cores of this machine, each in a process of its own.

A process a task returns its memory to the system, and one that the system kills takes no other
task along. Processes are forked from one that has the libraries loaded and runs nothing: DuckDB
and threads do not survive a fork.
"""

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.lake.connection import task_connection
from ml.lake.engines.answers import ATTEMPTS, answer_of, done, lost, packed, value_of
from ml.lake.engines.batches import (
    BUCKET,
    ORDER,
    ROWS,
    Source,
    check_schema,
    checked,
    written_schema,
)
from ml.workspace.files import fresh_folder
from ml.workspace.progress import Progress
from ml.workspace.sql import literal, no_glob, quoted

T = TypeVar("T")
Write = Callable[[int, Iterator[pa.RecordBatch]], T]
FORK = multiprocessing.get_context("forkserver")
# What every process needs, loaded once.
LOADED = ["duckdb", "pyarrow.parquet", "ml.lake.bucket", "ml.lake.landed"]
# Seconds that a process may take to end after its answer, and between two looks at the progress.
PATIENCE = 10.0
LOOK = 1.0
# The file of a source below its folder, and how many rows of it are put in runs at once.
PIECE = "rows.parquet"
ROWS_AT_ONCE = 500_000


class Processes:
    """The engine of one machine: as many tasks at a time as this process may use cores."""

    def __init__(self, bucket_memory: str) -> None:
        """Take the memory that DuckDB may use in a task of an exchange, as `4GB`."""
        self._memory = bucket_memory
        self._cores = len(os.sched_getaffinity(0))
        FORK.set_forkserver_preload(LOADED)

    def run(self, words: str, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return what the tasks return, in their order.

        Raises:
            AlmanacError: a task raised it, or lost its process again and again.
            Exception: a task raised it; its cause is the traceback of the task's process.
        """
        work = _Work(words, tasks)
        with Progress(total=len(tasks), desc=words, unit="task") as bar:
            try:
                while work.goes_on():
                    work.start(self._cores)
                    bar.update(work.collect())
                    bar.refresh()
            finally:
                work.stop()
        return [work.values[number] for number in range(len(tasks))]

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

        Sources write Parquet files below `scratch`, whose parts know which buckets they hold.
        """
        check_schema(schema)
        scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="exchange-", dir=scratch))
        try:
            found = self.run(
                f"{words}: rows to buckets",
                [
                    partial(_spill, source, schema, buckets, folder / str(number))
                    for number, source in enumerate(sources)
                ],
            )
            return self.run(
                f"{words}: buckets",
                [
                    partial(_write_bucket, write, bucket, schema, folder, self._memory)
                    for bucket in sorted(set().union(*found))
                ],
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Do nothing: the processes of a run end with it."""

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the engine."""
        self.close()


@dataclass(frozen=True)
class _Worker:
    """The process that does a task, for which time, and where its answer comes from."""

    number: int
    attempt: int
    process: ForkServerProcess
    answers: Connection

    def answer(self) -> bytes | None:
        """Return the answer and end the process; None where it ended without one."""
        try:
            return self.answers.recv_bytes()
        except (EOFError, OSError):
            return None
        finally:
            self.answers.close()
            self.process.join(PATIENCE)
            self.process.kill()
            self.process.join()

    def end(self) -> str:
        """Say how the process ended."""
        code = self.process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class _Work:
    """The tasks of one run: which wait, which are being done, and the values of the others."""

    def __init__(self, words: str, tasks: Sequence[Callable[[], Any]]) -> None:
        self.values: dict[int, Any] = {}
        self._words = words
        self._tasks = tasks
        self._waiting = deque((number, 1) for number in range(len(tasks)))
        self._workers: dict[Connection, _Worker] = {}

    def goes_on(self) -> bool:
        return len(self.values) < len(self._tasks)

    def start(self, most: int) -> None:
        """Start waiting tasks until `most` are being done."""
        while self._waiting and len(self._workers) < most:
            number, attempt = self._waiting.popleft()
            answers, answering = FORK.Pipe(duplex=False)
            task = pickle.dumps(self._tasks[number])
            process = FORK.Process(target=_do, args=(task, answering))
            process.start()
            # Only the worker may hold this end: the other one then closes when it dies.
            answering.close()
            self._workers[answers] = _Worker(number, attempt, process, answers)

    def collect(self) -> int:
        """Wait a moment for answers; return how many tasks were done."""
        before = len(self.values)
        for answers in wait(list(self._workers), timeout=LOOK):
            worker = self._workers.pop(cast("Connection", answers))
            answer = worker.answer()
            if answer is not None:
                self.values[worker.number] = value_of(answer)
            elif worker.attempt < ATTEMPTS:
                self._waiting.append((worker.number, worker.attempt + 1))
            else:
                task = f"task {worker.number + 1} of {len(self._tasks)}"
                raise lost(self._words, task, worker.end())
        return len(self.values) - before

    def stop(self) -> None:
        """End the processes of tasks that are still being done."""
        for worker in self._workers.values():
            worker.process.kill()
        for worker in self._workers.values():
            worker.process.join()
            worker.answers.close()
        self._workers.clear()


def _do(task: bytes, answering: Connection) -> None:
    """Do a task in this process, which has no other, and send its answer."""
    # An interrupt is for the process that waits: it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answering.send_bytes(packed(answer_of(partial(done, task))))
    sys.stdout.flush()
    # Without the end of the interpreter, in which DuckDB counts what other threads still hold.
    os._exit(0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _spill(source: Source, schema: pa.Schema, buckets: int, folder: Path) -> set[int]:
    """Write the rows of a source to a file in `folder`, in runs by bucket; return the buckets."""
    found: set[int] = set()
    with (
        fresh_folder(folder) as place,
        pq.ParquetWriter(place / PIECE, schema, compression="lz4") as file,
    ):
        for rows in _chunks(checked(source, schema, buckets)):
            bucket_of = rows[BUCKET].to_numpy()
            by_bucket = rows.take(pa.array(np.argsort(bucket_of, kind="stable")))
            file.write_table(by_bucket, row_group_size=ROWS)
            found |= set(np.unique(bucket_of).tolist())
    return found


def _chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows in tables of about ROWS_AT_ONCE."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _write_bucket(write: Write[T], bucket: int, schema: pa.Schema, folder: Path, memory: str) -> T:
    """Return what `write` makes of the rows of a bucket, all of its pieces in one order."""
    pieces = sorted(folder.glob(f"*/{PIECE}"))
    files = ", ".join(literal(no_glob(str(piece))) for piece in pieces)
    kept = written_schema(schema)
    names = ", ".join(quoted(name) for name in kept.names)
    query = (
        f"select {names} from read_parquet([{files}], hive_partitioning = false) "
        f"where {BUCKET} = {bucket} order by {', '.join(ORDER)}"
    )
    with task_connection(memory, folder, keep_order=False) as connection:
        # Of a relation, unlike of an executed query, DuckDB streams the rows.
        rows = connection.sql(query).to_arrow_reader(ROWS)
        return write(bucket, (batch.cast(kept) for batch in rows if batch.num_rows))
