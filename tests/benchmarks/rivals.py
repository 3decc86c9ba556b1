"""The sliced transaction features in Polars and in pandas, from raw Parquet to a Parquet file.

Each is what a practised user of the library would write: Polars adds shifted columns over a dense
and sorted grid, which is its fastest way; pandas uses groupby, unstack and grouped rolling sums.
Run as `python -m tests.benchmarks.rivals polars|pandas RAW OUT`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import polars as pl
import yaml

SPECS = Path(__file__).parents[2] / "dbt_project" / "models" / "features" / "_trx.yml"
KEYS = ["client_id", "month"]


@dataclass(frozen=True)
class Family:
    """A family sliced by one code: its dimension, the declared values and the measure's name."""

    name: str
    dimension: str
    values: tuple[int, ...]
    measure: str


def families() -> list[Family]:
    """Return the families of `_trx.yml` that slice transactions by a code column."""
    models = yaml.safe_load(SPECS.read_text(encoding="utf-8"))["models"]
    found = []
    for model in models:
        grid = model["config"]["meta"]["grid"]
        for dimension, values in grid.get("slices", {}).items():
            if isinstance(values, list):
                measure = next(iter(grid["measures"]))
                found.append(Family(model["name"], dimension, tuple(values), measure))
    return found


def names(family: Family) -> Iterator[tuple[str, str]]:
    """Return each slice's column in the wide tables with the clause that features name it by."""
    for value in [*map(str, family.values), "other"]:
        yield f"{family.dimension}_{value}", f"__{family.dimension}_{value}"


def polars(raw: Path, out: Path) -> None:
    """Write every feature of `families`, one row a customer and month since the first event."""
    events = pl.read_parquet(raw / "detail" / "trx" / "fold=0" / "*.parquet").with_columns(
        month=pl.col("event_time").dt.truncate("1mo").cast(pl.Date)
    )
    grid = _grid(events)
    wide = pl.concat(
        [grid, *(_wide(events, grid, f) for f in [None, *families()])], how="horizontal"
    )
    own = [name for name in wide.columns if name.startswith(("sum_", "count_"))]
    windows = {1: "", 3: "_3", 6: "_6", 12: "_12"}
    wide = wide.with_columns((pl.col(c) + _lag(c, 1) + _lag(c, 2)).alias(f"{c}_3") for c in own)
    wide = wide.with_columns((pl.col(f"{c}_3") + _lag(f"{c}_3", 3)).alias(f"{c}_6") for c in own)
    wide = wide.with_columns((pl.col(f"{c}_6") + _lag(f"{c}_6", 6)).alias(f"{c}_12") for c in own)
    features = [
        expression.cast(pl.Float32).alias(name)
        for family in families()
        for column, clause in names(family)
        for window, end in windows.items()
        for name, expression in _polars_features(family, column, clause, window, end)
    ]
    wide.select(*KEYS, *features).write_parquet(out, compression="lz4")


def _grid(events: pl.DataFrame) -> pl.DataFrame:
    first = events.group_by("client_id").agg(pl.col("month").min().alias("first"))
    months = events.select(pl.col("month").unique())
    dense = first.join(months, how="cross").filter(pl.col("month") >= pl.col("first"))
    age = (pl.col("month").dt.year() - pl.col("first").dt.year()) * 12 + (
        pl.col("month").dt.month().cast(pl.Int32) - pl.col("first").dt.month()
    )
    return dense.sort(KEYS).select(*KEYS, age.alias("age"))


def _wide(events: pl.DataFrame, grid: pl.DataFrame, family: Family | None) -> pl.DataFrame:
    totals = [pl.col("amount").sum().alias("sum"), pl.len().cast(pl.Int32).alias("count")]
    if family is None:
        wide = events.group_by(KEYS).agg(totals).rename({"sum": "sum_all", "count": "count_all"})
    else:
        code = pl.col(family.dimension)
        listed = (
            pl.when(code.is_in(family.values)).then(code.cast(pl.String)).otherwise(pl.lit("other"))
        )
        long = events.group_by(*KEYS, listed.alias("slice")).agg(totals)
        wide = long.pivot(on="slice", index=KEYS, values=["sum", "count"])
        wide = wide.rename(
            {
                column: column.replace("_", f"_{family.dimension}_", 1)
                for column in wide.columns
                if column not in KEYS
            }
        )
    joined = grid.join(wide, on=KEYS, how="left", maintain_order="left").drop(grid.columns)
    expected = ["all"] if family is None else [column for column, _ in names(family)]
    absent = [f"{part}_{c}" for part in ("sum", "count") for c in expected]
    missing = [pl.lit(0).alias(name) for name in absent if name not in joined.columns]
    return joined.fill_null(0).with_columns(missing)


def _lag(column: str, months: int) -> pl.Expr:
    return pl.when(pl.col("age") >= months).then(pl.col(column).shift(months)).otherwise(0)


def _polars_features(
    family: Family, column: str, clause: str, window: int, end: str
) -> Iterator[tuple[str, pl.Expr]]:
    total, count = pl.col(f"sum_{column}{end}"), pl.col(f"count_{column}{end}")
    known = pl.when(count > 0).then(total)
    whole = pl.when(pl.col(f"sum_all{end}") != 0).then(pl.col(f"sum_all{end}"))
    events = pl.when(pl.col(f"count_all{end}") > 0).then(pl.col(f"count_all{end}"))
    amount, suffix = f"trx_{family.measure}", f"{clause}__{window}m"
    yield f"{amount}_sum{suffix}", known
    yield f"{amount}_mean{suffix}", known / count
    yield f"{amount}_share{suffix}", known / whole
    yield f"trx_event_count{suffix}", count
    yield f"trx_event_share{suffix}", count / events


def pandas(raw: Path, out: Path) -> None:
    """Write the same features with groupby, unstack and grouped rolling sums."""
    events = pd.read_parquet(raw / "detail" / "trx" / "fold=0")
    events["month"] = events["event_time"].dt.to_period("M").dt.to_timestamp()
    first = events.groupby("client_id")["month"].min()
    months = pd.date_range(first.min(), events["month"].max(), freq="MS")
    dense = pd.MultiIndex.from_product([first.index, months], names=KEYS)
    dense = dense[
        dense.get_level_values("month") >= first.reindex(dense.get_level_values(0)).to_numpy()
    ]
    whole = _pandas_windows(_pandas_wide(events, None, dense))
    parts = []
    for family in families():
        sliced = _pandas_windows(_pandas_wide(events, family, dense))
        parts.append(_pandas_features(family, sliced, whole))
    pd.concat(parts, axis=1).reset_index().to_parquet(out, compression="lz4")


def _pandas_wide(events: pd.DataFrame, family: Family | None, dense: pd.MultiIndex) -> pd.DataFrame:
    if family is None:
        found = events.groupby(KEYS)["amount"].agg(["sum", "count"])
        return found.rename(columns=lambda part: f"{part}_all").reindex(dense, fill_value=0)
    code = events[family.dimension]
    listed = code.astype("string").where(code.isin(family.values), "other").rename("slice")
    found = events.groupby([*KEYS, listed])["amount"].agg(["sum", "count"]).unstack()
    found.columns = [f"{part}_{family.dimension}_{value}" for part, value in found.columns]
    wanted = [f"{part}_{column}" for part in ("sum", "count") for column, _ in names(family)]
    return found.reindex(index=dense, columns=wanted).fillna(0)


def _pandas_windows(wide: pd.DataFrame) -> dict[int, pd.DataFrame]:
    rolling = {
        window: wide.groupby(level=0, sort=False).rolling(window, min_periods=1).sum().droplevel(0)
        for window in (3, 6, 12)
    }
    return {1: wide, **rolling}


def _pandas_features(
    family: Family, sliced: dict[int, pd.DataFrame], whole: dict[int, pd.DataFrame]
) -> pd.DataFrame:
    found = {}
    for column, clause in names(family):
        for window, table in sliced.items():
            # Rolling sums are running ones: what has no event may be a hair beside 0.
            count = table[f"count_{column}"].round()
            known = table[f"sum_{column}"].where(count > 0)
            totals, suffix = whole[window], f"{clause}__{window}m"
            amount = f"trx_{family.measure}"
            found[f"{amount}_sum{suffix}"] = known
            found[f"{amount}_mean{suffix}"] = known / count
            found[f"{amount}_share{suffix}"] = known / totals["sum_all"].replace(0, float("nan"))
            found[f"trx_event_count{suffix}"] = count
            found[f"trx_event_share{suffix}"] = count / totals["count_all"].round().replace(
                0, float("nan")
            )
    return pd.DataFrame(found).astype("float32")


if __name__ == "__main__":
    {"polars": polars, "pandas": pandas}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
