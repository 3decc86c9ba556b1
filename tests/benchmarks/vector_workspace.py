"""A workspace of families of vectors and one target, as large as a benchmark wants it."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from feature_repo.build import feast_objects
from ml.store import feature_store
from ml.workspace.settings import Workspace
from tests.small_workspace import node, write_manifest


@dataclass(frozen=True)
class Shape:
    """How many customers and months there are, and how many families of how many features."""

    customers: int
    months: int
    families: int
    width: int

    @property
    def names(self) -> list[tuple[str, str]]:
        """Each feature's name and view."""
        return [(f"f{f}_{i}", f"f{f}") for f in range(self.families) for i in range(self.width)]


def workspace(home: Path) -> Workspace:
    """Return the benchmark's workspace."""
    return Workspace(home, home / "raw", {}, home / "target")


def aside(work: Callable[..., None], *given: object) -> None:
    """Do the work in a process of its own.

    What this process needed would count as the least that its children need.
    """
    maker = multiprocessing.get_context("spawn").Process(target=work, args=given)
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def build(home: Path, shape: Shape, labels: str) -> None:
    """Write warehouse, manifest and registry; `labels` is the SQL of the target's rows."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        warehouse.execute(
            "set memory_limit = '4GB'; "
            "create schema features; create schema intermediate; create schema targets; "
            "create schema scores; create schema marts; "
            "create table marts.dim_features (name varchar, description varchar); "
            "create table scores.scores (customer_id varchar, target varchar, model_id varchar, "
            "as_of timestamp, score double, percentile double, scored_from varchar, "
            "reasons varchar[], "
            "primary key (customer_id, target, model_id, as_of)); "
            "create table intermediate.int_customer_months as "
            "select 'c' || lpad(c::varchar, 8, '0') as customer_id, "
            "date '2023-01-01' + to_months(m::int) as feature_month, "
            "timestamp '2023-02-01' + to_months(m::int) as event_timestamp, true as is_complete "
            f"from range({shape.months}) b(m), range({shape.customers}) a(c)"
        )
        for family in range(shape.families):
            warehouse.execute(_vectors(family, shape.width))
            warehouse.execute(_names(family, shape.width))
        warehouse.execute(f"create table targets.tgt_bench as {labels}")
    families = [f"f{i}" for i in range(shape.families)]
    ws = workspace(home)
    ws.manifest.parent.mkdir()
    nodes = [node("features", f"ftr_{name}", family=name, ttl_months=1) for name in families]
    nodes += [node("intermediate", "int_customer_months")]
    nodes += [node("targets", "tgt_bench", target="bench", families=families)]
    write_manifest(ws, nodes)
    feature_store(ws).apply(feast_objects(ws))


def _vectors(family: int, width: int) -> str:
    # One value in twenty is missing.
    values = ", ".join(
        f"case when hash(row, {family}, {i}) % 20 > 0 "
        f"then (hash(row, {family}, {i}) % 9973) / 4986.5 - 1 else 'nan' end"
        for i in range(width)
    )
    return (
        f"create table features.ftr_f{family}__vectors as "
        f"select customer_id, feature_month, event_timestamp, [{values}]::float[{width}] "
        "as vector from (select *, row_number() over () as row "
        "from intermediate.int_customer_months)"
    )


def _names(family: int, width: int) -> str:
    columns = ", ".join(
        f"nullif(vector[{place + 1}], 'nan'::float) as f{family}_{place}" for place in range(width)
    )
    return (
        f"create view features.ftr_f{family} as select customer_id, feature_month, "
        f"event_timestamp, {columns} from features.ftr_f{family}__vectors"
    )
