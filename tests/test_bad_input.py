"""Wrong files, wrong order, wrong words: one message that says what to do, and nothing is lost."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workspaces import Ran, TestWorkspace, make_workspace

HEADER = "customer_id,event_time,amount"
STAGING = "stg_transactions__events"
WITHOUT_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")
KEPT = (
    f"staging.{STAGING}",
    "features.ftr_spend",
    "targets.tgt_spend_next_month",
    "marts.dim_customers",
)


def lines() -> list[str]:
    """Forty customers in six months; every second month each of them, then two of three."""
    return [
        f"c{customer},2024-{month:02d}-{customer % 28 + 1:02d}T10:00:00,{customer * month}.5"
        for month in range(1, 7)
        for customer in range(40)
        if month % 2 or (customer + month) % 3
    ]


def put(raw: Path, *rows: str, header: str = HEADER) -> None:
    (raw / "transactions.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """Transactions, built and not yet registered with Feast; every test leaves it as it was."""
    home = tmp_path_factory.mktemp("shop")
    raw = home / "raw"
    raw.mkdir()
    put(raw, *lines())
    ws = make_workspace(home, raw)
    ws.must("dbt", "build", "--quiet", *WITHOUT_TESTS)
    return ws


@pytest.fixture(scope="module")
def trained(shop: TestWorkspace, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """The shop with a model of spend_next_month."""
    ws = twin(shop, tmp_path_factory.mktemp("trained"))
    ws.must("feast", "apply")
    ws.must("ml", "train", "--target", "spend_next_month", "--model", "logistic")
    return ws


@pytest.fixture
def raw(shop: TestWorkspace) -> Iterator[Path]:
    """The shop's raw folder, empty for this test; the good one comes back afterwards."""
    good = shop.raw.with_name("good")
    shop.raw.rename(good)
    shop.raw.mkdir()
    yield shop.raw
    shutil.rmtree(shop.raw, ignore_errors=True)
    good.rename(shop.raw)


@pytest.fixture
def settings(shop: TestWorkspace) -> Iterator[Path]:
    """The shop's settings file, absent before and after."""
    path = shop.home / "workspace.yml"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def unbuilt(shop: TestWorkspace, tmp_path: Path) -> TestWorkspace:
    """A workspace whose project was read by dbt but that has no warehouse."""
    (tmp_path / "target").mkdir()
    shutil.copyfile(shop.home / "target" / "manifest.json", tmp_path / "target" / "manifest.json")
    return make_workspace(tmp_path, tmp_path / "raw")


def twin(ws: TestWorkspace, home: Path) -> TestWorkspace:
    shutil.copytree(ws.home, home, dirs_exist_ok=True)
    return replace(ws, home=home)


def kept(ws: TestWorkspace) -> list[list[tuple]]:
    return [ws.query(f"select * from {table} order by all") for table in KEPT]


def stage(ws: TestWorkspace) -> Ran:
    return ws.run("dbt", "run", "--quiet", "--select", STAGING)


def assert_told(ran: Ran, *told: str) -> None:
    """The command failed with one message that holds all of `told`."""
    assert ran.code != 0, ran.text
    assert "Traceback" not in ran.text
    assert [part for part in told if part not in ran.text] == [], ran.text
    assert ran.text.count(told[0]) == 1, ran.text


def half_a_parquet(raw: Path) -> None:
    put(raw, *lines())
    path = raw / "detail" / "trx" / "fold=0" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    rows = {"client_id": ["c1"], "event_time": [datetime(2024, 1, 1)], "amount": [1.0]}
    pq.write_table(pa.table(rows), path)
    path.write_bytes(path.read_bytes()[:-20])


# Building


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (Path.rmdir, ["No raw folder at {raw}.", "ALMANAC_RAW", "ml simulate"]),
        (lambda raw: None, ["{raw} holds no known source.", "ALMANAC_RAW", "ml simulate"]),
        (
            lambda raw: put(raw, "c1,2024-01-01,5", header="customer_id,event_time,amuont"),
            [
                "transactions.csv: column `amount` is missing",
                "did you mean amuont?",
                "Correct {raw}/transactions.csv, then: dbt build",
            ],
        ),
        (
            half_a_parquet,
            ["detail/trx/fold=0/part-0.parquet is no whole", "Copy it again, then: dbt build"],
        ),
    ],
    ids=["no raw folder", "nothing in it", "a missing column", "half a Parquet file"],
)
def test_a_wrong_raw_folder_changes_nothing(
    shop: TestWorkspace, raw: Path, spoil: Callable[[Path], object], told: list[str]
) -> None:
    before = kept(shop)
    spoil(raw)
    assert_told(stage(shop), *(part.format(raw=raw) for part in told))
    assert kept(shop) == before


def test_words_in_a_column_of_numbers_stop_the_build(shop: TestWorkspace, raw: Path) -> None:
    before = kept(shop)
    words = [f"{line.rpartition(',')[0]},many" for line in lines()]
    put(raw, *words)
    # The second command finds nothing new in the raw folder and must refuse all the same.
    for _ in range(2):
        ran = shop.run("dbt", "run", "--quiet", "--select", STAGING, "ftr_spend")
        assert_told(
            ran,
            "Not one row of transactions.csv is acceptable",
            f"({len(words)} times): amount is not a number.",
            "Correct the file, then: dbt build",
        )
    assert kept(shop)[1:] == before[1:]


def test_a_broken_line_is_set_aside_with_its_place(shop: TestWorkspace, raw: Path) -> None:
    before = kept(shop)
    good = lines()
    put(raw, *good[:7], "c1,2024-01-02", "c2,yesterday,5", *good[7:])
    ran = shop.run("dbt", "build", "--select", STAGING, "--exclude", "resource_type:unit_test")
    assert ran.code == 0, ran.text
    assert "1 line of events cannot be read; staging.rejects says why" in ran.text
    rejects = "select file, row_number, reason, raw_row from staging.rejects order by row_number"
    assert [row[:3] for row in shop.query(rejects)] == [
        ("transactions.csv", 9, "2 fields where the header has 3"),
        ("transactions.csv", 10, "event_time is not a time"),
    ]
    assert shop.query(rejects)[0][3] == "c1,2024-01-02"
    assert shop.value(f"select count(*) from staging.{STAGING}") == len(good)
    assert kept(shop)[1:] == before[1:]


# Settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("transactions: {decline_shar: 1}", ["no setting `decline_shar`", "mean decline_share?"]),
        ("rawfolder: elsewhere", ["no setting `rawfolder`", "did you mean raw?"]),
        ("transaction: {decline_share: 1}", ["no source `transaction`", "mean transactions?"]),
    ],
)
def test_unknown_settings_are_told_with_the_nearest(
    shop: TestWorkspace, settings: Path, text: str, told: list[str]
) -> None:
    before = kept(shop)
    settings.write_text(text, encoding="utf-8")
    assert_told(stage(shop), f"{settings}: ", *told, "Correct it, then: dbt build")
    assert kept(shop) == before


@pytest.mark.parametrize("command", ["dbt run --quiet --select stg_mbd__trx", "ml targets"])
def test_settings_that_are_no_yaml(shop: TestWorkspace, settings: Path, command: str) -> None:
    settings.write_text("raw: [elsewhere\n", encoding="utf-8")
    ran = shop.run(*command.split())
    assert_told(ran, f"{settings} is not YAML: ", "line 1", "run the command again")


# The order of the commands


@pytest.mark.parametrize("command", ["train", "score", "publish"])
def test_nothing_works_without_a_warehouse(unbuilt: TestWorkspace, command: str) -> None:
    told = f"Error: No warehouse at {unbuilt.home / 'warehouse.duckdb'}.\nBuild it first: dbt build"
    assert_told(unbuilt.run("ml", command), told)
    assert [path.name for path in unbuilt.home.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            "train --target spend_next_mnth",
            ["There is no target spend_next_mnth", "Here are: spend_next_month, ", "ml targets"],
        ),
        ("train -t spend_next_month", ["No features are registered: ", "Run: feast apply"]),
        (
            "score -t spend_next_month",
            ["No model for spend_next_month", "ml train --target spend_next_month"],
        ),
        (
            "evaluate -t spend_next_month",
            ["No model for spend_next_month", "ml train --target spend_next_month"],
        ),
    ],
)
def test_commands_out_of_order_name_the_next(
    shop: TestWorkspace, command: str, told: list[str]
) -> None:
    before = sorted(path.name for path in shop.home.iterdir())
    assert_told(shop.run("ml", *command.split()), *told)
    assert sorted(path.name for path in shop.home.iterdir()) == before


def test_scoring_before_the_first_feature(trained: TestWorkspace) -> None:
    before = trained.query("select * from scores.scores")
    ran = trained.run("ml", "score", "--target", "spend_next_month", "--as-of", "2024-01-31")
    assert_told(
        ran,
        "No feature of spend_next_month was known on 2024-01-31; the first are of 2024-02-01.",
        "ml score --target spend_next_month --as-of 2024-07-01",
    )
    assert trained.query("select * from scores.scores") == before


def test_what_is_no_warehouse_is_told_at_once(unbuilt: TestWorkspace) -> None:
    path = unbuilt.home / "warehouse.duckdb"
    path.write_text("no database\n", encoding="utf-8")
    told = f"Error: {path} is damaged: "
    cure = "Put its last copy in its place, and keep this file"
    assert_told(unbuilt.run("ml", "targets"), told, cure, "are in it alone.")
    assert path.read_text(encoding="utf-8") == "no database\n"
