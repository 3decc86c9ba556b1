"""What a mapping may say: one scalar expression over the row's columns, and nothing else."""

from pathlib import Path

import duckdb
import pytest
import yaml

from ml.landing.expressions import bind, scalar_expression
from tests.landed import Company, company_fixture  # noqa: F401
from tests.workspaces import REPOSITORY

GOOD = [
    "x",
    '"sold on"',
    "x -- a note",
    "cast(a as decimal(18, 4)) * cast(b as decimal(18, 4))",
    r"regexp_replace(a, '\.0$', '')",
    "starts_with(a, 'C')",
    "case when a = 'x' then b else coalesce(c, 'y') end",
    "a || ' ' || b",
    "nullif(trim(a), '')",
    "a like 'C%' and b not in ('1', '2') or c is null",
    "try_cast(a as double) between 1 and 2",
    "strptime(a, '%d.%m.%Y')",
    "split_part(a, ';', 2)",
    "list_transform([a], lambda q: q || 'x')[1]",
    "(a::timestamp at time zone 'Europe/Paris')::varchar",
    "date_trunc('month', a::timestamp)",
    "a::json->>'id'",
]
BAD = [
    "1) from (select 1); copy (select 42 a) to 'x.csv'; select (1",
    "x; select 2",
    "a, b",
    "",
    "*",
    "columns(*)",
    "(select 1)",
    "exists(select 1 from 'x.csv')",
    "a in (select b from read_csv('x.csv'))",
    "x from 'x.csv'",
    "x limit 1",
    "x where true",
    "x group by x",
    "read_text('/etc/passwd')",
    "read_blob('/etc/passwd')",
    "getenv('HOME')",
    "current_setting('temp_directory')",
    "getvariable('x')",
    "query('select 1')",
    "random()",
    "now()",
    "current_localtimestamp()",
    "version()",
    "pg_postmaster_start_time()",
    "json_serialize_plan('select 1')",
    "c window w as ()",
    "c\0 from x",
    "nextval('s')",
    "pg_sleep(1)",
    "sum(a)",
    "row_number() over ()",
    "unnest([a])",
    "no_such_function(a)",
    "?",
]


@pytest.mark.parametrize("text", GOOD)
def test_scalar_expressions_are_bound_as_they_are_written_again(text: str) -> None:
    columns = ", ".join(f"null::varchar as {name}" for name in ("a", "b", "c", "x", '"sold on"'))
    bind(scalar_expression(text), columns)
    assert "--" not in scalar_expression(text)


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        scalar_expression(text)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dbt_project/mappings").glob("*.yml")))
def test_the_projects_own_mappings_are_allowed(path: Path) -> None:
    for text in yaml.safe_load(path.read_text(encoding="utf-8"))["columns"].values():
        scalar_expression(str(text))


@pytest.mark.parametrize("text", BAD)
def test_landing_refuses_it_by_the_columns_name_and_runs_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(company.home)
    company.put("shop.csv", "a,b\n1,2\n")
    columns = {"customer_id": "a", "event_time": "b", "amount": text}
    mapping = {"files": ["shop.csv"], "columns": columns}
    told = company.complaint(transactions={"mapping": mapping})
    assert "amount" in told
    assert not (company.home / "x.csv").exists()


def test_the_check_reaches_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(duckdb.Error):
        bind(f"(select a from '{tmp_path / 'x.csv'}')", "null as b")


@pytest.mark.parametrize("name", ["current_date", "current_timestamp", "current_user", "localtime"])
def test_a_clock_or_session_is_no_column(company: Company, name: str) -> None:
    company.put("shop.csv", "a,b\n1,2\n")
    columns = {"customer_id": "a", "event_time": name, "amount": "b"}
    told = company.complaint(transactions={"mapping": {"files": ["shop.csv"], "columns": columns}})
    assert f"{name} is no column" in told
    company.put("shop.csv", f"a,b,{name}\n1,2,2024-01-05\n")
    company.land(transactions={"mapping": {"files": ["shop.csv"], "columns": columns}})
