import hashlib
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import jinja2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ml.catalogue.cost import costs
from ml.catalogue.lineage import columns_read, lineage
from ml.catalogue.lookup import Feature, nearest, read_features, search
from ml.catalogue.queries import parse
from ml.cli import main
from ml.config import AlmanacError, Workspace, workspace_at
from tests.workspaces import REPOSITORY

MACROS = REPOSITORY / "dbt_project" / "macros" / "catalogue"
SAMPLE = 2_500


@pytest.fixture
def ws(company) -> Workspace:
    return replace(workspace_at(company.home), target=company.home / "target")


@pytest.fixture
def ml(company, monkeypatch):
    def run(*arguments: str) -> Result:
        monkeypatch.setenv("ALMANAC_HOME", str(company.home))
        monkeypatch.setenv("DBT_TARGET_PATH", str(company.home / "target"))
        monkeypatch.setenv("COLUMNS", "140")
        return CliRunner().invoke(main, arguments)

    return run


def psi(earlier: np.ndarray, newest: np.ndarray) -> float:
    """The population stability index, by its definition and with numpy."""
    present = earlier[~np.isnan(earlier)]
    deciles = [i / 10 for i in range(1, 10)]
    edges = np.quantile(present, deciles, method="inverted_cdf") if len(present) else np.array([])

    def shares(values: np.ndarray) -> np.ndarray:
        bins = np.where(np.isnan(values), 10, np.searchsorted(edges, values, side="left"))
        return np.maximum(np.bincount(bins, minlength=11) / len(values), 0.0001)

    old, new = shares(earlier), shares(newest)
    return float(((new - old) * np.log(new / old)).sum())


def sampled(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first customers by the MD5 of their id."""
    customers = frame["customer_id"].drop_duplicates()
    digests = customers.map(lambda each: hashlib.md5(each.encode()).hexdigest())
    kept = customers.iloc[digests.to_numpy().argsort()[:SAMPLE]]
    return frame[frame["customer_id"].isin(kept)]


def families(company) -> list[tuple[str, str]]:
    return company.query("select distinct family, relation from marts.dim_features order by 1")


def family_frame(company, relation: str) -> pd.DataFrame:
    with duckdb.connect(str(company.home / "warehouse.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(f"from {relation}").df()


def test_statistics_are_those_of_pandas(company, ws):
    complete = dict(
        company.query("select source, last_complete_month from intermediate.int_complete_months")
    )
    sources = dict(
        company.query("select distinct family, source from intermediate.int_declared_features")
    )
    catalogue = read_features(ws)
    compared = 0
    for family, relation in families(company):
        frame = family_frame(company, relation)
        last = complete.get(sources[family])
        months = sorted(
            m for m in frame["feature_month"].unique() if last is None or m <= pd.Timestamp(last)
        )[-2:]
        rows = sampled(frame[frame["feature_month"].isin(months)])
        newest = rows[rows["feature_month"] == months[-1]]
        earlier = rows[rows["feature_month"] != months[-1]]
        for feature in (each for each in catalogue if each.family == family):
            values = rows[feature.name].astype("float64")
            assert feature.measured_rows == len(values)
            assert feature.null_share == pytest.approx(values.isna().mean())
            assert feature.distinct_values == pytest.approx(values.nunique(), rel=0.2, abs=2)
            if values.notna().any():
                found = (feature.mean, feature.minimum, feature.maximum)
                assert found == pytest.approx((values.mean(), values.min(), values.max()), rel=1e-6)
            if len(earlier):
                pair = (part[feature.name].to_numpy("float64") for part in (earlier, newest))
                assert feature.drift == pytest.approx(psi(*pair), abs=1e-9), feature.name
            else:
                assert feature.drift is None
            compared += 1
    assert compared == len(catalogue) > 300


def measured(rows: pd.DataFrame, names: list[str], last_complete: str | None) -> pd.DataFrame:
    """What the post-hook writes for a family with these rows."""
    family_rows = rows
    complete_months = pd.DataFrame(
        {"source": ["shop"], "last_complete_month": [pd.Timestamp(last_complete)]}
        if last_complete
        else {
            "source": pd.Series([], dtype=str),
            "last_complete_month": pd.Series([], dtype="datetime64[us]"),
        }
    )
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals |= {
        "execute": True,
        "this": "family_rows",
        "ref": lambda name: {"int_complete_months": "complete_months"}[name],
        "feature_statistics_table": lambda: "kept",
        "features": lambda meta: [{"name": name} for name in names],
        "model": {"config": {"meta": {"family": "shop", "source": "shop"}}},
    }
    source = (MACROS / "measure_features.sql").read_text(encoding="utf-8")
    sql = environment.from_string(source + "{{ measure_features() }}").render()
    with duckdb.connect() as connection:
        connection.register("family_rows", family_rows)
        connection.register("complete_months", complete_months)
        connection.execute(
            "create table kept (family varchar, name varchar, null_share double, "
            "distinct_values bigint, mean double, minimum double, maximum double, "
            "drift double, measured_rows bigint)"
        )
        connection.execute(sql)
        return connection.execute("from kept order by name").df().set_index("name")


def customer_months(customers: int, months: list[str]) -> pd.DataFrame:
    chance = np.random.default_rng(5)
    frames = [
        pd.DataFrame(
            {
                "customer_id": [f"c{i}" for i in range(customers)],
                "feature_month": pd.Timestamp(month),
                "shop_a": chance.normal(index, 1, customers).astype("float32"),
                "shop_b": np.where(
                    chance.random(customers) < 0.3, np.nan, chance.integers(0, 3, customers)
                ),
            }
        )
        for index, month in enumerate(months)
    ]
    return pd.concat(frames, ignore_index=True)


def test_of_many_customers_a_sample_is_measured():
    rows = customer_months(SAMPLE + 2_000, ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"])
    found = measured(rows, ["shop_a", "shop_b"], "2024-03-01")
    newest = sampled(rows[rows["feature_month"] == "2024-03-01"])
    earlier = sampled(rows[rows["feature_month"] == "2024-02-01"])
    both = pd.concat([earlier, newest])
    assert set(found["measured_rows"]) == {2 * SAMPLE}
    for name in ("shop_a", "shop_b"):
        pair = (part[name].to_numpy("float64") for part in (earlier, newest))
        assert found.loc[name, "drift"] == pytest.approx(psi(*pair))
        assert found.loc[name, "mean"] == pytest.approx(both[name].astype("float64").mean())
        assert found.loc[name, "null_share"] == pytest.approx(both[name].isna().mean())
    assert found.loc["shop_a", "drift"] > 0.25
    assert found.loc["shop_b", "drift"] < 0.01


def test_one_month_has_no_drift():
    found = measured(customer_months(50, ["2024-01-01"]), ["shop_a"], None)
    assert found["drift"].isna().all()
    assert found["measured_rows"].tolist() == [50]


def test_months_before_the_first_complete_one_are_measured_all_the_same():
    found = measured(customer_months(50, ["2024-05-01", "2024-06-01"]), ["shop_a"], "2024-01-01")
    assert found["measured_rows"].tolist() == [50]


def test_a_family_without_rows_has_no_statistics():
    assert measured(customer_months(50, ["2024-01-01"])[:0], ["shop_a"], None).empty


def test_the_catalogue_says_where_a_feature_is_declared(company):
    rows = company.query(
        "select family, domain, spec, list(position order by position) "
        "from marts.dim_features group by all"
    )
    for family, domain, spec, positions in rows:
        declared = (REPOSITORY / "dbt_project" / spec).read_text(encoding="utf-8")
        assert f"family: {family}" in declared
        assert family.split("_")[0] == domain
        assert positions == list(range(1, len(positions) + 1))


def feature(name: str, description: str = "", family: str = "spend") -> Feature:
    known = (name, family, family, f"features.ftr_{family}", "", 1, description, "sum", "3m")
    return Feature(*known, "double", *[None] * 7)


LISTED = (
    feature("spend_amount_sum__3m", "Sum of amounts, over 3 months."),
    feature("spend_event_count__3m", "Number of transactions, over 3 months."),
    feature("geo_event_count__1m", "Number of positions, in the month.", "geo"),
)


@pytest.mark.parametrize(
    ("pattern", "family", "names"),
    [
        ("", None, ["spend_amount_sum__3m", "spend_event_count__3m", "geo_event_count__1m"]),
        ("*_COUNT_*", None, ["spend_event_count__3m", "geo_event_count__1m"]),
        ("number over MONTHS", None, ["spend_event_count__3m"]),
        ("*positions*", None, ["geo_event_count__1m"]),
        ("count", "geo", ["geo_event_count__1m"]),
        ("spend_?????_count__[13]m", None, ["spend_event_count__3m"]),
    ],
)
def test_patterns_are_globs_or_words(pattern, family, names):
    assert [each.name for each in search(LISTED, pattern, family)] == names


def test_what_nothing_matches_is_answered_with_the_nearest():
    with pytest.raises(
        AlmanacError,
        match=r"No feature matches 'spend_amonut_smu_\*'.*Nearest: spend_amount_sum__3m",
    ):
        search(LISTED, "spend_amonut_smu_*", None)
    with pytest.raises(
        AlmanacError, match=r"Nearest: geo_event_count__1m\.\nSee them all: ml features"
    ):
        search(LISTED, "amount", "geo")
    with pytest.raises(AlmanacError, match=r"no family gee here. Here are: geo, spend\."):
        search(LISTED, "", "gee")
    assert nearest("GEO event", [each.name for each in LISTED], 1) == ["geo_event_count__1m"]


def test_the_command_lists_features_and_counts_them(ml):
    shown = ml("features", "geo_*nunique*").stdout.splitlines()
    assert shown[0].split()[:2] == ["feature", "family"]
    assert all(line.startswith("geo_") and len(line) <= 140 for line in shown[2:-1])
    assert shown[-1].startswith(f"{len(shown) - 3} of ")
    assert shown[-1].endswith("features, 1 families.")


def test_the_command_says_when_nothing_matches(ml):
    failed = ml("features", "sesion_pace_lst__1m")
    assert failed.exit_code == 1
    assert "Nearest: session_pace_last__1m" in failed.stderr


def some(ws: Workspace, pattern: str) -> Feature:
    return search(read_features(ws), pattern, None)[0]


def test_a_grid_feature_is_followed_to_its_raw_columns(ws):
    found = some(ws, "trx_amount_sum__event_type_[0-9]*__3m")
    steps = lineage(ws, found.relation, found.name)
    assert [step.layer for step in steps] == ["feature", "intermediate", "staging", "landed"]
    assert steps[0].expressions[0].name == found.name
    assert len(steps[0].expressions) > 1, "the window's part"
    assert "amount" in " ".join(each.sql for each in steps[1].expressions)
    assert steps[2].relation == "staging.stg_mbd__trx"
    assert steps[3].relation == "landed.mbd__trx"
    assert set(steps[3].columns) >= {"amount", "event_type"}
    assert steps[3].files == ("detail/trx/fold=*/*.parquet",)


def test_a_ratio_of_counts_reads_rows_of_its_source(ws):
    steps = lineage(ws, "features.ftr_geo", "geo_event_ratio__1m_over_6m")
    below = ["intermediate.int_mbd_geo_cells", "staging.stg_mbd__geo", "landed.mbd__geo"]
    assert [step.relation for step in steps[2:]] == below
    assert "nullif" in steps[0].expressions[0].sql
    assert {each.name for each in steps[0].expressions} >= {"event__count__1m", "event__count__6m"}


def test_a_narrow_feature_is_followed_through_ordinary_sql(ws):
    steps = lineage(ws, "features.ftr_market", "market_revenue_ratio__1m_over_lag_1")
    assert steps[-1].columns == ("Выручка",)
    assert steps[-1].files == ("market_money.csv",)
    assert "Выручка" in steps[-2].expressions[0].sql
    session = lineage(
        ws, "features.ftr_session", "session_segment_last__behaviour_high_engagement__1m"
    )
    assert set(session[-1].columns) == {"time_spent", "pages_viewed"}


def test_every_feature_leads_to_a_landed_table(ws):
    families = {each.family: each for each in read_features(ws)}
    for last in families.values():
        steps = lineage(ws, last.relation, last.name)
        assert steps[0].layer == "feature", last.name
        assert steps[-1].layer == "landed", last.name
        assert steps[-1].files, last.name


FREE_SQL = """
with bills as (select * exclude (note), amount * 2 as doubled from landed.bills as b),
notes as (select id, note from landed.notes),
every as (
    select doubled as value, day from bills
    union all
    select length(note) as value, null as day from notes
),
ranked as (
    select every.*, sum(value) over (partition by day order by value) as running from every
)
select
    "running" / 2 as half,
    half + 1 as more,
    (select max(c.value) from seeds.codes as c where c.code = ranked.day) as coded,
    count(*) as rows_seen,
    1 as one,
    'ж' || cast(running as varchar) as said,
    (2.5 * running - 1) / (running + (1)) as slope
from ranked
"""


@pytest.mark.parametrize(
    ("column", "columns"),
    [
        ("half", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("MORE", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("coded", {("landed.bills", "day")}),
        ("rows_seen", {("landed.bills", "*"), ("landed.notes", "*")}),
        ("one", set()),
        ("said", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("slope", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("absent", set()),
    ],
)
def test_columns_of_free_sql_are_found(column, columns):
    tables = {"landed.bills": ["Amount", "day", "note"], "landed.notes": ["id", "note"]}
    with duckdb.connect() as connection:
        assert set(columns_read(parse(connection, FREE_SQL), column, tables)) == columns


def test_the_text_of_a_column_is_whole():
    with duckdb.connect() as connection:
        items = parse(connection, FREE_SQL).selects[0].named
    assert items["half"].text == '"running" / 2'
    assert items["said"].text == "'ж' || cast(running as varchar)"
    assert items["slope"].text == "(2.5 * running - 1) / (running + (1))"
    assert items["coded"].text.endswith("c.code = ranked.day)")


def test_sql_that_cannot_be_read_is_an_error():
    with duckdb.connect() as connection, pytest.raises(AlmanacError, match="dbt compile"):
        parse(connection, "select from where")


def test_the_command_tells_everything_of_one_feature(ml):
    shown = ml("features", "GEO_event_ratio__1m_over_6m").stdout
    assert "dbt_project/models/features/ftr_geo.yml" in shown
    assert "Positions of the month as a share of those of six months." in shown
    for part in (
        "null share",
        "drift",
        "nullif",
        "int_mbd_geo_months",
        "detail/geo/fold=*/*.parquet",
    ):
        assert part in shown


def test_a_feature_is_told_of_without_its_sql(ml, company, tmp_path, monkeypatch):
    manifest = json.loads((company.home / "target" / "manifest.json").read_text("utf-8"))
    for node in manifest["nodes"].values():
        node.pop("compiled_code", None)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("ALMANAC_HOME", str(company.home))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    shown = CliRunner().invoke(main, ["features", "session_pace_last__1m"])
    assert shown.exit_code == 0
    assert "measured on" in shown.stdout
    assert shown.stdout.rstrip().endswith("Run: dbt compile")


def test_costs_are_those_of_the_warehouse(company, ws):
    found = {each.family: each for each in costs(ws, read_features(ws))}
    for family, relation in families(company):
        cost = found[family]
        assert cost.rows == company.value(f"select count(*) from {relation}")
        assert cost.bytes > 0
        assert cost.bytes % 16_384 == 0
        assert cost.bytes_per_row == cost.bytes / cost.rows
    assert found["geo"].partial == "int_mbd_geo_months"
    results = json.loads((company.home / "target" / "run_results.json").read_text("utf-8"))
    seconds = {each["unique_id"]: each["execution_time"] for each in results["results"]}
    assert found["geo"].seconds == seconds["model.almanac.ftr_geo"]
    assert found["geo"].partial_seconds == seconds["model.almanac.int_mbd_geo_months"]


def test_seconds_that_are_not_known_are_not_made_up(ws, company, tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes((company.home / "target" / "manifest.json").read_bytes())
    found = costs(replace(ws, target=tmp_path), read_features(ws))
    assert {each.seconds for each in found} == {None}
    results: Path = tmp_path / "run_results.json"
    results.write_text('{"args": {"which": "test"}, "results": []}', encoding="utf-8")
    assert {each.seconds for each in costs(replace(ws, target=tmp_path), read_features(ws))} == {
        None
    }


def test_the_command_shows_costs(ml):
    shown = ml("features", "--cost").stdout.splitlines()
    assert shown[0].split()[:3] == ["family", "features", "rows"]
    assert "families" in shown[-3]


def test_nothing_built_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    failed = CliRunner().invoke(main, ["features"])
    assert failed.exit_code == 1
    assert failed.stderr.rstrip().endswith("dbt build")
