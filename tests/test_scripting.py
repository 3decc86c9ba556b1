"""Scripts: `--json` of every command, exit codes, what a shell completes."""

import json
import math
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from ml.cli import main
from ml.workspace.plain import plain
from tests.command_results import DIFFERENT, RESULTS
from tests.documented import assert_documented, documented
from tests.ready_workspace import Ready

WITHOUT_JSON = {
    "ml serve": "it runs until it is stopped, and logs JSON lines of its own",
    "ml serve keys add": "it prints the key and nothing else",
    "ml serve keys revoke": "it prints no figure",
}
# By turns on one workspace, those that change it last.
ON_READY = (
    "ml doctor",
    "ml targets",
    "ml models",
    "ml models show {model}",
    "ml promote {model}",
    "ml dataset list",
    "ml dataset show {dataset}",
    "ml dataset verify {dataset}",
    "ml dataset make activity",
    "ml serve keys list",
    "ml verify",
    "ml evaluate",
    "ml evaluate --target activity --criterion profit",
    "ml evaluate --target activity --repeats 1 --holdout 0.25",
    "ml score",
    "ml predict {home}/in.csv {home}/out.csv --target activity",
    "ml export sql activity",
    "ml publish",
    "ml report",
    "ml materialize",
    "ml train --dataset {dataset} --model logistic",
    "ml forget c001 --yes",
    "ml dataset remove {dataset}",
)


def commands(group: click.Group, words: str = "ml") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{words} {name}")
            if not command.invoke_without_command:
                continue
        yield f"{words} {name}", command


def test_every_command_has_json_and_is_documented():
    found = dict(commands(main))
    with_json = {
        name for name, each in found.items() if any(p.name == "as_json" for p in each.params)
    }
    assert found.keys() - with_json == WITHOUT_JSON.keys()
    assert documented().keys() == with_json


@pytest.fixture(scope="module")
def ours(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Ready:
    return ready.copied(tmp_path_factory.mktemp("scripting") / "home")


def name_of(command: str) -> str:
    """The command's name without arguments, as the page has it."""
    return max((name for name in documented() if command.startswith(name)), key=len)


def test_documents_have_the_documented_keys(ours: Ready):
    ours.ml("serve", "keys", "add", "shop")
    for command in ON_READY:
        done = ours.ml(*ours.command(f"{command} --json")[1:])
        # It finds that this workspace was not made by dbt.
        assert done.exit_code == (4 if command == "ml doctor" else 0), done.stderr
        assert_documented(name_of(command), json.loads(done.stdout))


@pytest.mark.parametrize("command", RESULTS)
def test_documents_of_results(ours: Ready, monkeypatch: pytest.MonkeyPatch, command: str):
    for place, result in RESULTS[command].items():
        monkeypatch.setattr(place, lambda *_, result=result, **__: result)
    done = ours.ml(*command.split()[1:], "--json")
    assert done.exit_code in (0, 1), done.stderr
    assert_documented(name_of(command), json.loads(done.stdout))


def test_a_difference_is_given_and_told(ours: Ready, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ml.serving.parity.verify", lambda *_: [DIFFERENT])
    done = ours.ml("verify", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["differences"] == [
        {"view": "spend", "feature": "spend_sum__1m", "missing": 0, "extra": 0, "mismatched": 1,
         "customer": "c001", "warehouse": 1.5, "online": None},
    ]  # fmt: skip
    assert "Materialize anew: ml materialize" in done.stderr


def test_after_an_error_there_is_no_document(ours: Ready):
    done = ours.ml("models", "show", "nobody", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert ours.ml("models", "--json", "show", "nobody").exit_code == 2
    assert ours.ml("score", "--as-of", "2023-02-30").exit_code == 2


def test_values_are_those_of_json():
    values = {"a": np.float32(0.5), "b": math.nan, "c": datetime(2023, 2, 1), "d": (Path("x"), 1)}
    assert plain(values) == {"a": 0.5, "b": None, "c": "2023-02-01T00:00:00", "d": ["x", 1]}


def test_a_library_that_prints_does_not_spoil_the_document(
    ours: Ready, monkeypatch: pytest.MonkeyPatch
):
    def chatty(*_: object) -> Path:
        sys.stdout.write("hello")
        return Path("report.html")

    monkeypatch.setattr("ml.pages.report.write_report", chatty)
    done = ours.ml("report", "--json")
    assert json.loads(done.stdout) == {"path": "report.html", "left_out": []}
    assert "hello" in done.stderr


def test_a_shell_completes_names(ours: Ready, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALMANAC_HOME", str(ours.ws.home))
    monkeypatch.setenv("DBT_TARGET_PATH", str(ours.ws.home / "target"))
    model = next(path.parent.name for path in ours.ws.home.glob("models/activity/*/card.json"))

    def offered(*words: str) -> list[str]:
        *before, begun = words
        complete = ShellComplete(main, {}, "ml", "_ML_COMPLETE")
        return [each.value for each in complete.get_completions(before, begun)]

    assert offered("score", "--target", "a") == ["activity"]
    assert offered("rollback", "") == ["activity", "spend_next_month"]
    assert model in offered("models", "show", "activity-")
    assert offered("mod") == ["models"]
    monkeypatch.setenv("ALMANAC_HOME", str(ours.ws.home / "nowhere"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(ours.ws.home / "nowhere"))
    assert offered("score", "--target", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(monkeypatch: pytest.MonkeyPatch, shell: str):
    shown = CliRunner().invoke(main, [], prog_name="ml", env={"_ML_COMPLETE": f"{shell}_source"})
    assert "_ML_COMPLETE=" in shown.output
