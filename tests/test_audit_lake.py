"""`ml audit leakage` of a lake: sampled buckets are audited, and what that leaves out is named."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.features.leakage import audit_leakage
from ml.lake import snapshot as snapshots
from ml.lake.build import build_lake, entries_of
from ml.lake.entry import Entry
from ml.lake.project import compile_project
from ml.lake.sample import sample_lake
from ml.lake.snapshot import Snapshot
from ml.simulate import simulate
from ml.workspace.errors import BadInput
from tests.audit_proofs import proof_of, verdicts
from tests.lake_rows import spoil
from tests.leaky_project import LEAKS, SOUND, WHOLE, make_project
from tests.workspaces import TestWorkspace, make_workspace

pytest.importorskip("deltalake", reason="deltalake is missing")
STALE = "ahead_count__1m"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWorkspace]:
    """A small company in three buckets, with features that look ahead, and one that is stale."""
    home = tmp_path_factory.mktemp("lake")
    simulate(home, customers=100, months=4, seed=5)
    ws = make_workspace(home / "ws", home / "raw", lake={"path": "lake", "buckets": 3})
    with pytest.MonkeyPatch.context() as patch:
        project = make_project(home / "dbt_project")
        # Of the bank's thirteen families of transactions one will do.
        for model in (project / "models" / "features").glob("ftr_trx_*.sql"):
            model.unlink()
        patch.setenv("DBT_PROJECT_DIR", str(project))
        compile_project(ws.opened())
        # Spares dbt a third run: the manifest that other commands read says the same.
        (ws.home / "target").mkdir()
        shutil.copy(ws.home / "lake_target" / "manifest.json", ws.home / "target")
        build_lake(ws.opened())
        path = ws.home / "lake"
        for file in entries_of(path, snapshots.read(path))["features.ftr_ahead"].files:
            spoil(file, STALE)
        yield ws


def test_leaks_of_customers_and_of_the_whole_are_caught_in_a_sampled_bucket(
    lake: TestWorkspace,
) -> None:
    project = os.environ["DBT_PROJECT_DIR"]
    ran = lake.run(
        *("env", f"DBT_PROJECT_DIR={project}", f"DBT_PROFILES_DIR={project}"),
        *("ml", "audit", "leakage", "--at", "2022-11-01"),
    )
    assert ran.code == 1, ran.text
    proof = proof_of(lake)
    assert verdicts(proof, "ahead") == {
        "leaks": LEAKS | WHOLE,
        "stale": {STALE},
        "clean": SOUND - {STALE},
    }
    # No other feature of any source is accused, and the corruption reached them.
    assert proof["verdicts"]["leaks"] == len(LEAKS | WHOLE)
    assert proof["verdicts"]["stale"] == 1
    seen = {f["family"] for f in proof["features"] if f["verdict"] == "clean"}
    assert seen >= {"ahead", "geo", "purchase", "spend", "trx"}
    catalogue = {name for (name,) in lake.query("select name from marts.dim_features")}
    assert {feature["name"] for feature in proof["features"]} == catalogue
    for each in proof["relations"]:
        assert each["rows"] == each["rows_in_copy"]
    # What is not audited is named.
    assert "the customers of 1 of 3 buckets (1). Nothing is proved about those of" in ran.text
    assert "intermediate.int_ahead_total" in ran.text
    assert proof["sample"]["buckets"] == [1]
    assert {each["file"].split("/")[3] for each in proof["raw_files"]} == {"bucket=1"}
    assert [path.name for path in (lake.home / "audit").iterdir()] == ["leakage-2022-11-01.json"]


def test_a_table_without_a_row_in_the_sample_is_told(
    lake: TestWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = "landed.mbd__client_split"

    def without_split(path: Path, snapshot: Snapshot) -> dict[str, Entry]:
        entries = entries_of(path, snapshot)
        entries[split].files = [f for f in entries[split].files if "/bucket=1/" not in f]
        return entries

    assert sample_lake(lake.opened(), 1).absent == ()
    monkeypatch.setattr("ml.lake.sample.entries_of", without_split)
    assert sample_lake(lake.opened(), 1).absent == (split,)
    assert sample_lake(lake.opened(), 9).buckets == (0, 1, 2)


def test_buckets_are_of_a_lake_alone(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path / "ws", tmp_path)
    with pytest.raises(BadInput, match="names no lake, so there are no buckets"):
        audit_leakage(ws.opened(), buckets=2)
