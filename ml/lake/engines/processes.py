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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import duckdb
import pyarrow as pa

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
from ml.workspace.sql import literal, quoted

T = TypeVar("T")
Write = Callable[[int, Iterator[pa.RecordBatch]], T]
FORK = multiprocessing.get_context("forkserver")
# What every process needs, loaded once.
LOADED = ["duckdb", "pyarrow.parquet", "ml.lake.bucket", "ml.lake.landed"]
# Seconds that a process may take to end after its answer, and between two looks at the progress.
PATIENCE = 10.0
LOOK = 1.0


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

        Sources write Parquet files below `scratch`, a folder a source and in it one a bucket.
        """
        check_schema(schema)
        scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="exchange-", dir=scratch))
        try:
            found = self.run(
                f"{words}: rows to buckets",
                [
                    partial(_spill, source, schema, buckets, folder / str(number), self._memory)
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


@contextmanager
def _duckdb(memory: str, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with one thread that sorts more than `memory` on disk, in `scratch`."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": memory,
        "temp_directory": str(scratch / f"sort-{os.getpid()}"),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=settings) as connection:
        yield connection


def _spill(source: Source, schema: pa.Schema, buckets: int, folder: Path, memory: str) -> set[int]:
    """Write the rows of a source below `folder`, a folder a bucket; return the buckets."""
    failures: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        # DuckDB would repeat only the text of an error.
        try:
            yield from checked(source, schema, buckets)
        except Exception as error:
            failures.append(error)
            raise

    with fresh_folder(folder) as pieces, _duckdb(memory, folder.parent) as connection:
        rows = pa.RecordBatchReader.from_batches(schema, batches())
        connection.register("rows", rows)
        options = f"format parquet, partition_by ({BUCKET}), overwrite_or_ignore"
        try:
            connection.execute(f"copy rows to {literal(pieces)} ({options})")
        except duckdb.Error as error:
            raise (failures or [error])[0] from None
    return {int(each.name.partition("=")[2]) for each in folder.iterdir()}


def _write_bucket(write: Write[T], bucket: int, schema: pa.Schema, folder: Path, memory: str) -> T:
    """Return what `write` makes of the rows of a bucket, all of its pieces in one order."""
    files = ", ".join(
        literal(file) for file in sorted(folder.glob(f"*/{BUCKET}={bucket}/*.parquet"))
    )
    kept = written_schema(schema)
    names = ", ".join(quoted(name) for name in kept.names)
    query = (
        f"select {names} from read_parquet([{files}], hive_partitioning = false) "
        f"order by {', '.join(ORDER)}"
    )
    with _duckdb(memory, folder) as connection:
        # Of a relation, unlike of an executed query, DuckDB streams the rows.
        rows = connection.sql(query).to_arrow_reader(ROWS)
        return write(bucket, (batch.cast(kept) for batch in rows if batch.num_rows))
