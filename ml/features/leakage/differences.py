"""Compares the feature rows of two warehouses: those known at an instant, and later ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import floor, log10
from pathlib import Path
from typing import Any

import duckdb

from ml.features.leakage.time_sql import is_number, timestamp
from ml.workspace.errors import NotBuilt
from ml.workspace.sql import literal, quoted, quoted_relation
from ml.workspace.warehouse import open_warehouse

KEYS = ("customer_id", "feature_month", "event_timestamp")
# Columns that are no features: the hash of all that a month was built from.
NOT_FEATURES = ("month_version",)
COLUMNS_AT_ONCE = 50
# Floating-point sums depend on the order of the rows: the last bits of a value mean nothing.
RELATIVE = 1e-6
OF_LARGEST = 1e-9


@dataclass(frozen=True)
class AuditedFamily:
    """A feature family in the catalogue: its relation, its dbt model and its source."""

    name: str
    relation: str
    model: str
    source: str


@dataclass(frozen=True)
class FeatureDifference:
    """How many rows of a feature differ: `before` and `rounded` among those known at the instant.

    `before` differ by more than rounding, `rounded` by no more; `after` counts the later rows that
    differ. `example` is the first row of `before`.
    """

    before: int
    rounded: int
    after: int
    example: dict[str, Any] | None = None


@dataclass(frozen=True)
class ComparedRelation:
    """A relation in an open warehouse, the same relation exported from another, and the instant."""

    connection: duckdb.DuckDBPyConnection
    here: str
    there: str
    at: datetime

    @property
    def known(self) -> str:
        """SQL of whether a row was known at the instant."""
        return f"event_timestamp <= {timestamp(self.at)}"

    def joined(self, names: Sequence[str]) -> str:
        """SQL that joins the rows of both sides on all keys."""
        columns = ", ".join(quoted(name) for name in (*KEYS, *names))
        return (
            f"(select {columns} from {self.here}) as a "
            f"inner join (select {columns} from {self.there}) as b "
            "on a.customer_id = b.customer_id and a.feature_month = b.feature_month "
            "and a.event_timestamp = b.event_timestamp"
        )


@dataclass(frozen=True)
class RelationProof:
    """A relation's rows known at the instant: counts and hashes in both warehouses.

    Hashes round numbers to a millionth of the feature's largest value.
    """

    relation: str
    family: str
    rows: int
    rows_in_copy: int
    only_here: int
    only_in_copy: int
    hash: str
    hash_in_copy: str
    rows_after: int
    differences: dict[str, FeatureDifference] = field(repr=False)

    @property
    def is_uneven(self) -> bool:
        """Whether only one of the two warehouses has some rows known at the instant."""
        return bool(self.only_here or self.only_in_copy)


def export(warehouse: Path, families: Sequence[AuditedFamily], folder: Path) -> None:
    """Write the families' relations in `warehouse` to `folder`, one Parquet file each.

    Views name their warehouse by its file's name, which is the same for both: attached beside the
    other one, a view would read the other's tables. Files cannot be mistaken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_warehouse(warehouse) as connection:
        for family in families:
            target = literal(folder / f"{family.relation}.parquet")
            connection.execute(
                f"copy (from {quoted_relation(family.relation)}) to {target} (format parquet)"
            )


def compare(
    warehouse: Path, families: Sequence[AuditedFamily], folder: Path, at: datetime
) -> Iterator[RelationProof]:
    """Yield each family's rows in `warehouse` compared with those exported to `folder`.

    Values are equal where both are null, or differ by less than rounding: 1e-6 of the larger, or
    1e-9 of the largest of the feature.

    Raises:
        AlmanacError: a relation lacks a key or a feature in one of them.
    """
    with open_warehouse(warehouse) as connection:
        connection.execute(f"set temp_directory = {literal(folder / 'spilled')}")
        for family in families:
            yield _relation(connection, family, folder / f"{family.relation}.parquet", at)


def _relation(
    connection: duckdb.DuckDBPyConnection, family: AuditedFamily, exported: Path, at: datetime
) -> RelationProof:
    here, there = quoted_relation(family.relation), f"read_parquet({literal(exported)})"
    compared = ComparedRelation(connection, here, there, at)
    kinds = _common_kinds(compared, family.relation)
    features = {name: kinds[name] for name in kinds if name not in (*KEYS, *NOT_FEATURES)}
    rows = _rows(compared)
    names = [name for name, kind in features.items() if is_number(kind)]
    digits = _digits(compared, names) if names else []
    return RelationProof(
        relation=family.relation,
        family=family.name,
        rows=rows[0],
        rows_in_copy=rows[1],
        only_here=rows[2],
        only_in_copy=rows[3],
        hash=_hash(compared, here, names, digits),
        hash_in_copy=_hash(compared, there, names, digits),
        rows_after=rows[4],
        differences=_differences(compared, features),
    )


def _common_kinds(compared: ComparedRelation, name: str) -> dict[str, str]:
    """Columns and types, where both sides have the same columns and the keys are among them."""
    kinds, there = (_kinds(compared.connection, each) for each in (compared.here, compared.there))
    lacking = sorted((set(KEYS) | kinds.keys() | there.keys()) - (kinds.keys() & there.keys()))
    if lacking:
        raise NotBuilt(
            f"{name} has no column {lacking[0]} in one of two builds.",
            "Build the workspace anew, then audit it: dbt build --full-refresh",
        )
    return kinds


def _differences(
    compared: ComparedRelation, features: Mapping[str, str]
) -> dict[str, FeatureDifference]:
    """Count the unequal values of every feature, and those beyond rounding where there are any."""
    names = list(features)
    result = {}
    for start in range(0, len(names), COLUMNS_AT_ONCE):
        some = names[start : start + COLUMNS_AT_ONCE]
        for name, before, after in _counts(compared, some):
            found = _beyond_rounding(compared, name, features[name]) if before else (0, None)
            result[name] = FeatureDifference(found[0], before - found[0], after, found[1])
    return result


def _counts(compared: ComparedRelation, names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return (feature, unequal values known at the instant, unequal values of later)."""
    counts = []
    for name in names:
        unequal = f"a.{quoted(name)} is distinct from b.{quoted(name)}"
        counts += [
            f"count(*) filter (a.{compared.known} and {unequal})",
            f"count(*) filter (not (a.{compared.known}) and {unequal})",
        ]
    query = f"select {', '.join(counts)} from {compared.joined(names)}"
    found = compared.connection.execute(query).fetchall()[0]
    return list(zip(names, found[::2], found[1::2], strict=True))


def _beyond_rounding(
    compared: ComparedRelation, name: str, kind: str
) -> tuple[int, dict[str, Any] | None]:
    """Count the values that differ by more than rounding, with the first of them as an example."""
    mine, other = f"a.{quoted(name)}", f"b.{quoted(name)}"
    unequal = f"{mine} is distinct from {other}"
    if is_number(kind):
        largest = (
            f"(select max(abs({quoted(name)})) from {compared.here} where isfinite({quoted(name)}))"
        )
        close = (
            f"greatest({RELATIVE} * greatest(abs({mine}), abs({other})), {OF_LARGEST} * {largest})"
        )
        unequal += f" and not coalesce(abs({mine} - {other}) <= {close}, false)"
    rows = compared.connection.execute(
        f"select a.customer_id, a.feature_month, {mine}, {other}, count(*) over () "
        f"from {compared.joined([name])} where a.{compared.known} and {unequal} "
        "order by a.feature_month, a.customer_id limit 1"
    ).fetchall()
    for customer, month, value, other_value, count in rows:
        example = {"customer_id": customer, "feature_month": f"{month:%Y-%m}"}
        return count, {**example, "value": value, "value_in_copy": other_value}
    return 0, None


def _rows(compared: ComparedRelation) -> tuple[int, ...]:
    """Count the rows known at the instant on either side and on it only, and those of later."""
    keys = ", ".join(KEYS)
    here = f"select {keys} from {compared.here} where {compared.known}"
    there = f"select {keys} from {compared.there} where {compared.known}"
    only = (f"{here} except all {there}", f"{there} except all {here}")
    later = f"select {keys} from {compared.here} where not ({compared.known})"
    counts = ", ".join(f"(select count(*) from ({q}))" for q in (here, there, *only, later))
    return tuple(compared.connection.execute(f"select {counts}").fetchall()[0])


def _hash(
    compared: ComparedRelation, name: str, features: Sequence[str], digits: Sequence[int]
) -> str:
    """Hash the rows known at the instant; neither their order nor rounding changes the hash."""
    values = [
        f"round(cast({quoted(each)} as double), {places}) + 0.0"
        for each, places in zip(features, digits, strict=True)
    ]
    columns = ", ".join([*KEYS, *values])
    [(value,)] = compared.connection.execute(
        f"select coalesce(sum(cast(hash({columns}) as hugeint)), 0) from {name} "
        f"where {compared.known}"
    ).fetchall()
    return f"{value:x}"


def _digits(compared: ComparedRelation, features: Sequence[str]) -> list[int]:
    """How many decimals of each feature are hashed: down to a millionth of its largest value."""
    values = [f"cast({quoted(each)} as double)" for each in features]
    largest = ", ".join(f"max(abs({value})) filter (isfinite({value}))" for value in values)
    query = f"select {largest} from {compared.here} where {compared.known}"
    found = compared.connection.execute(query).fetchall()[0]
    return [6 - floor(log10(value)) if value else 0 for value in found]


def _kinds(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    rows = connection.execute(f"describe select * from {name}").fetchall()
    return {row[0]: row[1] for row in rows}
