"""A workspace made by hand with all that commands need, and the commands on it."""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from ml.cli import main
from tests.learnable import learnable, node
from tests.small_workspace import write_manifest
from tests.workspaces import Ran, TestWorkspace

READY = """
    create or replace table marts.dim_features as
    select 'spend_sum__1m' as name, 'spend' as family, 'Money spent in the month.' as description;
    create schema landed;
    create table landed.workspace__identities as
    select distinct 'transactions' as source, customer_id as source_id, customer_id
    from features.ftr_spend;
    create table landed.workspace__forgotten (key varchar, hash varchar);
    create table landed.files (file varchar);
    create table intermediate.int_customer_sources as
    select distinct customer_id, 'transactions' as source from features.ftr_spend;
    delete from targets.tgt_spend_next_month where customer_id >= 'c150';
    delete from features.ftr_spend where customer_id >= 'c150';
    delete from intermediate.int_customer_months where customer_id >= 'c150';
    drop table targets.tgt_rare;
"""
NODES = [
    node("features", "ftr_spend", family="spend", ttl_months=1),
    node("targets", "tgt_spend_next_month", target="spend_next_month", horizon_months=1,
         validation="temporal", families=["spend"]),
    node("targets", "tgt_activity", target="activity", horizon_months=3,
         validation="stratified", families=["spend"]),
    node("marts", "dim_features"),
    node("intermediate", "int_mbd_dialog_fits", components=2, clusters=2),
]  # fmt: skip
# What stays beside a store that was opened, or keeps what was begun: an erasure that was cut off is
# completed by the same command.
KEPT = re.compile(
    r"online_store\.db-(shm|wal)|\.online_store\.db\.publisher|forg(otten|etting)\.json"
)


@dataclass(frozen=True)
class Ready:
    """A workspace with two champions, kept rows, scores and online rows."""

    ws: TestWorkspace
    model: str
    dataset: str

    def copied(self, home: Path) -> "Ready":
        shutil.copytree(self.ws.home, home)
        return Ready(TestWorkspace(home, home / "raw"), self.model, self.dataset)

    def command(self, text: str) -> list[str]:
        found = text.format(home=self.ws.home, model=self.model, dataset=self.dataset)
        return found.split()

    def run(self, text: str) -> Ran:
        """Run a command, those of `ml` within this process."""
        program, *arguments = self.command(text)
        if program != "ml":
            return self.ws.run(program, *arguments)
        done = self.ml(*arguments)
        failed = done.exception is not None and not isinstance(done.exception, SystemExit)
        trace = f"Traceback: {done.exception!r}" if failed else ""
        return Ran(done.exit_code, done.output + trace)

    def ml(self, *arguments: str) -> Result:
        """Run a command of `ml` within this process; its streams are kept apart."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ALMANAC_HOME", str(self.ws.home))
            patch.setenv("DBT_TARGET_PATH", str(self.ws.home / "target"))
            patch.setenv("COLUMNS", "300")
            patch.delenv("ALMANAC_RAW", raising=False)
            if arguments[0] == "export":
                # What it writes would else lie in the repository.
                patch.setenv("DBT_PROJECT_DIR", str(self.ws.home.parent / "project"))
            return CliRunner().invoke(main, arguments)

    def files(self) -> dict[str, str]:
        """What each file holds, as a hash."""
        return {
            str(path.relative_to(self.ws.home)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.ws.home.rglob("*")
            if path.is_file() and not KEPT.fullmatch(path.name)
        }


def make_ready(home: Path) -> Ready:
    opened = learnable(home)
    with duckdb.connect(str(opened.warehouse)) as connection:
        connection.execute(READY)
    write_manifest(opened, NODES)
    (home / "in.csv").write_text("customer_id,spend_sum__1m\nc001,3\n")
    ws = TestWorkspace(home, home / "raw")
    made = Ready(ws, "", "")
    assert ws.must("feast", "apply")
    for command in (
        "ml dataset make activity",
        "ml train --model logistic",
        "feast apply",
        "ml materialize",
        "ml score",
        "ml report",
    ):
        ran = made.run(command)
        assert ran.code == 0, ran.text
    (model,) = (path.parent.name for path in home.glob("models/activity/*/card.json"))
    (dataset,) = (path.parent.name for path in home.glob("datasets/*/rows.parquet"))
    return Ready(ws, model, dataset)
