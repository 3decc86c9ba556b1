import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result
from scipy.stats import norm

from ml.cli import main
from ml.registry import artifact
from ml.registry.backtest_months import read_months
from ml.workspace.settings import workspace
from tests.learnable import fake_store, learnable

__all__ = ["fake_store"]
pytestmark = pytest.mark.usefixtures("fake_store")


@pytest.fixture
def ml(tmp_path, monkeypatch):
    def run(*arguments: str) -> Result:
        monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "home" / "target"))
        monkeypatch.delenv("ALMANAC_RAW", raising=False)
        return CliRunner().invoke(main, arguments)

    return run


@pytest.fixture
def built(tmp_path, ml):
    learnable(tmp_path / "home")
    return ml


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help_with_an_example(ml, command):
    shown = ml(command, "--help")
    assert shown.exit_code == 0
    assert f"ml {command}" in shown.output.split("Examples:")[1]
    options = [p for p in main.commands[command].params if p.param_type_name == "option"]
    assert all(option.help for option in options)


def test_help_loads_no_heavy_package():
    code = (
        "import sys, ml.cli; print([m for m in ('feast', 'numpy', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['duckdb']")


def test_an_error_is_a_message_without_a_traceback(ml):
    failed = ml("train")
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: No dbt manifest at")
    assert failed.stderr.rstrip().endswith("dbt build")
    assert failed.stdout == ""


def test_an_unknown_target_is_an_error(built):
    failed = built("score", "--target", "activty")
    assert failed.exit_code == 1
    assert "Here are: activity," in failed.stderr


def test_targets_are_listed(built):
    lines = built("targets").stdout.splitlines()
    assert lines[0].split()[:3] == ["target", "rows", "positives"]
    assert [line.split()[0] for line in lines[2:]] == ["activity", "rare", "spend_next_month"]


def test_from_training_to_publishing(built):
    trained = built("train", "--model", "logistic")
    assert trained.exit_code == 0
    assert [line.split()[0] for line in trained.stdout.splitlines()[2:]] == [
        "activity",
        "spend_next_month",
    ]
    assert trained.stderr.startswith("Left out: ")
    assert "rare" in trained.stderr
    judged = built("evaluate", "--target", "spend_next_month").stdout
    assert "roc_auc" in judged
    assert judged.rstrip().endswith("(horizon in months: 1).")
    assert "400 new, 0 already there" in built("score", "-t", "activity").stdout
    assert "0 new, 400 already there (scored offline)" in built("score", "-t", "activity").stdout
    assert "scores.scores" in built("publish").stdout


def test_months_of_a_backtest_end_with_their_mean(built):
    built("train", "-t", "spend_next_month", "--model", "logistic")
    shown = built("evaluate", "-t", "spend_next_month", "--months", "2").stdout
    names = [line.split()[0] for line in shown.splitlines()[3:6]]
    assert names == ["2023-05", "2023-06", "mean"]
    assert "Mean ROC-AUC of 2 runs" in shown
    ws = workspace()
    champion = artifact.champion_id(ws, "spend_next_month")
    months = read_months(ws.models / "spend_next_month", champion)
    assert [month.month for month in months] == ["2023-05", "2023-06"]
    low, high = months[0].interval
    assert low < months[0].roc_auc < high
    assert f"{months[0].roc_auc:.4f}" in shown


def test_families_are_compared_on_the_same_rows(built):
    built("train", "-t", "activity", "--model", "logistic")
    shown = built("evaluate", "-t", "activity", "--repeats", "1", "--holdout", "0.25", "--families")
    lines = shown.stdout.splitlines()
    headers = "family roc_auc 95 % interval f1 precision recall accuracy brier calibration"
    assert " ".join(lines[1].split()) == headers
    found = {line.split("  ")[0]: line.split()[-10:] for line in lines[3:-2]}
    assert found["as trained"] == found["logistic"]
    assert found.keys() >= {"lightgbm", "extra_trees", "random_forest", "svc", "knn"}
    # Whoever always says yes finds all, and is right as often as precise.
    f1, precision, recall, accuracy = map(float, found["always yes"][-4:])
    assert recall == 1
    assert precision == accuracy
    assert f1 == pytest.approx(2 * precision / (1 + precision), abs=1e-4)
    f1, precision, recall = map(float, found["logistic"][4:7])
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-3)
    assert lines[-2].startswith("1 random stratified splits of 400 rows, 25% to judge")


def test_on_shuffled_labels_nothing_is_learnt(built):
    built("train", "-t", "spend_next_month", "--model", "logistic")

    def errors_from_chance(*options: str) -> float:
        """How many standard errors the mean ROC-AUC of three months is above 0.5."""
        shown = built("evaluate", "-t", "spend_next_month", "--months", "3", *options).stdout
        assert ("Labels were shuffled" in shown) == ("--placebo" in options)
        low, high = map(float, re.search(r"customers: ([\d.]+) to ([\d.]+);", shown).groups())
        return ((low + high) / 2 - 0.5) / ((high - low) / (2 * norm.ppf(0.975)))

    # An interval of 95 % misses 0.5 once in twenty times by luck, one of 99.9 % once in a thousand.
    chance = errors_from_chance("--placebo")
    assert not list(workspace().models.glob("*/backtest.json"))
    assert abs(chance) < norm.ppf(0.9995) < errors_from_chance()


def test_a_threshold_follows_the_costs(built, tmp_path):
    built("train", "-t", "spend_next_month", "--model", "logistic")
    costs = tmp_path / "costs.toml"

    def chosen(miss: float) -> int:
        costs.write_text(f"true_positive = 1\nfalse_positive = -1\nfalse_negative = {miss}\n")
        decide = ("evaluate", "-t", "spend_next_month", "--criterion", "profit")
        shown = built(*decide, "--costs", str(costs)).stdout
        return int(re.search(r"(\d+) of 400 rows", shown)[1])

    assert 0 < chosen(0) < chosen(-9)


def test_a_config_says_what_to_train_and_options_go_before_it(built, tmp_path):
    config = tmp_path / "training.toml"
    config.write_text('targets = ["activity"]\nfamilies = ["decision_tree"]\ntrials = 2\n')
    trained = built("train", "--config", str(config)).stdout.splitlines()
    assert [line.split()[:2] for line in trained[2:]] == [["activity", "decision_tree"]]
    other = built("train", "--config", str(config), "--model", "logistic").stdout.splitlines()
    assert other[2].split()[:2] == ["activity", "logistic"]


def test_models_are_logged_as_runs_of_mlflow_once(built, tmp_path):
    reason = "the extra mlflow is not installed"
    tracking = pytest.importorskip("mlflow.tracking", reason=reason, exc_type=ImportError)
    for _ in range(2):
        shown = built("train", "-t", "activity", "--model", "logistic", "--mlflow").stdout
    address = f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"
    assert shown.splitlines()[-1] == f"Runs of MLflow: {address}"
    client = tracking.MlflowClient(address)
    runs = client.search_runs([client.get_experiment_by_name("activity").experiment_id])
    (run,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    trials = [each for each in runs if each.data.tags.get("mlflow.parentRunId") == run.info.run_id]
    folder = tmp_path / "home" / "models" / "activity" / run.info.run_name
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    measured = {each["name"]: each["value"] for each in card["metrics"]["cv"]["metrics"]}
    assert run.data.metrics["cv.roc_auc"] == measured["roc_auc"]
    assert run.data.params["family"] == "logistic"
    assert len(trials) == card["trials"] == len(runs) - 1 > 1
    assert {each.data.params["family"] for each in trials} == {"logistic"}
    best = max(each.data.metrics["cv.roc_auc"] for each in trials)
    assert best == pytest.approx(card["candidates"]["logistic"])
    (registered,) = client.search_model_versions("name = 'activity'")
    assert registered.run_id == run.info.run_id
    champion = client.get_model_version_by_alias("activity", "champion")
    assert champion.tags["model_id"] == card["model_id"]
    assert run.data.params["1.logistic.sampling"] == "none"
    logged = tmp_path / "home" / "mlflow" / "activity" / run.info.run_id / "artifacts" / "model"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {file.name: file.read_bytes() for file in logged.iterdir()} == files


def test_the_alias_in_mlflow_follows_the_champion(built, tmp_path):
    reason = "the extra mlflow is not installed"
    tracking = pytest.importorskip("mlflow.tracking", reason=reason, exc_type=ImportError)
    built("train", "-t", "activity", "--model", "logistic", "--mlflow")
    built("train", "-t", "activity", "--model", "decision_tree")
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}")
    (logged,) = client.search_model_versions("name = 'activity'")
    models = {path.parent.name for path in workspace().models.glob("activity/*/card.json")}
    [other] = models - {logged.tags["model_id"]}
    # Of the two only the first was logged: no version is the other one.
    built("promote", other, "--force")
    assert client.get_registered_model("activity").aliases == {}
    built("rollback", "activity")
    assert client.get_registered_model("activity").aliases == {"champion": logged.version}


def test_without_mlflow_nothing_is_trained_for_it(built, tmp_path, monkeypatch):
    monkeypatch.setattr("ml.registry.mlflow.find_spec", lambda name: None)
    failed = built("train", "-t", "activity", "--mlflow")
    assert failed.exit_code == 1
    assert "pip install --constraint constraints.txt -e '.[mlflow]'" in failed.stderr
    assert not (tmp_path / "home" / "models").exists()


def test_a_target_asked_for_by_name_must_succeed(built):
    failed = built("train", "--target", "rare")
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: ")


def test_options_that_exclude_each_other_are_a_usage_error(built):
    assert built("evaluate", "--repeats", "2", "--months", "2").exit_code == 2
    assert built("evaluate", "--placebo").exit_code == 2
    assert built("evaluate", "--criterion", "f1", "--costs", "costs.toml").exit_code == 2
    assert built("train", "--budget", "5", "--trials", "5").exit_code == 1


def test_a_file_is_predicted(built, tmp_path):
    built("train", "-t", "activity", "--model", "logistic")
    (tmp_path / "in.csv").write_text("spend_sum__1m\n3\nmuch\n", encoding="utf-8")
    shown = built("predict", "-t", "activity", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert shown.stdout.splitlines() == [
        f"1 predicted  {tmp_path / 'out.csv'}",
        f"1 rejected  {tmp_path / 'out.rejected.csv'}",
    ]


def test_models_are_listed_shown_promoted_and_rolled_back(built):
    for family in ("logistic", "lightgbm"):
        built("train", "-t", "activity", "--model", family)
    lines = [line.split() for line in built("models").stdout.splitlines()[2:]]
    assert {line[2] for line in lines} == {"logistic", "lightgbm"}
    assert sum("champion" in line for line in lines) == 1
    first = next(line[1] for line in lines if line[2] == "logistic")
    other = next(line[1] for line in lines if line[2] == "lightgbm")
    shown = built("models", "show", first).stdout
    assert f"{first}  logistic, 4 features" in shown
    assert "promoted  the first champion" in shown
    output = built("promote", other, "--force").stdout
    assert output.startswith(f"{other} is the champion now: ")
    # Both read the same features: it scores customers by id at once.
    assert "Next" not in output
    again = built("promote", other, "--force").stdout
    assert again == f"{other} is the champion of activity already. Nothing has changed.\n"
    back = built("rollback", "activity")
    assert back.stdout == f"{first} is the champion of activity again, {other} no longer.\n"
    failed = built("rollback", "activity")
    assert failed.exit_code == 1
    assert failed.stderr.rstrip().endswith("See the models: ml models")


def test_a_champion_of_other_features_tells_what_brings_its_input_online(built):
    built("train", "-t", "activity", "--model", "logistic")
    built("train", "-t", "activity", "--model", "logistic", "--features", "2")
    lines = [line.split() for line in built("models").stdout.splitlines()[2:]]
    challenger, champion = sorted(lines, key=lambda line: "champion" in line)
    following = "Next: feast apply && ml materialize\n"
    assert built("promote", challenger[1], "--force").stdout.endswith(f".\n{following}")
    back = built("rollback", "activity").stdout
    assert back == (
        f"{champion[1]} is the champion of activity again, {challenger[1]} no longer.\n{following}"
    )
