"""What monitoring measures of a feature in a month, beside scipy, numpy and their definitions."""

from collections.abc import Callable
from itertools import product

import duckdb
import jinja2
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, ks_2samp, wasserstein_distance

from tests.workspaces import REPOSITORY

MACROS = REPOSITORY / "dbt_project" / "macros" / "monitoring"
USED = ("almanac_psi", "almanac_psi_noise", "almanac_jensen_shannon", "measured_month")
MONTH, REFERENCE = "2022-06-01", ("2022-01-01", "2022-03-01")
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
Draw = Callable[[np.random.Generator, int], np.ndarray]
KINDS: dict[str, Draw] = {
    "amounts": lambda dice, n: dice.lognormal(3, 1, n),
    "counts": lambda dice, n: dice.poisson(0.7, n).astype(float),
    "rare": lambda dice, n: (dice.random(n) < 0.01).astype(float),
    "constant": lambda _, n: np.full(n, 4.0),
    "absent": lambda _, n: np.full(n, np.nan),
    "gaps": lambda dice, n: np.where(dice.random(n) < 0.6, np.nan, dice.integers(-2, 3, n)),
    "infinite": lambda dice, n: np.where(dice.random(n) < 0.1, np.inf, dice.normal(size=n)),
}


def rendered(macro: str) -> str:
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    source = "".join((MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in USED)
    return environment.from_string(source + macro).render()


def measured(rows: pd.DataFrame, names: list[str], asked: int) -> pd.DataFrame:
    """What is measured of MONTH, by feature."""
    values = "[" + ", ".join(names) + "]"
    sql = rendered(
        f"{{{{ measured_month('family', '{values}', {len(names)}, '{MONTH}', '{REFERENCE[0]}', "
        f"'{REFERENCE[1]}', {asked}) }}}}"
    )
    with duckdb.connect() as connection:
        connection.register("family", rows)
        found = connection.execute(f"select * from ({sql}) order by position").df()
    return found.assign(name=[names[position - 1] for position in found["position"]]).set_index(
        "name"
    )


def family(customers: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Customer-months of all KINDS; those of MONTH are larger by `shift`."""
    dice = np.random.default_rng(seed)
    months = ["2021-12-01", "2022-01-01", "2022-02-01", "2022-03-01", MONTH]
    frames = [
        pd.DataFrame(
            {
                "customer_id": [f"c{i}" for i in range(customers)],
                "feature_month": pd.Timestamp(month),
                **{
                    name: draw(dice, customers) + (shift if month == MONTH else 0)
                    for name, draw in KINDS.items()
                },
            }
        )
        for month in months
    ]
    return pd.concat(frames, ignore_index=True)


def known(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def shares_of_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    bins = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), 10)
    return np.bincount(bins, minlength=11)


@pytest.mark.parametrize(("customers", "seed", "shift"), [(400, 1, 0.0), (60, 2, 1.0), (3, 3, 0)])
def test_measures_are_those_of_scipy(customers, seed, shift):
    rows = family(customers, seed, shift)
    found = measured(rows, list(KINDS), 1_000_000)
    in_reference = rows["feature_month"].between(*REFERENCE)
    for name in KINDS:
        here = rows.loc[rows["feature_month"] == MONTH, name].to_numpy()
        there = rows.loc[in_reference, name].to_numpy()
        row = found.loc[name]
        assert (row["rows"], row["reference_rows"]) == (len(here), len(there))
        assert row["reference_customers"] == customers
        assert row["null_share"] == pytest.approx(1 - len(known(here)) / len(here))
        edges = (
            np.quantile(known(there), np.arange(1, 10) / 10, method="inverted_cdf")
            if len(known(there))
            else np.full(9, np.inf)
        )
        bins, reference_bins = shares_of_bins(here, edges), shares_of_bins(there, edges)
        assert row["bins"].tolist() == bins.tolist(), name
        assert row["reference_bins"].tolist() == reference_bins.tolist(), name
        one, other = bins / bins.sum(), reference_bins / reference_bins.sum()
        assert row["jensen_shannon"] == pytest.approx(jensenshannon(one, other, base=2), abs=1e-9)
        one, other = np.maximum(one, 0.0001), np.maximum(other, 0.0001)
        assert row["psi"] == pytest.approx(((one - other) * np.log(one / other)).sum(), abs=1e-12)
        check_values(row, known(here), known(there))


def check_values(row: pd.Series, here: np.ndarray, there: np.ndarray) -> None:
    for prefix, values in (("", here), ("reference_", there)):
        if len(values):
            assert row[f"{prefix}mean"] == pytest.approx(values.mean())
            assert row[f"{prefix}deviation"] == pytest.approx(values.std(), abs=1e-12)
            expected = np.quantile(values, SHARES, method="inverted_cdf")
            assert row[f"{prefix}quantiles"].tolist() == pytest.approx(expected.tolist())
        else:
            assert np.isnan(row[f"{prefix}mean"])
    if not (len(here) and len(there)):
        assert np.isnan(row["ks"])
        assert np.isnan(row["wasserstein"])
        return
    assert row["ks"] == pytest.approx(ks_2samp(here, there).statistic, abs=1e-12)
    if there.std():
        distance = wasserstein_distance(here, there) / there.std()
        assert row["wasserstein"] == pytest.approx(distance, rel=1e-9, abs=1e-12)
    else:
        assert np.isnan(row["wasserstein"])


def test_a_sample_is_of_the_size_asked_for_and_does_not_depend_on_the_order_of_rows():
    rows = family(3_000, 4)
    shuffled = rows.sample(frac=1, random_state=5)
    found, again = (measured(each, ["amounts", "counts"], 1_000) for each in (rows, shuffled))
    pd.testing.assert_frame_equal(found, again)
    assert found["rows"].between(800, 1_200).all()
    assert found["reference_rows"].between(800, 1_200).all()


def test_a_month_without_rows_is_not_measured():
    rows = family(50, 6)
    assert measured(rows[rows["feature_month"] != MONTH], ["counts"], 100).empty


def test_noise_is_the_quantile_of_chi_square():
    macro = "{{ almanac_psi_noise('bins', 'reference_bins', 'rows', 'reference_rows') }}"
    for filled, (rows, reference_rows) in product(range(1, 12), [(300, 900), (10_000, 8_000)]):
        bins = [5] * filled + [0] * (11 - filled)
        with duckdb.connect() as connection:
            ((noise,),) = connection.execute(
                f"select {rendered(macro)} from (select ?::bigint[] as bins, "
                "?::bigint[] as reference_bins, ? as rows, ? as reference_rows)",
                [bins, bins, rows, reference_rows],
            ).fetchall()
        exact = chi2.isf(1e-5, filled - 1) * (1 / rows + 1 / reference_rows) if filled > 1 else 0
        assert noise == pytest.approx(exact, rel=1e-4)


def test_two_samples_of_one_population_stay_below_the_noise():
    found = pd.concat([measured(family(300, seed), list(KINDS), 10_000) for seed in range(20)])
    assert (found["psi"] <= found["psi_noise"]).all()
    assert (found["ks"].dropna() <= found["ks_noise"][found["ks"].notna()]).all()
