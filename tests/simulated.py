"""What the simulator wrote, read back as its tests need it."""

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ml.simulate import Simulation, simulate

PART = "part-00000.snappy.parquet"
CUSTOMERS, MONTHS = 500, 7
TRX = ["amount", "event_type", "event_subtype", "currency", "src_type11", "src_type12"]
TRX += ["dst_type11", "dst_type12", "src_type21", "src_type22", "src_type31", "src_type32"]


def simulated(home: Path, form: str = "detail", seed: int = 3) -> Simulation:
    return simulate(home, customers=CUSTOMERS, months=MONTHS, seed=seed, form=form)


def folds(done: Simulation, stream: str) -> pd.DataFrame:
    files = sorted((done.home / "raw" / stream).glob("fold=*/*.parquet"))
    frames = [pq.ParquetFile(file).read().to_pandas() for file in files]
    parts = zip(files, frames, strict=True)
    return pd.concat([frame.assign(fold=file.parent.name[5:]) for file, frame in parts])


def schema(path: Path) -> dict[str, pa.DataType]:
    arrow = pq.ParquetFile(path).schema_arrow
    return dict(zip(arrow.names, arrow.types, strict=True))


def truth(done: Simulation, target: str) -> pd.DataFrame:
    frame = pq.read_table(done.home / "truth" / "probabilities.parquet").to_pandas()
    return frame[frame["target"] == target]


def identities(done: Simulation, source: str) -> pd.Series:
    frame = pd.read_csv(done.home / "raw" / "identities.csv", dtype=str)
    return frame[frame["source"] == source].set_index("source_id")["customer_id"]


def readable_orders(done: Simulation) -> pd.DataFrame:
    """The orders that survive staging: known customer, readable amount, the right field count."""
    rows = []
    for file in sorted((done.home / "raw" / "transactions").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            header, *body = csv.reader(lines)
            rows += [row for row in body if len(row) == len(header)]
    frame = pd.DataFrame(rows, columns=header)
    return frame[(frame["customer_id"] != "") & (frame["amount"] != "n/a")]


def all_bytes(home: Path) -> dict[str, bytes]:
    return {str(f.relative_to(home)): f.read_bytes() for f in home.rglob("*") if f.is_file()}
