"""Every command against damaged files, a full disk and missing rights: the cause, and a cure."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from ml.workspace.errors import AlmanacError
from ml.workspace.faults import refused, writing
from ml.workspace.files import fresh_file, fresh_folder, write_text
from tests.ready_workspace import NODES, Ready
from tests.small_workspace import write_manifest
from tests.warm_commands import FILE_LIMIT, ORDINARY
from tests.workspaces import Ran

# What a person types, by turns on one workspace: those that write least come first.
COMMANDS = (
    "ml targets",
    "ml features",
    "ml trace c001",
    "ml rejects",
    "ml refit dialog",
    "ml models",
    "ml models show {model}",
    "ml promote {model}",
    "ml rollback activity",
    "ml dataset list",
    "ml dataset verify {dataset} --rows",
    "ml verify",
    "ml evaluate --target activity",
    "ml score --online",
    "ml score",
    "ml predict {home}/in.csv {home}/out.csv --target activity",
    "ml export sql activity",
    "ml profile",
    "ml publish",
    "ml report",
    "ml dataset make spend_next_month",
    "ml materialize",
    "feast apply",
    "ml train --dataset {dataset} --model logistic",
    "ml train --target spend_next_month --model logistic",
    "ml forget c001 --yes",
)
EVERY = frozenset(COMMANDS)
# They read and write no more than models and kept rows.
WITHOUT_WAREHOUSE = {
    "ml models",
    "ml models show {model}",
    "ml promote {model}",
    "ml rollback activity",
    "ml dataset list",
    "ml predict {home}/in.csv {home}/out.csv --target activity",
    "ml train --dataset {dataset} --model logistic",
}
OF_ONE_MODEL = {
    "ml models show {model}",
    "ml promote {model}",
    "ml verify",
    "ml evaluate --target activity",
    "ml predict {home}/in.csv {home}/out.csv --target activity",
    "ml export sql activity",
    "ml materialize",
}


@pytest.fixture(scope="module")
def sound(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    """How every command ends where nothing is damaged; some miss what dbt would build."""
    ours = ready.copied(tmp_path_factory.mktemp("sound") / "home")
    return {command: ours.run(command).code for command in COMMANDS}


@dataclass(frozen=True)
class Damage:
    """A damaged file, what every refused command says, and which commands are refused."""

    file: str
    how: Callable[[bytes], bytes]
    says: str
    refused: frozenset[str] | set[str]
    cure: str = ""


DAMAGES = {
    "online store": Damage(
        "online_store.db",
        lambda content: os.urandom(len(content) // 2) + content[len(content) // 2 :],
        "is damaged: file is not a database",
        {"ml verify", "ml score --online", "ml materialize", "ml forget c001 --yes"},
        "rm -f",
    ),
    "registry": Damage(
        "registry.db",
        lambda _: b"garbled" * 50,
        "Feast's registry {file} is damaged",
        {
            "ml dataset verify {dataset} --rows",
            "ml verify",
            "ml score --online",
            "ml score",
            "ml export sql activity",
            "ml dataset make spend_next_month",
            "ml materialize",
            "feast apply",
            "ml train --target spend_next_month --model logistic",
        },
        "rm ",
    ),
    "truncated warehouse": Damage(
        "warehouse.duckdb",
        lambda content: content[:10_000],
        "{file} is damaged: IO Error: Could not read enough bytes",
        EVERY - WITHOUT_WAREHOUSE,
    ),
    "garbled warehouse": Damage(
        "warehouse.duckdb",
        lambda content: content[:4096] + os.urandom(8192) + content[12288:],
        "{file} is damaged: Corrupt database file",
        EVERY - WITHOUT_WAREHOUSE,
    ),
    "card": Damage(
        "models/activity/{model}/card.json",
        lambda content: content[:200],
        "models/activity/{model} was changed after training: card.json",
        OF_ONE_MODEL,
        "ml train",
    ),
    "history": Damage(
        "models/activity/history.json",
        lambda _: b'[{"wh',
        "{file} is not a history of models",
        (OF_ONE_MODEL | {"ml train --dataset {dataset} --model logistic"})
        - {"ml models show {model}"},
        "mv ",
    ),
    "manifest": Damage(
        "target/manifest.json",
        lambda _: b'{"nodes": {',
        "{file} is not a dbt manifest",
        {
            "ml targets",
            "ml verify",
            "ml materialize",
            "ml score",
            "ml report",
            "ml dataset make spend_next_month",
            "feast apply",
        },
    ),
    "kept rows": Damage(
        "datasets/{dataset}/rows.parquet",
        lambda content: content[:1000],
        "{file} is not the file that was written",
        {
            "ml dataset verify {dataset} --rows",
            "ml train --dataset {dataset} --model logistic",
            "ml forget c001 --yes",
        },
        "ml dataset remove",
    ),
    "settings": Damage(
        "workspace.yml", lambda _: b"raw: [", "{file} is not YAML", EVERY - {"feast apply"}
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_every_command_names_a_damaged_file_or_does_without_it(
    ready: Ready, sound: Mapping[str, int], tmp_path: Path, name: str
) -> None:
    damage, ours = DAMAGES[name], ready.copied(tmp_path / "home")
    names = {"model": ours.model, "dataset": ours.dataset}
    file = ours.ws.home / damage.file.format(**names)
    file.write_bytes(damage.how(file.read_bytes() if file.exists() else b""))
    says = damage.says.format(file=file, **names)
    before, last = ours.files(), Ran(0, "")
    for command in (each for each in COMMANDS[:-1] if each in damage.refused):
        last = ours.run(command)
        assert_refused(last, says)
        assert ours.files() == before, command
    for command in (each for each in COMMANDS if each not in damage.refused):
        ran = ours.run(command)
        assert "Traceback" not in ran.text, command
        assert ran.code == sound[command] or (ran.code and says in ran.text), (command, ran.text)
    if COMMANDS[-1] in damage.refused:
        # It erases what it meets before; run again, it goes on.
        assert_refused(ours.run(COMMANDS[-1]), says)
    assert_no_leftovers(ours.ws.home)
    if damage.cure:
        assert_cured(ours, damage, says, last)


def assert_refused(ran: Ran, *says: str) -> None:
    assert ran.code != 0, ran.text
    assert "Traceback" not in ran.text, ran.text
    for each in says:
        assert each in ran.text, ran.text
    what, _, following = ran.text.strip().rpartition("\n")
    assert what, following
    assert re.search(r"ml |dbt |feast |then |rm |mv |Free |Correct it", following), following


def assert_no_leftovers(home: Path) -> None:
    assert [path for path in home.rglob(".*") if re.search(r"\.\d+", path.name)] == []


def assert_cured(ours: Ready, damage: Damage, says: str, told: Ran) -> None:
    """Do what the message says, word by word, and see the refused commands work."""
    cure = told.text.strip().rpartition("\n")[2].rpartition(": ")[2]
    assert cure.startswith(damage.cure), told.text
    ran = ours.ws.run("bash", "-c", cure.replace("<model id>", ours.model))
    assert ran.code == 0, ran.text
    gone = {"ml dataset verify {dataset} --rows", "ml train --dataset {dataset} --model logistic"}
    for command in (each for each in COMMANDS if each in damage.refused):
        if damage.cure != "ml dataset remove" or command not in gone:
            ran = ours.run(command)
            assert says not in ran.text, ran.text
            assert "Traceback" not in ran.text, ran.text


def test_other_models_are_listed_and_reported_beside_a_damaged_one(
    ready: Ready, tmp_path: Path
) -> None:
    ours = ready.copied(tmp_path / "home")
    card = ours.ws.home / "models" / "activity" / ours.model / "card.json"
    card.write_text(card.read_text()[:200])
    listed, page = ours.run("ml models"), ours.ws.home / "report.html"
    assert listed.code == 0
    assert "spend_next_month-" in listed.text
    assert f"Warning: {card} cannot be read: the whole: Invalid JSON" in listed.text
    assert '"model_id"' not in listed.text
    reported = ours.run("ml report")
    assert reported.code == 0
    assert f"Left out: {card.parent} was changed after training: card.json." in reported.text
    assert "spend_next_month" in page.read_text()
    cure = listed.text.strip().rpartition(": ")[2]
    assert cure == f"rm -r {card.parent} && ml train --target activity"
    assert ours.ws.run("bash", "-c", f"{cure} --model logistic").code == 0
    assert "Warning" not in ours.run("ml models").text


# Where files may not grow, a write fails as on a full disk, and no superuser is needed.

LARGER = "cannot be written: it would be larger than a file may be here."
FULL = {
    "ml publish": "published.duckdb",
    "ml report": "report.html",
    "ml dataset make spend_next_month": "datasets/spend_next_month-",
    "ml train --target spend_next_month --model logistic": "models/spend_next_month/",
    "feast apply": "registry.db",
    "ml materialize": "online_store.db",
    "ml forget c001 --yes": "datasets/",
}
SLOW = {"ml report", "ml train --target spend_next_month --model logistic", "ml materialize"}


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_is_named_and_leaves_what_was(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    ours = ready.copied(tmp_path / "home")
    before = ours.files()
    monkeypatch.setenv(FILE_LIMIT, "3000")
    ran = ours.ws.run(*ours.command(command))
    assert_refused(ran, f"{ours.ws.home}/{FULL[command]}", "larger than a file may be here")
    assert ours.files() == before
    assert_no_leftovers(ours.ws.home)
    if command not in SLOW:
        monkeypatch.delenv(FILE_LIMIT)
        ran = ours.ws.run(*ours.command(command))
        assert ran.code == 0, ran.text


def test_scores_that_the_disk_does_not_take_leave_the_others(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ready.copied(tmp_path / "home")
    before = ours.ws.value("select count(*) from scores.scores")
    earlier = ("ml", "score", "--target", "activity", "--as-of", "2023-04-01")
    monkeypatch.setenv(FILE_LIMIT, "3000")
    place = ours.ws.home / "warehouse.duckdb"
    assert_refused(ours.ws.run(*earlier), f"{place} {LARGER}")
    assert ours.ws.value("select count(*) from scores.scores") == before
    monkeypatch.delenv(FILE_LIMIT)
    assert "150 new" in ours.ws.must(*earlier)


def test_a_warehouse_that_may_not_be_written_is_named_and_read(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ready.copied(tmp_path / "home")
    place = ours.ws.home / "warehouse.duckdb"
    monkeypatch.setenv(ORDINARY, "1")
    place.chmod(0o444)
    before = ours.files()
    cure = f"chmod u+rwX {place}"
    for command in ("ml score", "ml forget c001 --yes"):
        ran = ours.ws.run(*ours.command(command))
        assert_refused(ran, f"{place} cannot be opened: this user has no right to.", cure)
        if command == "ml score":
            assert ours.files() == before
    assert ours.ws.run("ml", "targets").code == 0
    assert ours.ws.run("ml", "publish").code == 0
    ours.ws.must(*cure.split())
    ours.ws.must("ml", "score")


def test_a_folder_that_may_not_be_written_is_named(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ready.copied(tmp_path / "home")
    monkeypatch.setenv(ORDINARY, "1")
    ours.ws.home.chmod(0o555)
    before = ours.files()
    for command, file in (("ml publish", "published.duckdb"), ("feast apply", "registry.db")):
        ran = ours.ws.run(*ours.command(command))
        told = f"{ours.ws.home / file} cannot be written: this user has no right to."
        assert_refused(ran, told, f"chmod u+rwX {ours.ws.home}, then")
    assert ours.files() == before
    ours.ws.home.chmod(0o755)
    ours.ws.must("ml", "publish")


def test_a_copied_workspace_leaves_the_store_that_it_was_copied_from(
    ready: Ready, tmp_path: Path
) -> None:
    first = ready.copied(tmp_path / "first")
    first.ws.must("feast", "apply")
    second = first.copied(tmp_path / "second")
    before = first.files()
    write_manifest(second.ws.opened(), [NODES[0], NODES[2]])
    second.ws.must("feast", "apply")
    assert first.files() == before


# The causes

CAUSES = {
    "[Errno 28] No space left on device": "the disk is full.",
    "database or disk is full": "the disk is full.",
    "IO Error: Could not write file: Disk quota exceeded": "share of the disk is used up.",
    "[Errno 30] Read-only file system: 'x'": "the disk is read-only.",
    "[Errno 13] Permission denied": "this user has no right to.",
    "[Errno 21] Is a directory": "a folder of this name is in its place.",
    "[Errno 20] Not a directory": "a file is in the place of its folder.",
    "[Errno 17] File exists": "a file is in the place of its folder.",
    "attempt to write a readonly database": "this user has no right to.",
}


@pytest.mark.parametrize("text", CAUSES)
def test_a_cause_is_told_from_the_words_of_any_library(tmp_path: Path, text: str) -> None:
    with pytest.raises(AlmanacError) as raised, writing(tmp_path / "page"):
        raise duckdb.IOException(text)
    assert raised.value.what.startswith(f"{tmp_path / 'page'} cannot be written: ")
    assert raised.value.what.endswith(CAUSES[text])
    assert raised.value.next.endswith("then run the command again.")


def test_an_error_of_another_kind_stays_as_it_is(tmp_path: Path) -> None:
    assert refused(ValueError("nothing of a file")) is None
    with pytest.raises(ZeroDivisionError), fresh_file(tmp_path / "page"):
        raise ZeroDivisionError


def test_a_file_inside_a_folder_is_told_by_the_folder(tmp_path: Path) -> None:
    def write() -> None:
        with fresh_folder(tmp_path / "model") as folder, fresh_file(folder / "rows"):
            raise OSError(28, os.strerror(28), str(folder / "rows"))

    with pytest.raises(AlmanacError) as raised:
        write()
    assert raised.value.what == f"{tmp_path / 'model'} cannot be written: the disk is full."
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "monitoring.html").mkdir()
    with pytest.raises(AlmanacError, match="a folder of this name is in its place"):
        write_text(tmp_path / "monitoring.html", "<html>")
    assert [path.name for path in tmp_path.iterdir()] == ["monitoring.html"]
