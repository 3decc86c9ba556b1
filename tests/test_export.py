import lightgbm
import numpy as np
import pytest

from ml.models import FAMILIES, Blend, LightGBM, Stack
from ml.registry import artifact
from ml.serving.export import export_sql
from ml.serving.export import formula as formulas
from ml.serving.export.dbt_files import ExportedModel
from ml.serving.export.formula import formula
from ml.serving.export.probes import evaluate_sql, largest_difference, probes
from ml.serving.export.sql_export import TEST_ROWS
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from tests.learnable import fake_store, learnable
from tests.test_models import sample

__all__ = ["fake_store"]
NAMES = ["a", "b", 'c "d"', "e"]


def asked(model, matrix):
    return evaluate_sql(formula(model, NAMES), NAMES, matrix)


def trees(matrix, labels, **settings) -> LightGBM:
    categories = settings.pop("categorical_feature", "auto")
    data = lightgbm.Dataset(matrix, labels, categorical_feature=categories, params=settings)
    base = {"objective": "binary", "verbosity": -1, "num_leaves": 8, "min_data_in_leaf": 5}
    return LightGBM(lightgbm.train(base | settings, data, 30))


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {}),
        ("logistic", {}),
        ("logistic", {"impute": "mean", "scale": "minmax", "penalty": "l1"}),
        ("logistic", {"impute": "zero"}),
    ],
)
def test_sql_answers_as_the_model_does(family, parameters):
    matrix, labels, weights = sample()
    model = FAMILIES[family].fit(matrix, labels, weights, 1, parameters).calibrated(0.8, -0.3)
    tried = probes(matrix, 1000)
    expected = model.predict(tried)
    assert expected.std() > 0.1
    assert largest_difference(asked(model, tried), expected) < 1e-12


@pytest.mark.parametrize("mixed", [Blend, lambda models: Stack(models, (0.7, 0.2, 0.4))])
def test_sql_of_a_mixture_answers_as_its_members_together(mixed):
    matrix, labels, weights = sample()
    members = [("lightgbm", {}), ("logistic", {}), ("logistic", {"scale": "minmax"})]
    fitted = [FAMILIES[name].fit(matrix, labels, weights, 1, each) for name, each in members]
    lines = zip(fitted, (0.5, 1.0, 2.0), (-0.1, 0.0, 0.3), strict=True)
    model = mixed(tuple(each.calibrated(slope, height) for each, slope, height in lines))
    model = model.calibrated(0.9, -0.2)
    tried = probes(matrix, 1000)
    assert largest_difference(asked(model, tried), model.predict(tried)) < 1e-12


@pytest.mark.parametrize(
    "settings",
    [{}, {"zero_as_missing": True}, {"use_missing": False}, {"num_leaves": 31, "max_depth": 3}],
)
@pytest.mark.parametrize("nulls", [True, False])
def test_trees_send_nulls_and_zeros_where_lightgbm_does(settings, nulls):
    matrix, labels, _ = sample()
    matrix[::7, :2] = 0
    learnt = matrix if nulls else np.nan_to_num(matrix)
    model = trees(learnt, labels, **settings)
    tried = probes(matrix, 1000)
    np.testing.assert_array_equal(asked(model, tried), model.predict(tried))


def test_a_value_at_a_threshold_goes_where_the_model_sends_it():
    matrix, labels, _ = sample()
    model = trees(matrix.round(1), labels)
    tried = matrix.round(1)
    np.testing.assert_array_equal(asked(model, tried), model.predict(tried))


def test_categories_that_training_did_not_see_are_sent_as_the_model_sends_them():
    matrix, labels, _ = sample(2000)
    matrix[:, 2] = np.random.default_rng(1).integers(0, 6, len(matrix))
    labels = ((matrix[:, 2] % 2 == 0) ^ (labels == 1)).astype(np.int8)
    model = trees(matrix, labels, categorical_feature=[2])
    assert "==" in str(model.booster.dump_model())
    tried = probes(matrix, 1000)
    tried[:20, 2] = np.arange(-10, 10)
    np.testing.assert_array_equal(asked(model, tried), model.predict(tried))


def test_columns_of_nulls_alone_are_filled_as_the_model_fills_them():
    matrix, labels, weights = sample()
    matrix[:, 1] = np.nan
    model = FAMILIES["logistic"].fit(matrix, labels, weights, 1)
    tried = probes(sample()[0], 500)
    assert largest_difference(asked(model, tried), model.predict(tried)) < 1e-12


def test_probes_hold_nulls_and_strange_values():
    matrix, _, _ = sample()
    tried = probes(matrix, 300)
    assert np.isnan(tried[0]).all()
    known = {row.tobytes() for row in matrix}
    assert all(row.tobytes() in known for row in tried[3::3])
    assert np.isnan(tried[1::3]).mean() > 0.4
    assert (np.abs(tried[2::3]) == 999).any()
    np.testing.assert_array_equal(tried, probes(matrix, 300))


def test_a_formula_without_an_answer_is_infinitely_far():
    assert largest_difference(np.array([0.5, np.nan]), np.array([0.5, 0.5])) == np.inf


def test_models_that_are_too_large_or_of_another_kind_are_refused(monkeypatch):
    matrix, labels, _ = sample()
    with pytest.raises(AlmanacError, match="objective regression"):
        formula(trees(matrix, labels, objective="regression"), NAMES)
    monkeypatch.setattr(formulas, "MOST_LEAVES", 10)
    with pytest.raises(AlmanacError, match=r"240 leaves; as SQL, more than 10 (.|\n)*ml score"):
        formula(trees(matrix, labels), NAMES)

    matrix, labels, weights = sample()
    for family, parameters, wrong in (
        ("decision_tree", {}, "decision_tree cannot"),
        ("logistic", {"scale": "rank"}, "QuantileTransformer cannot"),
        ("logistic", {"encode": "one_hot"}, "Encoded columns cannot"),
    ):
        matrix[:, 0] = np.arange(len(matrix)) % 5
        model = FAMILIES[family].fit(matrix, labels, weights, 1, parameters)
        for refused in (model, Blend((model, model))):
            with pytest.raises(AlmanacError, match=wrong):
                formula(refused, NAMES)


@pytest.fixture
def ws(tmp_path, request):
    request.getfixturevalue("fake_store")
    ws = learnable(tmp_path / "home")
    train(ws, target(ws, "activity"), Plan(families=("lightgbm",)))
    return ws


def test_files_are_written_with_what_the_model_answered(ws, tmp_path):
    done = export_sql(ws, target(ws, "activity"), tmp_path / "project")
    assert done.rows == 3000 + 400
    assert done.largest_difference < 1e-12
    name = ExportedModel("activity", "", ws.home).name
    assert sorted(path.relative_to(tmp_path / "project").as_posix() for path in done.paths) == [
        f"macros/exports/{name}.sql",
        f"models/exports/{name}.sql",
        f"models/exports/{name}.yml",
        f"tests/exports/assert_{name}_is_its_model.sql",
    ]
    assert name != ExportedModel("activity", "", ws.home / "other").name
    model = (tmp_path / f"project/models/exports/{name}.sql").read_text(encoding="utf-8")
    assert artifact.champion(ws, "activity").model_id in model
    assert f"{{{{ {name}() }}}}" in model
    told = next(path for path in done.paths if "tests" in path.parts).read_text(encoding="utf-8")
    assert told.count("(null::double, null::double, null::double, null::double, ") >= 1
    assert told.count("        (") == TEST_ROWS


def test_where_answers_differ_nothing_is_written(ws, tmp_path, monkeypatch):
    wrong = formulas.formula
    monkeypatch.setattr(
        "ml.serving.export.sql_export.formula", lambda *given: f"0.999 * ({wrong(*given)})"
    )
    with pytest.raises(AlmanacError, match=r"differ by up to 0\.000\d+; nothing was written"):
        export_sql(ws, target(ws, "activity"), tmp_path / "project")
    assert not (tmp_path / "project").exists()
