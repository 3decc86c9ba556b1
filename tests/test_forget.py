"""A person leaves a workspace: nothing but raw files names them, and no build brings them back."""

import hashlib
import hmac
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ml import dataset
from ml.cli.forget import _ranges
from ml.landing.forgotten import Forgotten, add_forgotten, kept_lines, read_forgotten
from ml.privacy import forget as erasures
from ml.privacy.stored_rows import StoredRows
from ml.registry import artifact
from ml.serving.publish import publish
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal
from tests.learnable import ws
from tests.online_stores import choose
from tests.workspaces import TestWorkspace, make_workspace

__all__ = ["ws"]

CUSTOMERS = ("--exclude", "resource_type:test", "resource_type:unit_test", "features", "scores")
WITHOUT_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")
TARGET = "spend_decline"
# A customer whom every source knows, with the sources' own ids.
KNOWN_EVERYWHERE = """
    select customer_id, map(list(source), list(source_id)) from landed.workspace__identities
    where customer_id in (select customer_id from targets.tgt_spend_decline)
    group by customer_id having count(*) = 4 order by customer_id limit 1
"""


class Erased:
    """A workspace and a customer who left it: what was there before, and what the command said."""

    def __init__(self, ours: TestWorkspace, customer: str, own: dict[str, str]) -> None:
        self.ws, self.customer, self.own = ours, customer, own
        self.before = ours.query(scores_of("<>", customer))
        self.rows_before = ours.query(rows_of("<>", customer))
        self.were_there = {path.name for path in self.named()}
        self.said = ours.must("ml", "forget", own["transactions"], "--yes")

    def named(self) -> list[Path]:
        """The files, raw ones apart, in whose bytes a long id stands."""
        searched = [each.encode() for each in (self.customer, *self.own.values()) if len(each) > 6]
        assert len(searched) >= 3
        files = (path for path in self.ws.home.rglob("*") if path.is_file())
        return [
            path
            for path in files
            if "raw" not in path.relative_to(self.ws.home).parts
            and any(each in path.read_bytes() for each in searched)
        ]


@pytest.fixture(scope="module")
def erased(company: TestWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    """A company with a model, scores, online rows, kept rows and a page, and a customer erased."""
    home = tmp_path_factory.mktemp("erased") / "home"
    shutil.copytree(company.home, home, ignore=shutil.ignore_patterns("logs"))
    ours = make_workspace(home, home / "raw")
    ((customer, own),) = ours.query(KNOWN_EVERYWHERE)
    with sales(ours)[0].open("a", encoding="utf-8") as file:
        file.write(f"x,2022-01-16T11:30:32,1,2,3,4,5,6,7,8,{own['transactions']}\n")
    ours.must("dbt", "build", "--quiet", *WITHOUT_TESTS)
    ours.must("feast", "apply")
    ours.must("ml", "train", "--target", TARGET, "--model", "logistic")
    ours.must("feast", "apply")
    ours.must("ml", "materialize")
    ours.must("ml", "score", "--target", TARGET)
    ours.must("ml", "dataset", "make", TARGET)
    ours.must("ml", "publish")
    (home / "report.html").write_text(f"the page of {customer}")
    (home / "catalogue").mkdir()
    (home / "catalogue" / "facts.js").write_text(f"most rows are of {customer}")
    (home / "notes.txt").write_text(f"call {own['transactions']} back")
    (home / "raw" / "letters.txt").write_text(f"dear {customer}")
    return Erased(ours, customer, own)


def sales(ws: TestWorkspace) -> list[Path]:
    return sorted((ws.raw / "transactions").glob("*.csv"))


def scores_of(comparison: str, customer: str) -> str:
    return (
        "select customer_id, target, score, reasons from scores.scores "
        f"where customer_id {comparison} '{customer}' order by all"
    )


def rows_of(comparison: str, customer: str) -> str:
    return (
        "select count(*), sum(hash(customer_id, feature_month, vector)) from "
        f"features.ftr_spend__vectors where customer_id {comparison} '{customer}'"
    )


def test_no_byte_of_the_workspace_names_the_customer_any_more(erased: Erased) -> None:
    # Parquet packs texts, so that ids in it are seldom whole; other tests read it.
    assert {
        "warehouse.duckdb",
        "published.duckdb",
        "online_store.db",
        "facts.js",
    } <= erased.were_there
    assert [path.name for path in erased.named()] == ["notes.txt"]
    told = "Still names the customer, and is not Almanac's to change: "
    left = {line.removeprefix(told) for line in erased.said.splitlines() if line.startswith(told)}
    # A raw file that no source takes is none of those whose lines are listed.
    assert left == {f"{erased.ws.home}/notes.txt", f"{erased.ws.home}/raw/letters.txt"}


def test_raw_lines_are_named_and_left(erased: Erased) -> None:
    own = erased.own["one_click"]
    text = (erased.ws.raw / "market_file.csv").read_text(encoding="utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.startswith(f"{own},"))
    assert re.search(rf"^market_file\.csv +1  {line}$", erased.said, re.MULTILINE)
    assert re.search(
        rf"^{sales(erased.ws)[0].relative_to(erased.ws.raw)} ", erased.said, re.MULTILINE
    )


def test_a_workspace_built_in_part_says_so(company: TestWorkspace, tmp_path: Path) -> None:
    shutil.copytree(company.home, tmp_path / "home", ignore=shutil.ignore_patterns("logs", "raw"))
    ours = make_workspace(tmp_path / "home", company.raw)
    ours.change("drop table intermediate.int_customer_sources cascade")
    ran = ours.run("ml", "forget", "c0000001", "--yes")
    assert ran.code == 1
    assert "not built as far as its customers.\nBuild it first: dbt build" in ran.text


def test_lines_are_listed_as_people_list_them() -> None:
    assert _ranges([2, 3, 4, 7, 9, 10]) == "2-4, 7, 9-10"
    assert _ranges([]) == ""


def test_all_others_stay_as_they_were(erased: Erased) -> None:
    assert erased.before
    assert erased.ws.query(scores_of("<>", erased.customer)) == erased.before
    assert erased.ws.query(rows_of("<>", erased.customer)) == erased.rows_before
    assert erased.ws.query(scores_of("=", erased.customer)) == []


def test_models_still_score_and_kept_rows_say_that_they_changed(erased: Erased) -> None:
    opened = erased.ws.opened()
    model = artifact.champion(opened, TARGET)
    assert erased.customer not in model.predictions()["customer_id"].to_pylist()
    (kept,) = (each for each in dataset.datasets(opened) if each.folder)
    assert kept.manifest.forgotten > 0
    assert erased.customer not in kept.table()["customer_id"].to_pylist()
    assert "rows of forgotten customers were removed" in erased.ws.must(
        "ml", "dataset", "show", kept.id
    )


def test_no_build_brings_the_customer_back(erased: Erased) -> None:
    (erased.ws.home / "notes.txt").unlink(missing_ok=True)
    changed = sales(erased.ws)[0]
    changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    for build in (("run", "--select", "staging"), ("build", "--full-refresh", *CUSTOMERS)):
        erased.ws.must("dbt", *build, "--quiet")
        assert erased.named() == []
    assert erased.ws.value("select count(*) from marts.dim_customers") == 599


def test_an_erased_customer_is_unknown(erased: Erased) -> None:
    assert "Nothing of this customer was stored." in erased.ws.must(
        "ml", "forget", erased.customer, "--yes"
    )
    ran = erased.ws.run("ml", "forget", "nobody", "--yes")
    assert ran.code == 1
    assert "No source knows a customer nobody." in ran.text


def test_an_erasure_that_was_cut_off_is_completed(
    company: TestWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(company.home, tmp_path / "home", ignore=shutil.ignore_patterns("logs"))
    opened = make_workspace(tmp_path / "home", tmp_path / "home" / "raw").opened()
    company.must("feast", "apply")
    shutil.copyfile(company.home / "registry.db", opened.home / "registry.db")
    monkeypatch.setenv("ALMANAC_HOME", str(opened.home))

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    own = dict(
        company.query(
            "select source, source_id from landed.workspace__identities "
            "where customer_id = 'c0000001'"
        )
    )
    wrong = replace(opened, settings={**opened.settings, "publish": {"tables": 5}})
    with pytest.raises(AlmanacError, match="must be a list"):
        erasures.forget(wrong, erasures.plan(wrong, "c0000001"), print)
    assert not (opened.home / "forgetting.json").exists()
    with monkeypatch.context() as broken:
        broken.setattr(StoredRows, "remove", cut_off)
        with pytest.raises(KeyboardInterrupt):
            erasures.forget(opened, erasures.plan(opened, "c0000001"), print)
    # A build that comes between drops what tells which ids are one customer's.
    with duckdb.connect(str(opened.warehouse)) as warehouse:
        warehouse.execute("delete from landed.workspace__identities")
    with pytest.raises(AlmanacError, match="Complete it first: ml forget c0000001"):
        erasures.plan(opened, "c0000002")
    # Nor does a store that only Feast writes keep an erasure from its end.
    choose(monkeypatch, tmp_path, {"type": "remote", "path": "http://127.0.0.1:1"})
    done = erasures.forget(opened, erasures.plan(opened, own["mbd"]), print)
    assert done.not_erased == "RemoteOnlineStore"
    assert b"c0000001" not in opened.warehouse.read_bytes()
    assert own["mbd"].encode() not in opened.warehouse.read_bytes()
    assert not (opened.home / "forgetting.json").exists()


def test_which_ids_are_meant(company: TestWorkspace, tmp_path: Path) -> None:
    shutil.copytree(company.home, tmp_path / "home", ignore=shutil.ignore_patterns("logs", "raw"))
    ours = make_workspace(tmp_path / "home", company.raw)
    ours.change(
        "insert into landed.workspace__identities values ('transactions', 'x9', 'c0000003'), "
        "('mbd', 'twice', 'c0000003'), ('one_click', 'twice', 'c0000004'), "
        "('retailtech', 'c0000003', 'c0000005')"
    )
    planned = erasures.plan(ours.opened(), "x9")
    assert planned.customer == "c0000003"
    assert {"x9", "c0000003"} <= set(planned.ids["transactions"])
    assert "c0000003" not in planned.ids["retailtech"]
    with pytest.raises(AlmanacError, match="twice is the id of several customers"):
        erasures.plan(ours.opened(), "twice")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("c005,2024-01-03,5,x,y", False),
        ("x;Ünal-Öz;5", False),
        ('a,"O\'Brien",5', False),
        ("50% off,1", True),
        ("seen: c005 twice", False),
        ("c0051,2024-01-03,5", True),
        ("12,2024-01-03 10:00:00,5", False),
        ("c009,2024-01-03 10:12:00,12", True),
    ],
)
def test_lines_without_fields_are_left_out_by_the_ids_in_them(line: str, kept: bool) -> None:
    listed = Forgotten("key")
    hashes = [("key", listed.hash("shop", each)) for each in ("c005", "Ünal-Öz", "O'Brien", "12")]
    with duckdb.connect() as connection:
        connection.execute("create schema landed")
        connection.execute("create table landed.workspace__forgotten (key varchar, hash varchar)")
        connection.executemany("insert into landed.workspace__forgotten values (?, ?)", hashes)
        connection.execute("create table lines as select ? as _line", [line])
        found = connection.execute(
            f"select count(*) from lines where {kept_lines(literal('shop'))}"
        )
        assert found.fetchall() == [(int(kept),)]


def test_an_id_is_forgotten_in_its_own_source(tmp_path: Path) -> None:
    listed = add_forgotten(Workspace(tmp_path, tmp_path, {}), {"shop": ["17"]})
    listed = add_forgotten(Workspace(tmp_path, tmp_path, {}), {"bank": ["4"]})
    assert read_forgotten(Workspace(tmp_path, tmp_path, {})) == listed
    assert set(json.loads((tmp_path / "forgotten.json").read_bytes())) == {"key", "hashes"}
    assert listed.hash("shop", "17") in listed.hashes
    assert listed.hash("bank", "17") not in listed.hashes


def test_ids_are_published_as_keyed_hashes(ws: Workspace) -> None:
    key = b"0123456789abcdef" * 5
    (ws.home / "ids.key").write_bytes(key + b"\n")
    plain = publish(ws)
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        ids = reader.execute("select distinct customer_id from targets.tgt_activity").fetchall()
    hidden = Workspace(ws.home, ws.raw, {"published_id_key": "ids.key"})
    assert publish(hidden).tables == plain.tables
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        found = reader.execute("select distinct customer_id from targets.tgt_activity").fetchall()
    expected = {hmac.new(key, each.encode(), hashlib.sha256).hexdigest() for (each,) in ids}
    assert {each for (each,) in found} == expected


@pytest.mark.parametrize(
    ("content", "told"), [(b"short\n", "has 5 bytes"), (None, "cannot be read")]
)
def test_a_key_that_does_not_hide_is_refused(
    ws: Workspace, tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content:
        (tmp_path / "ids.key").write_bytes(content)
    before = ws.published.stat().st_mtime_ns if ws.published.exists() else None
    with pytest.raises(AlmanacError, match=told):
        publish(Workspace(ws.home, ws.raw, {"published_id_key": str(tmp_path / "ids.key")}))
    for wrong in ({"publish_id_key": "ids.key"}, {"published_id_key": None}):
        with pytest.raises(AlmanacError, match="published_id_key"):
            publish(Workspace(ws.home, ws.raw, wrong))
    assert before == (ws.published.stat().st_mtime_ns if ws.published.exists() else None)
