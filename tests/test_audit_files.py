"""`ml audit leakage` corrupts raw files of every form: arrays, mappings, sources of one's own."""

import copy
import csv
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.features.leakage.corrupted_copy import CorruptionJob, corrupted_copy
from ml.features.leakage.raw_tables import read_tables
from ml.simulate import simulate
from ml.workspace.manifest import read_manifest
from ml.workspace.settings import Workspace
from tests.audit_proofs import AT, BUILD, PROJECT, proof_of, verdicts
from tests.workspaces import TestWorkspace, make_workspace

SALES = (
    "Buyer;Moment;Total;Kind\r\n"
    + "".join(
        f"c{n % 7};{1 + n % 28:02}.{6 + n // 28:02}.2022 {n % 24:02}:15;"
        f"{'-' if n % 11 == 0 else ''}{n},50;{'food' if n % 2 else 'toys'}\r\n"
        for n in range(28 * 6)
    )
    + "c1;no day;5,00;food\r\n"
)
MAPPING = {
    "name": "sales",
    "files": "sales.txt",
    "delimiter": ";",
    "time_format": "%d.%m.%Y %H:%M",
    "columns": {
        "customer_id": "upper(Buyer)",
        "event_time": "Moment",
        "amount": "Total",
        "category": "Kind",
    },
}


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A bank in the array form, and sales in a file of a company's own; built."""
    home = tmp_path_factory.mktemp("arrays")
    simulate(home / "made", customers=100, months=6, seed=5, form="ptls")
    raw = home / "raw"
    for folder in ("ptls", "targets", "client_split"):
        shutil.copytree(home / "made" / "raw" / folder, raw / folder)
    (raw / "sales.txt").write_bytes(SALES.encode())
    ws = make_workspace(home, raw, transactions={"mapping": MAPPING})
    ws.must(*BUILD)
    return ws


def test_arrays_and_files_read_through_a_mapping(arrays: TestWorkspace) -> None:
    shown = arrays.must("ml", "audit", "leakage", "--at", "2022-11-01", "--keep")
    assert "Proof: " in shown
    assert "Not corrupted, for no column is a time: mbd.client_split." in shown
    proof = proof_of(arrays)
    assert proof["holds"]
    for family in ("dialog", "geo", "spend", "trx"):
        assert verdicts(proof, family)["clean"]
    copy = arrays.home / "audit" / ".leakage-2022-11-01" / "raw"

    def elements(raw: Path, when: str) -> list[tuple[Any, ...]]:
        return duckdb.sql(
            f"select * from (select client_id, unnest(event_time) as t, unnest(amount) as a, "
            f"unnest(event_type) as e from '{raw}/ptls/trx/*/*.parquet') where {when}"
        ).fetchall()

    cut = "t < epoch(timestamp '2022-11-01')"
    assert elements(arrays.raw, cut) == elements(copy, cut) != []
    later = elements(copy, f"not ({cut})")
    assert later
    assert not {row[1:] for row in later} & {
        row[1:] for row in elements(arrays.raw, f"not ({cut})")
    }
    assert all(None not in row for row in later)
    lengths = "len(event_time) = len(amount) and len(amount) = len(src_type32)"
    [(even,)] = duckdb.sql(
        f"select bool_and({lengths}) from '{copy}/ptls/trx/*/*.parquet'"
    ).fetchall()
    assert even

    def early(text: str) -> list[str]:
        return [
            line
            for line in text.splitlines(keepends=True)
            if line.split(";")[1][3:5] not in ("11", "12")
        ]

    sales = (copy / "sales.txt").read_bytes().decode()
    assert early(sales) == early(SALES)
    late = set(sales.splitlines(keepends=True)) - set(early(sales))
    assert late
    assert not late & set(SALES.splitlines(keepends=True))
    assert any(";01.11.2022 00:00;" in line for line in late)
    assert {line.split(";")[0] for line in late} == {f"c{n}" for n in range(7)}


def test_a_source_that_a_person_adds_is_corrupted_by_its_column_of_times(
    tmp_path: Path, arrays: TestWorkspace
) -> None:
    """Landed by hand: the audit reads the manifest and the warehouse, whatever the source."""
    raw = tmp_path / "raw"
    raw.mkdir()
    lines = [f'd{n % 5},{n}.5,2022-{6 + n % 6:02}-03T10:00:00Z,"a, {n}"' for n in range(60)]
    (raw / "calls.csv").write_text("\n".join(["who,minutes,called_at,note", *lines]))
    manifest = copy.deepcopy(read_manifest(arrays.opened()))
    meta = {"format": "csv", "files": "calls.csv"}
    names = ("who", "minutes", "called_at", "note")
    manifest["sources"]["source.almanac.support.calls"] = {
        "source_name": "support",
        "name": "calls",
        "identifier": "support__calls",
        "unique_id": "source.almanac.support.calls",
        "config": {"meta": meta},
        "columns": {name: {"config": {"meta": {}}} for name in names},
    }
    ws = Workspace(tmp_path, raw, {})
    with duckdb.connect() as connection:
        connection.execute(
            "create schema landed;"
            "create table landed.files as select 'support' as source, 'calls' as table_name, "
            "'calls.csv' as file;"
            "create table landed.workspace__sources as select 'support' as source, null as form;"
            "create table landed.workspace__settings (name varchar, value varchar);"
            "create table landed.support__calls as select *, 'calls.csv' as _file, "
            "row_number() over () + 1 as _row, null::varchar as _error, null as _line "
            f"from read_csv('{raw}/calls.csv', all_varchar = true)"
        )
        tables = read_tables(connection, manifest, ws, PROJECT)
        assert [(t.time, t.kept_columns, t.is_dated) for t in tables] == [
            ("called_at", ("who",), True)
        ]
        [proof] = corrupted_copy(CorruptionJob(connection, ws, AT, tmp_path / "copy"), tables)
    assert (proof.rows, proof.corrupted) == (60, 10)
    new, old = (
        list(csv.DictReader(path.read_text().splitlines()))
        for path in (tmp_path / "copy" / "raw" / "calls.csv", raw / "calls.csv")
    )
    early, late = (
        [row for row in rows if (row["called_at"] < "2022-11") == is_early]
        for is_early, rows in ((True, new), (False, new))
    )
    assert early == [row for row in old if row["called_at"] < "2022-11"]
    assert late
    assert not [row for row in late if row in old]
    assert {row["who"] for row in late} <= {row["who"] for row in old}
    assert {row["called_at"] for row in late} == {"2022-11-01T00:00:00Z", "2022-11-03T10:00:00Z"}
