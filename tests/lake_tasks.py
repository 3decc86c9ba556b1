"""Tasks that engines run in other processes, which import this module and not pytest."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from ml.workspace.errors import NotBuilt

BUCKETS = 5
EMPTY = 3
SCHEMA = pa.schema(
    [
        ("_file", pa.string()),
        ("_row", pa.int64()),
        ("bucket", pa.int32()),
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("tiny", pa.int8()),
        ("small", pa.int16()),
        ("middle", pa.int32()),
        ("large", pa.int64()),
        ("single", pa.float32()),
        ("double", pa.float64()),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us")),
        ("bytes", pa.binary()),
        ("vector", pa.list_(pa.float32())),
        ("words", pa.list_(pa.string())),
        ("money", pa.decimal128(18, 2)),
        ("content", pa.decimal128(38, 0)),
    ]
)
KINDS = SCHEMA.names[3:]
# Names whose order by bytes is neither that of a language nor that of UTF-16.
FILES = ("z", "Z", "a b", "ä", "\ue000", "\U0001f600", "")


@dataclass(frozen=True)
class Returns:
    """Answers its number, the later the smaller it is."""

    number: int

    def __call__(self) -> int:
        time.sleep(0.05 * (4 - self.number % 5))
        return self.number


@dataclass(frozen=True)
class Process:
    """Answers the number of its process."""

    def __call__(self) -> int:
        return os.getpid()


@dataclass(frozen=True)
class Refuses:
    """Raises an error of a person."""

    def __call__(self) -> None:
        raise NotBuilt("There is no warehouse.", "dbt build", target="churn")


@dataclass(frozen=True)
class Breaks:
    """Raises another error."""

    def __call__(self) -> None:
        raise ZeroDivisionError("a share of nothing")


@dataclass(frozen=True)
class Sleeps:
    """Takes longer than a test may, unless it is ended; says that it began."""

    marker: Path

    def __call__(self) -> None:
        self.marker.write_text(str(os.getpid()))
        time.sleep(120)


@dataclass(frozen=True)
class Dies:
    """Kills its process the first `times` that it is called, and counts them in a file.

    `generations` says whose process: 0 its own, 1 the parent's, 2 that one's parent.
    """

    marker: Path
    times: int = 1
    generations: int = 0

    def __call__(self) -> int:
        calls = len(self.marker.read_text()) if self.marker.exists() else 0
        self.marker.write_text("." * (calls + 1))
        if calls < self.times:
            os.kill(ancestor(self.generations), signal.SIGKILL)
            time.sleep(60)
        return calls + 1


def ancestor(generations: int) -> int:
    process = os.getpid()
    for _ in range(generations):
        stat = Path(f"/proc/{process}/stat").read_text()
        process = int(stat.rpartition(")")[2].split()[1])
    return process


@dataclass(frozen=True)
class Package:
    """Answers where the package ml was found."""

    def __call__(self) -> str:
        import ml

        return str(ml.__file__)


def value(name: str, number: int) -> object:
    """A value of each type; every third is null, and the first are the extremes."""
    if number % 3 == 2:
        return None
    chosen = {
        "text": ("", "a'\"\\\n\0", "Ärger \U0001f600"),
        "flag": (True, False, True),
        "tiny": (-128, 127, 0),
        "small": (-(2**15), 2**15 - 1, 0),
        "middle": (-(2**31), 2**31 - 1, 0),
        "large": (-(2**63), 2**63 - 1, 0),
        "single": (float("nan"), -0.0, 0.1),
        "double": (float("-inf"), -0.0, 0.1),
        "day": (date(1, 1, 1), date(9999, 12, 31), date(1582, 10, 10)),
        "moment": (
            datetime(1, 1, 1),
            datetime(9999, 12, 31, 23, 59, 59, 999999),
            datetime(2024, 3, 31, 2, 30),
        ),
        "bytes": (b"", b"\0\xff'", b"abc"),
        "vector": ([], [1.5, None, float("nan")], [-0.0]),
        "words": ([], ["", None, "ä"], ["a,b"]),
        "money": (Decimal("-1234567890123456.78"), Decimal("0.01"), Decimal("0.00")),
        "content": (Decimal(10**38 - 1), Decimal(-(10**38) + 1), Decimal(0)),
    }[name]
    return chosen[number // 3 % 3]


@dataclass(frozen=True)
class Rows:
    """Yields rows of one file in a mixed order; no row goes to the bucket EMPTY."""

    file: str
    count: int

    def __call__(self) -> Iterator[pa.RecordBatch]:
        numbers = sorted(range(self.count), key=lambda n: n * 7919 % 104729)
        for start in range(0, self.count, 17):
            part = numbers[start : start + 17]
            columns = {
                "_file": [self.file] * len(part),
                "_row": part,
                "bucket": [(0, 1, 2, 4)[number % 4] for number in part],
            } | {name: [value(name, number) for number in part] for name in KINDS}
            yield pa.record_batch(columns, schema=SCHEMA)


@dataclass(frozen=True)
class Fails:
    """Yields rows, then raises an error of a person."""

    def __call__(self) -> Iterator[pa.RecordBatch]:
        yield from Rows("b", 40)()
        raise NotBuilt("There is no file b.", "")


@dataclass(frozen=True)
class DiesOnce:
    """Yields rows; kills a process after the first of them the first time, as Dies does."""

    marker: Path
    generations: int = 0

    def __call__(self) -> Iterator[pa.RecordBatch]:
        for batch in Rows("a", 60)():
            yield batch
            if not self.marker.exists():
                self.marker.touch()
                os.kill(ancestor(self.generations), signal.SIGKILL)
                time.sleep(60)


@dataclass(frozen=True)
class Keep:
    """Writes a bucket's rows as an Arrow file; answers the bucket and how many there were."""

    folder: Path

    def __call__(self, bucket: int, batches: Iterator[pa.RecordBatch]) -> tuple[int, int]:
        rows = 0
        schema = pa.schema([field for field in SCHEMA if field.name != "bucket"])
        place = self.folder / f"{bucket}.arrow"
        with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        return bucket, rows


@dataclass(frozen=True)
class First:
    """Reads only the first batch of a bucket."""

    def __call__(self, bucket: int, batches: Iterator[pa.RecordBatch]) -> int:
        return next(batches).num_rows


@dataclass(frozen=True)
class RefusesBucket:
    """Raises an error of a person for one bucket."""

    def __call__(self, bucket: int, batches: Iterator[pa.RecordBatch]) -> None:
        if bucket == 2:
            raise NotBuilt("Bucket 2 is not built.", "")
