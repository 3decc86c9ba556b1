"""What is measured of every feature at a build, beside pandas and numpy."""

import hashlib

import duckdb
import jinja2
import numpy as np
import pandas as pd
import pytest

from ml.features.catalogue.lookup import read_features
from tests.company_fixtures import families, ws
from tests.workspaces import REPOSITORY

__all__ = ["ws"]

MACROS = REPOSITORY / "dbt_project" / "macros" / "catalogue"
SAMPLE = 2_500


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
        "feature_statistics_table": lambda: "kept",
        "shop": {"family": "shop", "source": "shop"},
        "names": names,
    }
    macros = ("almanac_drifts", "measured_rows", "measure_features")
    paths = [
        MACROS.parent / "monitoring" / "almanac_psi.sql",
        *(MACROS / f"{m}.sql" for m in macros),
    ]
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    sql = environment.from_string(
        source + "{{ measure_features('family_rows', shop, names, 'complete_months') }}"
    ).render()
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
