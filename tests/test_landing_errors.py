"""Landing: what a person is told when files or settings are not as they must be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.landed import (
    PROJECT,
    Company,
    company_fixture,  # noqa: F401
    put_bank,
    put_shop,
)


def cut(company: Company) -> None:
    put_bank(company)
    path = company.raw / "detail/trx/fold=0/part-0.parquet"
    path.write_bytes(path.read_bytes()[:-20])


def put_identities(company: Company, line: str) -> None:
    put_shop(company)
    company.put("identities.csv", f"source,source_id,customer_id\none_click,1,a\n{line}\n")


@pytest.mark.parametrize(
    ("put", "settings", "told"),
    [
        (lambda c: c.raw.rmdir(), {}, ["No raw folder at", "ml simulate"]),
        (lambda c: c.put("notes.txt", "x"), {}, ["holds no known source", "market_file.csv"]),
        (lambda c: put_shop(c, money=b""), {}, ["money.csv is empty"]),
        (
            lambda c: put_shop(c, money="id;Прибыл\n1;2\n"),
            {},
            ["money.csv", "`Прибыль` is missing", "did you mean Прибыл?", "Found: id, Прибыл"],
        ),
        (
            lambda c: put_shop(c, money="id;Прибыль\n1;2\n".encode("cp1251")),
            {},
            ["money.csv is not UTF-8"],
        ),
        (
            lambda c: put_shop(c, money="id;Прибыль\n1;2\n".encode("utf-16")),
            {},
            ["money.csv is not UTF-8"],
        ),
        (lambda c: put_shop(c, money="id;id;Прибыль\n1;1;2\n"), {}, ["`id` stands 2 times"]),
        (
            lambda c: (put_shop(c), (c.raw / "money.csv").unlink()),
            {},
            ["money.csv is missing", "though market_file.csv is there"],
        ),
        (cut, {}, ["detail/trx/fold=0/part-0.parquet is no whole Parquet file", "Copy it again"]),
        (
            lambda c: (put_bank(c), c.put("targets/fold=0/p.parquet", b"")),
            {},
            ["targets/fold=0/p.parquet"],
        ),
        (lambda c: put_bank(c, amount=["1", "2"]), {}, ["`amount` is VARCHAR", "DOUBLE"]),
        (lambda c: put_bank(c, amount=[[1.0], [2.0]]), {}, ["`amount` is DOUBLE[]", "DOUBLE"]),
        (lambda c: put_bank(c, client_id=[{"a": 1}, {"a": 2}]), {}, ["`client_id` is STRUCT"]),
        (lambda c: put_bank(c, file_row_number=[1, 2]), {}, ["`file_row_number` has a name"]),
        (
            lambda c: c.put_parquet("detail/trx/fold=0/p.parquet", client=["a"]),
            {},
            ["`client_id` is missing", "did you mean client?"],
        ),
        (
            put_shop,
            {"one_click": {"snapshot_mont": "x"}},
            ["`snapshot_mont`", "did you mean snapshot_month?"],
        ),
        (put_shop, {"one_click": {"snapshot_month": "June"}}, ["`June`", "no date"]),
        (put_shop, {"one_click": "2024-01-01"}, ["must hold `name: value` lines"]),
        (
            put_shop,
            {"oneclick": {"snapshot_month": "x"}},
            ["no source `oneclick` (did you mean one_click?)"],
        ),
        (put_bank, {"mbd": {"form": "rows"}}, ["no form `rows`", "detail, ptls"]),
        (
            lambda c: c.put("transactions.csv", "customer,event_time,amount\n1,2024-01-01,2\n"),
            {},
            ["transactions.csv", "`customer_id` is missing", "did you mean customer?", "mapping"],
        ),
        (
            put_shop,
            {"transactions": {"mapping": "cdnw"}},
            ["no mapping `cdnw` (did you mean cdnow?)"],
        ),
        (
            put_shop,
            {"transactions": {"mapping": {"files": "x.csv", "columns": {}}}},
            ["column `customer_id` is missing"],
        ),
        (lambda c: put_identities(c, "one_click,1,b"), {}, ["identities.csv, line 3", "repeated"]),
        (
            lambda c: put_identities(c, "oneclick,2,b"),
            {},
            ["identities.csv, line 3", "no source `oneclick`"],
        ),
        (lambda c: put_identities(c, "one_click,2"), {}, ["identities.csv, line 3", "2 fields"]),
    ],
)
def test_mistakes_are_told(company, put, settings, told):
    put(company)
    message = company.complaint(**settings)
    assert [part for part in told if part not in message] == [], message


def test_dbt_stops_with_one_message(tmp_path):
    tiny = {
        "dbt_project.yml": "name: tiny\nversion: '1.0.0'\nprofile: tiny\n",
        "models/a.sql": "select 1 as one",
    }
    config = f"{{home: '{tmp_path}', raw: '', project: '{PROJECT}'}}"
    plugin = f"{{module: ml.landing.dbt_plugin, config: {config}}}"
    tiny["profiles.yml"] = (
        f"tiny: {{target: t, outputs: {{t: {{type: duckdb, path: '{tmp_path}/w.duckdb', "
        f"plugins: [{plugin}]}}}}}}"
    )
    for name, text in tiny.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {
        **os.environ,
        "DBT_PROJECT_DIR": str(tmp_path),
        "DBT_PROFILES_DIR": str(tmp_path),
    }
    dbt = Path(sys.executable).parent / "dbt"
    run = subprocess.run(
        [dbt, "build"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert f"No raw folder at {tmp_path / 'raw'}" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
