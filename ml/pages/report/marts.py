"""What the report reads from the warehouse; any table may be absent or empty."""

from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import numpy as np

from ml.pages.report.curves import Floats
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

# More customers than this would blur the picture and make the page large.
MAX_DOTS = 1200


@dataclass(frozen=True)
class FamilySize:
    """One feature family and the number of its features."""

    name: str
    features: int


@dataclass(frozen=True)
class CompanyFigures:
    """The company in numbers; `first` and `last` are the first days of the months covered."""

    customers: int = 0
    customer_months: int = 0
    months: int = 0
    first: date | None = None
    last: date | None = None
    families: tuple[FamilySize, ...] = ()

    @property
    def features(self) -> int:
        """The number of features of all families."""
        return sum(family.features for family in self.families)


@dataclass(frozen=True)
class NewestScores:
    """The newest scores of one target.

    `values` are probabilities, one a customer; `first` and `last` the earliest and latest moment
    they were made for; `models` the ids of the models that made them.
    """

    values: Floats
    first: datetime
    last: datetime
    models: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """One segment: its customers, their share of all, their mean risk (0..1) and mean profit."""

    name: str
    customers: int
    share: float
    risk: float | None
    profit: float | None


@dataclass(frozen=True)
class CustomerDots:
    """Customers to draw: risk, profit and segment of each; `sampled` where others are left out."""

    risk: Floats
    profit: Floats
    segment: tuple[str, ...]
    sampled: bool


@dataclass(frozen=True)
class Segmentation:
    """Customers whose profit is measured in one way (`basis`), by segment."""

    basis: str
    segments: tuple[Segment, ...]
    dots: CustomerDots | None


@dataclass(frozen=True)
class Offer:
    """One offer: its customers and their share of all offers made."""

    name: str
    customers: int
    share: float


@dataclass(frozen=True)
class Marts:
    """Everything the report takes from the warehouse."""

    company: CompanyFigures = CompanyFigures()
    scores: dict[str, NewestScores] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    segmentations: tuple[Segmentation, ...] = ()
    offers: tuple[Offer, ...] = ()


def read_marts(ws: Workspace) -> Marts:
    """Return what the warehouse of `ws` holds; nothing where there is no warehouse yet."""
    if not ws.warehouse.exists():
        return Marts()
    with open_warehouse(ws.warehouse) as connection:
        return Marts(
            company=_company(connection),
            scores=_scores(connection),
            descriptions=_descriptions(connection),
            segmentations=_segmentations(connection),
            offers=_offers(connection),
        )


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Return the columns of `marts.<table>`, none where it is absent."""
    found = connection.execute(
        "select column_name from information_schema.columns"
        " where table_schema = 'marts' and table_name = ? order by ordinal_position",
        [table],
    ).fetchall()
    return [name for (name,) in found]


def _company(connection: duckdb.DuckDBPyConnection) -> CompanyFigures:
    customers = months = rows = 0
    first = last = None
    if _columns(connection, "dim_customers"):
        [(customers,)] = connection.execute("select count(*) from marts.dim_customers").fetchall()
    if "feature_month" in _columns(connection, "fct_customer_months"):
        [(rows, months, first, last)] = connection.execute(
            "select count(*), count(distinct feature_month), min(feature_month),"
            " max(feature_month) from marts.fct_customer_months"
        ).fetchall()
    return CompanyFigures(customers, rows, months, first, last, _families(connection))


def _families(connection: duckdb.DuckDBPyConnection) -> tuple[FamilySize, ...]:
    if not _columns(connection, "dim_features"):
        return ()
    rows = connection.execute(
        "select family, count(*) from marts.dim_features group by family order by 2 desc, 1"
    ).fetchall()
    return tuple(FamilySize(name, count) for name, count in rows)


def _descriptions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    if not _columns(connection, "dim_features"):
        return {}
    return dict(
        connection.execute(
            "select name, description from marts.dim_features where description is not null"
        ).fetchall()
    )


def _scores(connection: duckdb.DuckDBPyConnection) -> dict[str, NewestScores]:
    if not _columns(connection, "fct_scores"):
        return {}
    summaries = connection.execute(
        "select target, min(as_of), max(as_of), list(distinct model_id order by model_id)"
        " from marts.fct_scores where score is not null group by target order by target"
    ).fetchall()
    return {
        target: NewestScores(_values(connection, target), first, last, tuple(models))
        for target, first, last, models in summaries
    }


def _values(connection: duckdb.DuckDBPyConnection, target: str) -> Floats:
    columns = connection.execute(
        "select score::double as score from marts.fct_scores"
        " where target = ? and score is not null",
        [target],
    ).fetchnumpy()
    return np.asarray(columns["score"], dtype=np.float64)


def _segmentations(connection: duckdb.DuckDBPyConnection) -> tuple[Segmentation, ...]:
    """Return the segments by measure of profit: different units share no axis and no mean."""
    columns = _columns(connection, "mart_segments")
    if not columns:
        return ()
    basis = "profit_basis" if "profit_basis" in columns else "'profit'"
    connection.execute(
        f"create temp view customers as select customer_id, risk::double as risk,"
        f" profit::double as profit, coalesce(segment, 'no segment') as segment,"
        f" coalesce({basis}, 'profit') as basis from marts.mart_segments"
    )
    found = connection.execute("select distinct basis from customers order by 1").fetchall()
    return tuple(
        Segmentation(name, _segments(connection, name), _dots(connection, name))
        for (name,) in found
    )


def _segments(connection: duckdb.DuckDBPyConnection, basis: str) -> tuple[Segment, ...]:
    rows = connection.execute(
        "select segment, count(*), count(*) / sum(count(*)) over (), avg(risk), avg(profit)"
        " from customers where basis = ? group by segment order by 2 desc, 1",
        [basis],
    ).fetchall()
    return tuple(Segment(*row) for row in rows)


def _dots(connection: duckdb.DuckDBPyConnection, basis: str) -> CustomerDots | None:
    """Return up to MAX_DOTS customers, chosen by the hash of their id: always the same ones."""
    rows = connection.execute(
        "select risk, profit, segment from customers"
        " where basis = ? and isfinite(risk) and isfinite(profit)"
        " order by md5(customer_id::varchar), customer_id limit ?",
        [basis, MAX_DOTS + 1],
    ).fetchall()
    if not rows:
        return None
    risk, profit, segment = zip(*rows[:MAX_DOTS], strict=True)
    return CustomerDots(np.array(risk), np.array(profit), segment, sampled=len(rows) > MAX_DOTS)


def _offers(connection: duckdb.DuckDBPyConnection) -> tuple[Offer, ...]:
    if "offer" not in _columns(connection, "mart_offers"):
        return ()
    rows = connection.execute(
        "select coalesce(offer, 'no offer'), count(*), count(*) / sum(count(*)) over ()"
        " from marts.mart_offers group by 1 order by 2 desc, 1"
    ).fetchall()
    return tuple(Offer(*row) for row in rows)
