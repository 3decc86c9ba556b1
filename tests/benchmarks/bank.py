"""A bank's raw files in the `detail` form, of any size, written month by month by DuckDB alone.

Values are drawn from hashes of row numbers: the same sizes give the same files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

# Code columns with how many codes each has; low codes are frequent.
CODES = {
    "event_type": 30,
    "event_subtype": 30,
    "currency": 5,
    "src_type11": 10,
    "src_type12": 20,
    "dst_type11": 15,
    "dst_type12": 32,
    "src_type21": 40,
    "src_type22": 12,
    "src_type31": 24,
    "src_type32": 8,
}
EMBEDDING = 768
FIRST_YEAR = 2021


@dataclass(frozen=True)
class Bank:
    """How much there is: customers, months, and rows over all months."""

    customers: int
    months: int
    transactions: int
    positions: int
    dialogues: int

    def share(self, part: int) -> "Bank":
        """Return the bank with one customer, transaction, position and dialogue in `part`."""
        return Bank(
            self.customers // part,
            self.months,
            self.transactions // part,
            self.positions // part,
            self.dialogues // part,
        )


def month_name(number: int) -> str:
    """Return 2021-03 for 2."""
    return f"{FIRST_YEAR + number // 12}-{number % 12 + 1:02d}"


STREAMS = ("trx", "geo", "dialog")


def write_bank(
    bank: Bank, raw: Path, months: range | None = None, streams: Sequence[str] = STREAMS
) -> None:
    """Write the raw files of `months` (all unless given), one file a stream and month."""
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        for month in months or range(bank.months):
            queries = _queries(bank, month)
            for stream in streams:
                folder = raw / "detail" / stream / "fold=0"
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / f"{month_name(month)}.parquet"
                connection.execute(f"copy ({queries[stream]}) to '{target}' (format parquet)")


def _queries(bank: Bank, month: int) -> dict[str, str]:
    def rows(total: int, columns: str) -> str:
        size = total // bank.months
        return f"select {columns} from range({month * size}, {(month + 1) * size}) t(i)"

    codes = ", ".join(
        f"cast(floor({count} * pow({_uniform(place)}, 2)) + 1 as integer) as {name}"
        for place, (name, count) in enumerate(CODES.items(), start=10)
    )
    number = f"cast(floor({bank.customers} * pow({_uniform(1)}, 1.5)) as bigint)"
    client = f"sha256(cast({number} as varchar))"
    start, end = (f"timestamp '{month_name(month + n)}-01'" for n in (0, 1))
    span = f"1000 * epoch({end} - {start})"
    time = f"{start} + to_milliseconds(cast(floor({_uniform(2)} * {span}) as bigint))"
    amount = f"round(exp(2 + 6 * {_uniform(3)}), 2)"
    place = f"cast(floor(12 * pow({_uniform(4)}, 3)) as integer)"
    cell = f"translate(left(md5(concat(left({client}, 8), {place})), 6), 'a', 'z')"
    level = f"cast(cast(hash(i * {EMBEDDING} + x) % 256 as integer) / 64.0 - 2 as float)"
    values = f"list_transform(range({EMBEDDING}), lambda x: {level})"
    common = f"{client} as client_id, {time} as event_time"
    return {
        "trx": rows(bank.transactions, f"{common}, {amount} as amount, {codes}"),
        "geo": (
            "select client_id, event_time, left(geohash_6, 4) as geohash_4, "
            "left(geohash_6, 5) as geohash_5, geohash_6 from "
            f"({rows(bank.positions, f'{common}, {cell} as geohash_6')})"
        ),
        "dialog": rows(bank.dialogues, f"{common}, {values} as embedding"),
    }


def _uniform(stream: int) -> str:
    """SQL of a number from 0 to 1 that row `i` draws from one of many streams."""
    return f"(hash(i * 64 + {stream}) >> 11) / 9007199254740992.0"
