"""The log of what was answered: Parquet files, written beside the requests by a thread.

A file holds the answers of one worker between two rotations. Its rows: when, target, model, what
was asked (`score` or `predict`), the moment of the features, a hash of the model's input, the
score; of sampled answers the customer and the input itself too.
"""

import hashlib
import json
import os
import random
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.data.training_set import Matrix
from ml.workspace.errors import AlmanacError
from ml.workspace.files import fresh_file, sweep_folder
from ml.workspace.settings import Workspace

SCHEMA = pa.schema(
    [
        ("answered_at", pa.timestamp("us", "UTC")),
        ("target", pa.string()),
        ("model_id", pa.string()),
        ("asked", pa.string()),
        ("as_of", pa.timestamp("us", "UTC")),
        ("input_hash", pa.string()),
        ("score", pa.float64()),
        ("customer_id", pa.string()),
        ("input", pa.string()),
    ]
)
FOLDER = "answers"
# Answers that wait to be written; a file has about so many rows, or the answers of so many seconds.
MOST_WAITING = 100_000
ROWS_PER_FILE = 50_000
SECONDS_PER_FILE, SECONDS_PER_LOOK = 60.0, 2.0
_HASH_BYTES = 16


@dataclass(frozen=True)
class Answers:
    """Answers of one request: a row of `matrix` (the model's input), a score and an id each."""

    target: str
    model_id: str
    asked: str
    as_of: datetime
    features: Sequence[str]
    matrix: Matrix
    scores: Sequence[float]
    customers: Sequence[str | None]
    at: float = field(default_factory=time.time)


def folder_of(ws: Workspace) -> Path:
    """Return the folder of the log's files."""
    return ws.home / FOLDER


class AnswerLog:
    """Takes answers without waiting; a thread writes them. What does not fit is counted, not kept.

    `lost` counts answers for which there was no room, or which could not be written.
    """

    def __init__(self, ws: Workspace, sampled: float, most_bytes: int) -> None:
        self._folder = folder_of(ws)
        self._sampled, self._most_bytes = sampled, most_bytes
        self._taken: deque[Answers] = deque()
        self._waiting = 0
        self._ended = threading.Event()
        self._chance = random.Random()
        self._files = 0
        self.written = self.lost = 0
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name="answer-log", daemon=True)
        self._thread.start()

    def add(self, answers: Answers) -> None:
        """Take a request's answers; returns at once."""
        if self._waiting >= MOST_WAITING:
            self.lost += len(answers.scores)
            return
        self._waiting += len(answers.scores)
        # The writer looks by itself: waking it would take longer than the request.
        self._taken.append(answers)

    def close(self) -> None:
        """Write all that was taken, and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        since = time.monotonic()
        ended = False
        tables: list[pa.Table] = []
        while not ended:
            ended = self._ended.wait(SECONDS_PER_LOOK)
            try:
                tables += self._table()
            except Exception as error:
                # Whatever an answer holds, the next ones are logged.
                self.problem = f"Answers cannot be logged: {error!r}"
            is_old = time.monotonic() - since > SECONDS_PER_FILE
            if ended or is_old or self._waiting >= ROWS_PER_FILE:
                since = time.monotonic()
                if tables:
                    self._write(pa.concat_tables(tables))
                tables = []

    def _table(self) -> list[pa.Table]:
        """Return what was taken since the last look, as a table if there is any."""
        taken = [self._taken.popleft() for _ in range(len(self._taken))]
        count = sum(len(answers.scores) for answers in taken)
        try:
            rows = [row for answers in taken for row in self._rows(answers)]
            return [pa.Table.from_pylist(rows, SCHEMA)] if rows else []
        except Exception:
            self.lost += count
            self._waiting -= count
            raise

    def _write(self, table: pa.Table) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{self._files:06}.parquet"
            with fresh_file(self._folder / name) as fresh:
                pq.write_table(table, fresh, compression="zstd")
            self._files += 1
            self.written += table.num_rows
            self.problem = ""
            self._remove_oldest()
        except (AlmanacError, OSError) as error:
            self.lost += table.num_rows
            self.problem = f"Answers cannot be written: {error}"
        finally:
            self._waiting -= table.num_rows

    def _rows(self, answers: Answers) -> list[dict[str, object]]:
        at = datetime.fromtimestamp(answers.at, UTC)
        named = zip(answers.matrix, answers.scores, answers.customers, strict=True)
        return [
            {
                "answered_at": at,
                "target": answers.target,
                "model_id": answers.model_id,
                "asked": answers.asked,
                "as_of": answers.as_of,
                "input_hash": input_hash(row),
                "score": score,
                **self._sample(answers.features, row, customer),
            }
            for row, score, customer in named
        ]

    def _sample(
        self, features: Sequence[str], row: Matrix, customer: str | None
    ) -> Mapping[str, str | None]:
        if self._chance.random() >= self._sampled:
            return {}
        known = {
            name: float(value)
            for name, value in zip(features, row, strict=True)
            if not np.isnan(value)
        }
        return {"customer_id": customer, "input": json.dumps(known)}

    def _remove_oldest(self) -> None:
        sweep_folder(self._folder)
        files = sorted(self._folder.glob("*.parquet"))
        sizes = [path.stat().st_size for path in files]
        total = sum(sizes)
        for path, size in zip(files, sizes, strict=True):
            if total <= self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size


def forget_customer(ws: Workspace, customer: str) -> list[tuple[str, int]]:
    """Remove the customer's sampled answers; return the log and how many rows it lost."""
    lost = 0
    for path in sorted(folder_of(ws).glob("*.parquet")):
        table = pq.read_table(path)
        is_other = pc.fill_null(pc.not_equal(table["customer_id"], customer), True)
        left = table.filter(is_other)
        if left.num_rows < table.num_rows:
            lost += table.num_rows - left.num_rows
            with fresh_file(path) as fresh:
                pq.write_table(left, fresh, compression="zstd")
    return [("log of answers", lost)]


def input_hash(row: Matrix) -> str:
    """Return a hash of a model's input: float32 values in the model's order."""
    # Every NaN is the same null.
    values = np.where(np.isnan(row), np.float32("nan"), row).astype("<f4")
    return hashlib.blake2b(values.tobytes(), digest_size=_HASH_BYTES).hexdigest()
