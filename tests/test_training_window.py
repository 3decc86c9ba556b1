"""Which months a model learns from, and how a backtest chooses among windows."""

import numpy as np
import pytest

from ml.data.feature import Feature
from ml.data.training_set import TrainingSet
from ml.data.window import parse_window
from ml.training.crossfit import Candidate, fit
from ml.training.plan import Plan, checked
from ml.training.window import weights_of, windowed
from ml.workspace.errors import BadInput
from ml.workspace.targets import Target

MONTHS, CUSTOMERS = 14, 250
PLAN = Plan(families=("logistic",))


def target(validation: str = "temporal") -> Target:
    return Target("t", "t", "binary", 1, "roc_auc", validation, (), None, "", 0, 0)


def rows(turned_after: int | None = None) -> TrainingSet:
    """A row a customer and month; after so many months the feature says the opposite."""
    dice = np.random.default_rng(4)
    times = np.repeat(np.datetime64("2022-01") + np.arange(MONTHS), CUSTOMERS)
    month = np.repeat(np.arange(MONTHS), CUSTOMERS)
    values = dice.normal(size=(len(times), 2)).astype(np.float32)
    sign = np.where(month >= turned_after, -1, 1) if turned_after else 1
    labels = (sign * values[:, 0] + dice.normal(size=len(times)) > 0).astype(np.int8)
    return TrainingSet(
        (Feature("a", "double", "f"), Feature("b", "double", "f")),
        np.tile([f"c{i}" for i in range(CUSTOMERS)], MONTHS),
        times.astype("datetime64[us]"),
        labels,
        values,
    )


def everything(data: TrainingSet) -> np.ndarray:
    return np.arange(len(data))


def test_a_window_is_read_from_its_name():
    months = rows().times
    assert len(parse_window("all").rows(months)) == MONTHS * CUSTOMERS
    assert parse_window("all").weights(months) is None
    last = parse_window("3").rows(months)
    assert len(last) == 3 * CUSTOMERS
    assert months[last].min() == np.datetime64("2022-12-01")
    weights = parse_window("half-life:2").weights(months)
    assert weights is not None
    assert [weights[i * CUSTOMERS] for i in (MONTHS - 1, MONTHS - 3, MONTHS - 5)] == [1, 0.5, 0.25]


@pytest.mark.parametrize("text", ["0", "-3", "3.5", "half-life:", "half-life:0", "some", ""])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(BadInput, match="training window"):
        parse_window(text)


def test_a_plan_with_what_is_no_window_is_refused_before_any_row_is_read():
    with pytest.raises(BadInput, match="training window"):
        checked(Plan(windows=("all", "some")), "ml train")


def test_one_window_is_taken_and_none_is_all():
    data = rows()
    kept, plan = windowed(data, everything(data), target(), PLAN)
    assert (len(kept), plan) == (len(data), PLAN)
    wanted = Plan(families=("logistic",), windows=("4",))
    kept, plan = windowed(data, everything(data), target(), wanted)
    assert (len(kept), plan.windows) == (4 * CUSTOMERS, ("4",))
    assert weights_of(data.take(kept), plan) is None


def test_a_backtest_takes_the_last_months_where_the_past_misleads_and_all_where_it_helps():
    windows = ("all", "5", "half-life:12")
    plan = Plan(families=("logistic",), windows=windows)
    turned, steady = rows(turned_after=8), rows()
    _, chosen = windowed(turned, everything(turned), target(), plan)
    assert chosen.windows == ("5",)
    _, chosen = windowed(steady, everything(steady), target(), plan)
    assert chosen.windows == ("all",)


def test_the_choice_sees_no_row_that_it_may_not_train_on():
    """Rows outside of `train` are spoilt: the choice stays what it was."""
    data = rows(turned_after=8)
    train = np.arange(12 * CUSTOMERS)
    plan = Plan(families=("logistic",), windows=("all", "3"))
    before = windowed(data, train, target(), plan)[1]
    data.labels[12 * CUSTOMERS :] = 1 - data.labels[12 * CUSTOMERS :]
    data.matrix[12 * CUSTOMERS :] = np.nan
    assert windowed(data, train, target(), plan)[1] == before


def test_weights_by_age_reach_the_fit():
    data = rows(turned_after=8)
    every, columns = everything(data), np.arange(2)
    weights = parse_window("half-life:1").weights(data.times)
    alike = fit(Candidate("logistic"), data, every, columns, 1)
    aged = fit(Candidate("logistic"), data, every, columns, 1, weights)
    probe = np.float32([[2, 0], [-2, 0]])
    assert np.diff(alike.log_odds(probe))[0] < 0 < np.diff(aged.log_odds(probe))[0]


def test_rows_without_time_have_no_window():
    data = rows()
    plan = Plan(families=("logistic",), windows=("3",))
    with pytest.raises(BadInput, match="has no time"):
        windowed(data, everything(data), target("stratified"), plan)
    assert windowed(data, everything(data), target("stratified"), PLAN)[1] == PLAN
