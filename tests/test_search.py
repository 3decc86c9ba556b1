"""Plans, searches and what they choose: candidates, samplings, features, thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.data.resampling import SAMPLINGS, resample
from ml.data.training_set import TrainingSet
from ml.evaluation.metrics import calibration_error, roc_auc
from ml.evaluation.thresholds import CRITERIA, Costs, best_threshold, outcome, read_costs
from ml.models import FAMILIES, FORMATS, Blend, Stack
from ml.models.calibration import platt, stack_weights
from ml.training.crossfit import Candidate, CrossFit, fit
from ml.training.ensemble import learn, stacked_out_of_fold
from ml.training.plan import Plan, checked, read_config, read_plan
from ml.training.search import Search
from ml.workspace.errors import AlmanacError
from tests.cards import target
from tests.test_split import data

SMALL = Plan(families=("logistic", "decision_tree"), trials=4)


def rows(count: int = 400, columns: int = 6, rare: float = 0.0, seed: int = 1) -> TrainingSet:
    """Rows whose label follows from the first two columns; the others are noise."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, columns)).astype(np.float32)
    truth = expit(1.5 * matrix[:, 0] - matrix[:, 1] - rare)
    return data(np.arange(count), (rng.random(count) < truth).astype(np.int8), matrix)


def learnt(plan: Plan, given: TrainingSet | None = None, **more):
    return learn(CrossFit.of(given or rows(), target(), plan), plan, quiet=True, **more)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("name", ["logistic", "knn"])
def test_probabilities_keep_the_true_prevalence_whatever_the_sampling(name, sampling):
    given, other = rows(4000, rare=2.5), rows(4000, rare=2.5, seed=2)
    every = np.arange(len(given))
    model = fit(Candidate(name, sampling=sampling), given, every, np.arange(6), 7)
    share = other.labels.mean()
    assert model.predict(other.matrix).mean() == pytest.approx(share, abs=0.25 * share)


def test_sampling_evens_the_classes_of_what_it_is_given():
    labels = np.int8([0] * 90 + [1] * 10)
    down, up, even = (resample(labels, name, 1) for name in ("down", "up", "balanced"))
    assert (len(down.rows), labels[down.rows].sum()) == (20, 10)
    assert (len(up.rows), labels[up.rows].sum()) == (180, 90)
    assert even.weights[labels == 1].sum() == pytest.approx(even.weights[labels == 0].sum())
    assert [each.shift for each in (down, up, even)] == [pytest.approx(np.log(1 / 9))] * 3


def test_a_line_through_log_odds_makes_probabilities_of_them():
    rng = np.random.default_rng(3)
    truth = rng.normal(-2, 1.5, 20_000)
    labels = (rng.random(len(truth)) < expit(truth)).astype(np.int8)
    slope, intercept = platt(labels, (truth - 4) / 3)
    assert (slope, intercept) == (pytest.approx(3, rel=0.05), pytest.approx(4, abs=0.1))
    assert platt(labels, -truth)[0] > 0


@pytest.mark.parametrize("name", ["svc", "extra_trees"])
def test_what_gives_no_probabilities_is_calibrated_out_of_fold(name):
    given, other = rows(1500), rows(1500, seed=5)
    found = learnt(Plan(families=(name,)), given)
    assert calibration_error(other.labels, found.predict(other.matrix)) < 0.06
    assert calibration_error(given.labels, found.probabilities) < 0.05


def test_a_search_in_trials_gives_the_same_model_each_time():
    one, two = learnt(SMALL), learnt(SMALL)
    assert len(one.tried) == len(two.tried) == 4
    assert one.model.content() == two.model.content()
    assert one.members == two.members


def test_a_search_goes_on_where_it_was(tmp_path, monkeypatch):
    journal = tmp_path / "search" / "rows.journal"
    whole = learnt(SMALL)
    learnt(replace(SMALL, trials=3), journal=journal)
    made = []
    suggested = Search._suggested
    monkeypatch.setattr(Search, "_suggested", lambda *of: made.append(1) or suggested(*of))
    again = learnt(SMALL, journal=journal)
    assert len(made) == 1
    assert again.members == whole.members
    assert again.model.content() == whole.model.content()
    learnt(replace(SMALL, seed=8), journal=journal)
    assert len(made) == 1 + 4


def test_a_budget_in_seconds_ends_but_never_before_a_trial():
    assert len(learnt(Plan(families=("logistic",), budget=1e-6)).tried) == 1


def test_the_first_trials_are_the_defaults_and_variants_of_each_family():
    seen = []
    study = Search(SMALL, ["logistic", "decision_tree"], rows().labels, None)
    from ml.training.search import progress

    study.run(lambda _, candidate: seen.append(candidate) or 0.5, progress("", quiet=True))
    plain, sparse, tree = seen[:3]
    labels = rows().labels
    assert plain == Candidate("logistic", FAMILIES["logistic"].defaults(labels))
    assert sparse.parameters == {**plain.parameters, "penalty": "l1"}
    assert tree == Candidate("decision_tree", FAMILIES["decision_tree"].defaults(labels))


def test_the_mean_of_families_is_chosen_where_it_ranks_better_and_read_back():
    found = learnt(Plan(families=("logistic", "lightgbm", "extra_trees", "blend")))
    aucs = [trial.auc for trial in found.best]
    assert aucs == sorted(aucs, reverse=True)
    best = found.best[0].candidate
    members = (fit(best, rows(), np.arange(400), np.arange(6), 7),) * 2
    blend = Blend(members).calibrated(2.0, 0.5)
    again = FORMATS["blend"].parse(blend.content()).calibrated(2.0, 0.5)
    matrix = rows(seed=9).matrix
    assert (again.predict(matrix) == blend.predict(matrix)).all()
    np.testing.assert_allclose(logit(blend.predict(matrix)), 2 * members[0].log_odds(matrix) + 0.5)


def test_a_stack_gives_those_more_weight_who_know_more_and_none_a_negative_one():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=20_000)
    labels = (rng.random(len(truth)) < expit(truth)).astype(np.int8)
    told = np.column_stack(
        [truth + rng.normal(size=len(truth)), truth + 3 * rng.normal(size=len(truth)), -truth]
    )
    weights, _ = stack_weights(labels, told)
    assert weights[0] > 3 * weights[1] > 0
    assert weights[2] == 0
    out = stacked_out_of_fold(labels, told, np.arange(len(labels)) % 5)
    assert roc_auc(labels, out) > max(roc_auc(labels, column) for column in told.T)


def test_the_weights_that_judge_a_row_do_not_know_its_label():
    rng = np.random.default_rng(5)
    labels, told = np.int8([0, 1] * 50), rng.normal(size=(100, 3))
    fold_of = np.arange(100) % 5
    before = stacked_out_of_fold(labels, told, fold_of)
    other = np.where(fold_of == 2, 1 - labels, labels).astype(np.int8)
    after = stacked_out_of_fold(other, told, fold_of)
    same = before == after
    assert same[fold_of == 2].all()
    assert not same[fold_of != 2].any()


def test_a_stack_is_chosen_where_it_ranks_better_and_read_back():
    rng = np.random.default_rng(6)
    matrix = rng.normal(size=(1200, 6)).astype(np.float32)
    truth = expit(matrix[:, 0] + 3 * ((matrix[:, 1] > 0) ^ (matrix[:, 2] > 0)) - 1.5)
    given = data(np.arange(1200), (rng.random(1200) < truth).astype(np.int8), matrix)
    # The line knows a part of it, the tree another.
    plan = Plan(families=("logistic", "decision_tree", "stack"))
    found, again = learnt(plan, given), learnt(plan, given)
    assert isinstance(found.model, Stack)
    assert found.auc > found.best[0].auc
    assert len(found.members) == len(found.model.weights) == len(found.model.members) > 1
    assert min(found.model.weights) > 0
    assert found.model.content() == again.model.content()
    matrix = rows(seed=9).matrix
    line = (found.model.slope, found.model.intercept)
    read = FORMATS["stack"].parse(found.model.content()).calibrated(*line)
    assert (read.predict(matrix) == found.model.predict(matrix)).all()
    told = sum(
        weight * member.log_odds(matrix)
        for weight, member in zip(read.weights, read.members, strict=True)
    )
    np.testing.assert_allclose(read.log_odds(matrix), line[0] * told + line[1])


def test_contributions_of_a_stack_of_exact_members_add_up():
    every = np.arange(400)
    members = tuple(fit(Candidate(name), rows(), every, every[:6], 7)
                    for name in ("logistic", "lightgbm"))  # fmt: skip
    stack, matrix = Stack(members, (0.7, 0.2)).calibrated(1.1, -0.3), rows(seed=9).matrix
    assert stack.exact
    rest = stack.log_odds(matrix) - stack.contributions(matrix).sum(axis=1)
    assert np.ptp(rest) < 1e-5


def test_only_one_family_is_taken_where_no_blend_was_asked_for():
    assert len(learnt(Plan(families=("logistic", "lightgbm"))).members) == 1


def test_features_are_chosen_to_a_budget_inside_each_fold(monkeypatch):
    given = rows(600, columns=40)
    found = learnt(Plan(families=("logistic",), features=3), given)
    assert len(found.columns) == 3
    assert {0, 1} <= set(found.columns)
    # On labels of chance, features chosen on all rows would look telling.
    rng = np.random.default_rng(4)
    chance = replace(given, labels=rng.permutation(given.labels))
    told = learnt(Plan(families=("logistic",), features=3), chance).probabilities
    assert roc_auc(chance.labels, told) < 0.57


def test_families_that_cannot_be_had_are_named(monkeypatch):
    plan = Plan(families=("xgboost", "logistic", "svc"))
    monkeypatch.setattr("ml.models.family.find_spec", lambda _: None)
    assert plan.families_for(50_000) == ["logistic"]
    assert plan.left_out(50_000) == ["svc (takes at most 10000 rows)", "xgboost (not installed)"]
    with pytest.raises(AlmanacError, match=r"None of .*xgboost \(not installed\)"):
        learnt(Plan(families=("xgboost",)))
    with pytest.raises(AlmanacError, match=r"pip install .* -e '\.\[xgboost\]'"):
        FAMILIES["xgboost"].fit(rows().matrix, rows().labels, np.ones(400), 1)


def test_thresholds_follow_their_criterion():
    labels = np.int8([1, 1, 0, 1, 0, 0, 1, 0, 0, 0])
    told = np.linspace(0.95, 0.05, 10)
    found = {name: (told >= best_threshold(labels, told, name)).sum() for name in CRITERIA}
    assert found == {"f1": 4, "accuracy": 2, "precision": 1, "recall": 7, "profit": 2}
    dear = Costs(true_positive=1, false_positive=-0.1)
    assert (told >= best_threshold(labels, told, "profit", dear)).sum() == 7
    ruin = Costs(true_positive=-1, false_positive=-1)
    assert best_threshold(labels, told, "profit", ruin) > 1
    chosen = outcome(labels, told >= 0.6)
    assert (chosen.precision, chosen.recall, chosen.f1) == (0.75, 0.75, 0.75)
    assert chosen.accuracy == pytest.approx(0.8)
    assert chosen.profit(dear) == pytest.approx(2.9)


def test_a_plan_is_read_from_toml_and_recorded(tmp_path):
    path = tmp_path / "training.toml"
    path.write_text(
        'targets = "activity"\nfamilies = ["logistic", "blend"]\ntrials = 20\nfeatures = 9\n'
        'sampling = ["none"]\ncriterion = "profit"\nseed = 3\n[costs]\ntrue_positive = 5\n'
    )
    targets, plan = read_config(path)
    assert targets == ("activity",)
    assert plan == Plan(
        families=("logistic", "blend"),
        trials=20,
        features=9,
        sampling=("none",),
        criterion="profit",
        costs=Costs(true_positive=5.0),
        seed=3,
    )
    assert read_plan(plan.record(), "the card") == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 3", "speed: is not a setting"),
        ('families = ["lightbgm"]', "no model family lightbgm; there are lightgbm"),
        ('criterion = "money"', "no criterion money"),
        ("trials = true", "trials: Input should be a valid integer, not True"),
        ("trials = 0", "trials: Input should be greater than 0, not 0"),
        ("budget = 5\ntrials = 5", "give one"),
        ('families = ["blend"]', "nothing to try"),
        ('families = ["stack", "blend"]', "nothing to try"),
        ("[costs]\nfalse_positives = 2", "costs.false_positives: is not a setting"),
        ("families = [", "is not TOML"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "training.toml"
    path.write_text(text)
    with pytest.raises(AlmanacError, match=message):
        read_config(path)


def test_files_that_are_absent_are_named(tmp_path):
    with pytest.raises(AlmanacError, match=r"There is no file .*training\.toml"):
        read_config(tmp_path / "training.toml")
    with pytest.raises(AlmanacError, match=r"costs\.toml cannot be read"):
        read_costs(tmp_path / "costs.toml")
    with pytest.raises(AlmanacError, match="no sampling half"):
        checked(Plan(sampling=("half",)), "here")
