"""The test of a model's key finds what stands twice, and what is null."""

import pytest

from tests.landed import EVENTS
from tests.workspaces import TestWorkspace, make_workspace

TABLE = "intermediate.int_transactions_files"
TEST = ("dbt", "test", "--select", "int_transactions_files,test_name:primary_key")


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp("keys")
    ws = make_workspace(home, home / "raw")
    ws.raw.mkdir()
    (ws.raw / "transactions.csv").write_text(f"{EVENTS}\na,2024-01-05,1\nb,2024-02-05,1\n")
    ws.must("dbt", "run", "--quiet", "--select", "+int_transactions_files")
    return ws


def test_keys_that_are_one_a_row_pass(ws: TestWorkspace) -> None:
    assert "primary_key_int_transactions_files" in ws.must(*TEST)


@pytest.mark.parametrize(
    "damage",
    [
        f"insert into {TABLE} from {TABLE} where feature_month = '2024-01-01'",
        f"update {TABLE} set feature_month = null where feature_month = '2024-01-01'",
    ],
)
def test_a_key_that_stands_twice_or_is_null_fails(ws: TestWorkspace, damage: str) -> None:
    ws.change(f"create or replace table kept as from {TABLE}")
    ws.change(damage)
    ran = ws.run(*TEST)
    ws.change(f"delete from {TABLE}")
    ws.change(f"insert into {TABLE} from kept")
    ws.change("drop table kept")
    assert ran.code == 1
    assert "Got 1 result, configured to fail if != 0" in ran.text
