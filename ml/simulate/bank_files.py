"""The bank's files: both forms of its streams, the targets and the customers of each fold."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.simulate.bank import Stream
from ml.simulate.latent import PRODUCTS
from ml.simulate.scenario import Block, Doubles, Integers, Scenario

PART = "part-00000.snappy.parquet"
TARGETS = {
    "detail": tuple(f"target_{i + 1}" for i in range(PRODUCTS)),
    "ptls": ("bcard_target", "cred_target", "zp_target", "acquiring_target"),
}
# Values of these hardly repeat: dictionary encoding would only cost time.
UNREPEATED = ("amount", "event_time", "probability")
DAY = 86_400


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet files below `root`: each is opened at its first table; all are closed together.

    `rows` counts the rows written by path.
    """

    root: Path
    rows: dict[str, int] = field(default_factory=dict)
    writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)

    def append(self, path: str, table: pa.Table) -> None:
        """Append `table` to the file at `path` below the root, as a row group of its own."""
        if path not in self.writers:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            self.writers[path] = parquet_writer(self.root / path, table.schema)
        self.writers[path].write_table(table)
        self.rows[path] = self.rows.get(path, 0) + table.num_rows

    def close(self) -> None:
        """Finish all files."""
        for writer in self.writers.values():
            writer.close()


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of snappy Parquet that stores no Arrow schema, as the genuine files do."""
    leaves = ("", ".list.element", ".list.element.list.element")
    plain = [name for name in schema.names if name != "embedding"]
    return pq.ParquetWriter(
        path,
        schema,
        compression="snappy",
        use_dictionary=[
            f"{n}{leaf}" for n in schema.names if n not in UNREPEATED for leaf in leaves
        ],
        # Statistics of embeddings are of no use, and computing them takes time.
        write_statistics=[f"{n}{leaf}" for n in plain for leaf in leaves],
        store_schema=False,
    )


def dictionary_array(indices: NDArray[Any], values: Sequence[str]) -> pa.DictionaryArray:
    """Return `values` taken at `indices` as an Arrow dictionary, which Parquet writes as text."""
    dictionary = pa.array(values, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32)), dictionary)


def client_ids(scenario: Scenario, block: Block) -> list[str]:
    """Return the bank's ids of the block's customers: 64 hexadecimal digits each."""
    numbers = range(block.first, block.first + block.size)
    return [hashlib.sha256(f"{scenario.seed}/{i}".encode()).hexdigest() for i in numbers]


def stream_table(scenario: Scenario, clients: list[str], stream: Stream) -> pa.Table:
    """Return `stream` as a table in the scenario's form: a row an event, or a row a customer."""
    if scenario.form == "ptls":
        return _row_a_client(clients, stream)
    times = pa.array(stream.events.seconds * 1_000_000).cast(pa.timestamp("us"))
    client = dictionary_array(stream.events.customer, clients)
    return pa.table({"client_id": client, "event_time": times, **stream.columns})


def _row_a_client(clients: list[str], stream: Stream) -> pa.Table:
    counts = stream.events.per_customer
    seen = np.flatnonzero(counts)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts[seen])]).astype(np.int32))
    columns = {"event_time": pa.array(stream.events.seconds), **stream.columns}
    lists = {name: pa.ListArray.from_arrays(offsets, each) for name, each in columns.items()}
    return pa.table({"client_id": pa.array(clients).take(pa.array(seen)), **lists})


def target_table(scenario: Scenario, clients: list[str], labels: Integers, trx: Stream) -> pa.Table:
    """Return the labels (n, label months, products) with the columns on earlier transactions."""
    months = np.array(scenario.label_months)
    ends = (scenario.calendar[months] + 1).astype("datetime64[D]") - 1
    rows = np.arange(len(clients) * len(months), dtype=np.int32)
    flat = labels.reshape(-1, PRODUCTS).astype(np.int32)
    count, days = _history(scenario, trx)
    return pa.table(
        {
            "mon": dictionary_array(rows % len(months), ends.astype(str).tolist()),
            **{name: pa.array(flat[:, i]) for i, name in enumerate(TARGETS[scenario.form])},
            "trans_count": pa.array(count.ravel().astype(np.int32)),
            "diff_trans_date": pa.array(days.ravel(), mask=np.isnan(days.ravel())),
            "client_id": dictionary_array(rows // len(months), clients),
        }
    )


def _history(scenario: Scenario, trx: Stream) -> tuple[Integers, Doubles]:
    """Return per label month the transactions so far, and the days since the newest (nan: none).

    Both are as of the label month's first day and count from the month before the first label
    month, as the genuine columns do.
    """
    months = np.array(scenario.label_months)
    window = slice(int(months[0]) - 1, scenario.months)
    counts = trx.events.counts
    last = np.full(counts.size, np.nan)
    filled = np.flatnonzero(counts)
    last[filled] = trx.events.seconds[np.cumsum(counts.ravel())[filled] - 1]
    newest = np.fmax.accumulate(last.reshape(counts.shape)[:, window], axis=1)
    days = np.floor((scenario.starts[months] - newest) / DAY)
    return np.cumsum(counts[:, window], axis=1), np.asarray(days, dtype=np.float64)
