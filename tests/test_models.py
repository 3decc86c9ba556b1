import sys

import numpy as np
import pytest

from ml.evaluation.metrics import roc_auc
from ml.models import FAMILIES, Model, Pipelined, importance
from ml.models.encoding import ENCODINGS, codes
from ml.models.pipeline import _transformed
from ml.serving.reasons import MOST_CONTRIBUTIONS, Meaning, most_important, reasons
from tests.workspaces import real_data


def sample(rows: int = 600, seed: int = 2):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    wish = 2 * matrix[:, 0] - matrix[:, 1]
    labels = (rng.random(rows) < 1 / (1 + np.exp(-wish))).astype(np.int8)
    matrix[rng.random((rows, 4)) < 0.1] = np.nan
    return matrix, labels, np.ones(rows)


@pytest.fixture(params=sorted(FAMILIES))
def family(request):
    return FAMILIES[request.param]


def test_a_model_comes_back_from_its_file_as_it_was(family, tmp_path):
    model = family.fit(*sample(), 1)
    model.save(tmp_path / family.file)
    again = family.load(tmp_path / family.file)
    matrix, _, _ = sample(seed=3)
    assert (again.predict(matrix) == model.predict(matrix)).all()
    assert again.content() == model.content()


def test_the_same_rows_give_the_same_model(family):
    assert family.fit(*sample(), 1).content() == family.fit(*sample(), 1).content()
    assert family.fit(*sample(), 1).content() != family.fit(*sample(seed=4), 1).content()


@pytest.mark.parametrize("name", ["logistic", "knn", "svc"])
def test_rows_prepared_block_by_block_are_learnt_as_at_once(name, monkeypatch):
    whole = FAMILIES[name].fit(*sample(), 1)
    monkeypatch.setattr("ml.data.mapped.ROWS_AT_ONCE", 70)
    assert FAMILIES[name].fit(*sample(), 1).content() == whole.content()


@pytest.mark.parametrize("impute", ["median", "mean", "zero"])
@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_prepared_model_tells_what_its_pipeline_tells_to_the_bit(impute, encode):
    matrix, labels, weights = sample()
    matrix[:, 3] = np.arange(len(matrix)) % 5
    for order in ("C", "F"):
        given = np.asarray(matrix, order=order)
        model = FAMILIES["logistic"].fit(
            given, labels, weights, 1, {"impute": impute, "encode": encode}
        )
        steps = model.pipeline[:-1].transform(given)
        np.testing.assert_array_equal(_transformed(model.pipeline, given), steps)
        expected = model.pipeline.decision_function(given)
        np.testing.assert_allclose(model.margin(given), expected, rtol=0, atol=1e-12)


def test_a_row_alone_gets_what_it_gets_among_others_to_the_bit(family):
    model = family.fit(*sample(), 1)
    matrix, _, _ = sample(seed=5)
    alone = np.concatenate([model.predict(matrix[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(alone, model.predict(matrix)[:40])


@pytest.mark.parametrize("name", ["logistic", "knn", "svc"])
def test_few_rows_say_what_fills_nulls_and_brings_to_scale(name, monkeypatch):
    monkeypatch.setattr("ml.models.pipeline._TYPICAL_ROWS", 100)
    matrix, labels, weights = sample()
    learnt = FAMILIES[name].fit(matrix, labels, weights, 1).pipeline
    few = learnt["log"].transform(matrix[::6])
    assert learnt["impute"].statistics_ == pytest.approx(np.nanmedian(few, axis=0))
    assert learnt["scale"].n_samples_seen_ == 100


def test_only_fits_of_few_values_are_made_side_by_side():
    logistic, forest = FAMILIES["logistic"], FAMILIES["random_forest"]
    assert logistic.most_threads({}, 10_000) is None
    assert logistic.most_threads({}, 1_000_000_000) == 1
    assert logistic.most_threads({"encode": "one_hot"}, 10_000) == 1
    assert forest.most_threads({}, 10_000) == 1


@pytest.mark.parametrize("name", ["lightgbm", "logistic", "hist_gradient_boosting", "xgboost"])
def test_probabilities_are_calibrated_under_weights(name):
    family = FAMILIES[name]
    matrix, labels, _ = sample(4000)
    kept = (labels == 1) | (np.arange(len(labels)) % 4 == 0)
    stand_for = np.where(labels == 1, 1.0, 4.0)
    model = family.fit(matrix[kept], labels[kept], stand_for[kept], 1)
    assert model.predict(matrix).mean() == pytest.approx(labels.mean(), abs=0.03)


def test_contributions_and_importance_find_what_matters(family):
    matrix, labels, weights = sample()
    model = family.fit(matrix, labels, weights, 1)
    added = model.contributions(matrix)
    assert added.shape == matrix.shape
    for each in (added, None):
        found = importance(model, matrix, ["much", "less", "noise", "other"], each)
        assert [entry["feature"] for entry in found[:2]] == ["much", "less"]
        assert [entry["direction"] for entry in found[:2]] == ["up", "down"]
        assert sum(entry["importance"] for entry in found) == pytest.approx(1)


@pytest.mark.parametrize("name", ["lightgbm", "logistic", "xgboost"])
def test_contributions_add_up_to_the_log_odds(name):
    family = FAMILIES[name]
    matrix, labels, weights = sample()
    model = family.fit(matrix, labels, weights, 1)
    p = model.predict(matrix)
    rest = np.log(p / (1 - p)) - model.contributions(matrix).sum(axis=1)
    assert np.ptp(rest) < 1e-5


class Counted(Model):
    """A model that counts how often it is asked: two columns among many, no exact contributions."""

    family = "counted"
    exact = False
    asked = 0

    def margin(self, matrix):
        type(self).asked += 1
        return 3 * matrix[:, 700].astype(float) - 2 * matrix[:, 3]

    def margin_parts(self, matrix, asked=None):
        raise NotImplementedError

    def content(self):
        raise NotImplementedError


def test_importance_of_many_columns_takes_a_bounded_number_of_predictions():
    Counted.asked = 0
    matrix = np.random.default_rng(0).normal(size=(300, 1500)).astype(np.float32)
    found = importance(Counted(), matrix, [str(i) for i in range(1500)])
    assert Counted.asked <= 401
    assert [(each["feature"], each["direction"]) for each in found[:2]] == [
        ("700", "up"), ("3", "down")
    ]  # fmt: skip
    assert found[0]["importance"] + found[1]["importance"] == pytest.approx(1)
    assert found[0]["importance"] == pytest.approx(0.6, abs=0.05)


def test_what_is_never_permuted_alone_shares_the_weight_of_its_block(monkeypatch):
    monkeypatch.setattr(sys.modules["ml.models.importance"], "_BLOCKS", 2)
    monkeypatch.setattr(sys.modules["ml.models.importance"], "_MOST_PERMUTATIONS", 2)
    matrix = np.random.default_rng(0).normal(size=(300, 800)).astype(np.float32)
    found = {e["feature"]: e for e in importance(Counted(), matrix, [str(i) for i in range(800)])}
    assert found["700"]["importance"] == found["799"]["importance"] > found["3"]["importance"] > 0
    assert found["700"]["direction"] == "mixed"


def test_only_the_columns_asked_about_cost_predictions():
    family = FAMILIES["extra_trees"]
    matrix, labels, weights = sample()
    model = family.fit(matrix, labels, weights, 1)
    some = model.contributions(matrix, [1, 0])
    assert (some[:, :2] == model.contributions(matrix)[:, :2]).all()
    assert not some[:, 2:].any()


def test_reasons_ask_about_the_features_that_matter_in_general(monkeypatch):
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(300, 120)).astype(np.float32)
    labels = (matrix[:, 90] + rng.normal(size=300) > 0).astype(np.int8)
    model = FAMILIES["decision_tree"].fit(matrix, labels, np.ones(300), 1)
    shares = {each["feature"]: each["importance"] for each in
              importance(model, matrix, [str(i) for i in range(120)])}  # fmt: skip
    means = [Meaning(f"Number {i}.", "up", shares[str(i)]) for i in range(120)]
    assert 90 in most_important(means)
    assert len(most_important(means)) == MOST_CONTRIBUTIONS
    asked, margin = [], Pipelined.margin
    monkeypatch.setattr(
        Pipelined, "margin", lambda model, rows: asked.append(len(rows)) or margin(model, rows)
    )
    found = list(reasons(model, matrix, means))
    assert sum(asked) == (MOST_CONTRIBUTIONS + 1) * len(matrix)
    assert sum(row[0].startswith("number 90: ") for row in found if row) > 100


def coded_sample(seed: int = 2):
    """A code whose values lead up and down in turn, with nulls, beside a number."""
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 6, 1500).astype(np.float32)
    number = rng.normal(size=1500).astype(np.float32)
    wish = 2 * (code % 2) - 1 + number
    labels = (rng.random(1500) < 1 / (1 + np.exp(-wish))).astype(np.int8)
    code[rng.random(1500) < 0.1] = np.nan
    return np.column_stack([number, code * 7]), labels, np.ones(1500)


def test_a_code_is_told_from_a_number_a_flag_and_an_id():
    rng = np.random.default_rng(1)
    code, flag, number, key = (
        rng.integers(5, size=300), rng.integers(2, size=300), rng.random(300), np.arange(300)
    )  # fmt: skip
    matrix = np.column_stack([number, code, flag, key, code]).astype(np.float32)
    matrix[::7, 4] = np.nan
    assert codes(matrix) == [1, 4]


@pytest.mark.parametrize(
    ("name", "encode"), [("logistic", "one_hot"), ("svc", "one_hot"), ("knn", "ordinal")]
)
def test_codes_are_learnt_better_encoded(name, encode):
    matrix, labels, _ = coded_sample(seed=3)

    def auc(encode: str) -> float:
        model = FAMILIES[name].fit(*coded_sample(), 1, {"encode": encode})
        return roc_auc(labels, model.predict(matrix))

    assert auc(encode) > auc("none") + 0.01


@pytest.mark.parametrize("encode", ENCODINGS)
def test_encoded_columns_come_back_add_up_and_take_what_training_did_not_see(encode):
    family = FAMILIES["logistic"]
    model = family.fit(*coded_sample(), 1, {"encode": encode})
    matrix = coded_sample(seed=3)[0]
    matrix[:3, 1] = [99, -1, 3.5]
    rest = model.log_odds(matrix) - model.contributions(matrix).sum(axis=1)
    assert model.contributions(matrix).shape == matrix.shape
    assert np.ptp(rest) < 1e-9
    again = family.parse(model.content())
    assert (again.predict(matrix) == model.predict(matrix)).all()
    assert again.content() == model.content()


def test_ranks_of_codes_do_not_mind_how_far_apart_they_are():
    matrix, labels, weights = coded_sample()
    far = matrix.copy()
    far[far[:, 1] == 35, 1] = 1e6
    fit = FAMILIES["logistic"].fit
    ranks, same = (fit(each, labels, weights, 1, {"encode": "ordinal"}) for each in (matrix, far))
    assert (ranks.predict(matrix) == same.predict(far)).all()
    plain = fit(far, labels, weights, 1)
    assert not np.allclose(plain.predict(far), ranks.predict(matrix))


def test_columns_of_nulls_and_infinite_tails_are_survived(family):
    matrix, labels, weights = sample()
    matrix[:, 2] = np.nan
    matrix[0, 3] = 3e38
    assert np.isfinite(family.fit(matrix, labels, weights, 1).predict(matrix)).all()


def test_no_rows_give_no_predictions(family):
    assert len(family.fit(*sample(), 1).predict(np.empty((0, 4), np.float32))) == 0


def test_a_skops_file_with_a_strange_type_is_refused(tmp_path):
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    strange = Pipeline([("run", FunctionTransformer(np.testing.assert_equal))])
    skops.io.dump(strange, tmp_path / "model.skops")
    with pytest.raises(Exception, match=r"Untrusted types.*assert_equal"):
        FAMILIES["logistic"].load(tmp_path / "model.skops")


def one_click_frame():
    import pandas as pd

    folder = real_data("one_click")
    market = pd.read_csv(folder / "market_file.csv")
    money = pd.read_csv(folder / "market_money.csv").pivot(
        index="id", columns="Период", values="Выручка"
    )
    minutes = pd.read_csv(folder / "market_time.csv").pivot(
        index="id", columns="Период", values="минут"
    )
    labels = (market.pop("Покупательская активность") == "Снизилась").to_numpy(np.int8)
    market["Тип сервиса"] = market["Тип сервиса"].replace("стандартт", "стандарт")
    wide = market.join(money, on="id").join(minutes, on="id", rsuffix="_минут").drop(columns="id")
    return pd.get_dummies(wide, dtype=float).to_numpy(np.float32), labels


def test_the_genuine_shop_is_learnt_without_its_ids():
    from ml.evaluation.metrics import roc_auc
    from ml.training.crossfit import Candidate, CrossFit
    from ml.training.plan import Plan
    from tests.cards import target
    from tests.test_split import data

    matrix, labels = one_click_frame()
    rows = data(np.arange(len(labels)), labels, matrix)
    cross_fit = CrossFit.of(rows, target(), Plan())
    auc = roc_auc(labels, cross_fit.log_odds(Candidate("lightgbm")))
    assert auc > 0.90
