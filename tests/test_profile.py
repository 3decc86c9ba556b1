"""The page of `ml profile` beside the warehouse that it is about."""

import re

import duckdb
import pytest
import yaml

from ml.pages.formatting import count, share
from ml.pages.profile import write_profile
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace, workspace_at
from tests.axe_findings import serious

SIZE_LIMIT = 2_000_000


@pytest.fixture(scope="module")
def profiled(company):
    """The workspace with every source, profiled by the command."""
    printed = company.must("ml", "profile").split()
    assert str(company.home / "profile.html") in printed
    assert str(company.home / "slices.yml") in printed
    return company


@pytest.fixture(scope="module")
def page(profiled):
    return (profiled.home / "profile.html").read_text(encoding="utf-8")


def section(page, name):
    start = page.index(f'id="{name}"')
    return page[start : page.index("</section>", start)]


def visible_text(chapter):
    """The text that a reader sees, without tags, style and pictures."""
    chapter = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", chapter, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", chapter).replace("\u202f", "_"))


def formatted(number):
    return count(number).replace("\u202f", "_")


def test_page_is_self_contained_and_small(page):
    assert len(page.encode()) < SIZE_LIMIT
    assert not re.search(r"https?://|<script|@import|url\((?!#)", page)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    pages = ("catalogue/index.html", "report.html", "monitoring.html")
    assert all(source.startswith(("#", "data:")) or source in pages for source in sources)
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


def test_nothing_missing_shows_as_a_word_of_python(page):
    shown = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|inf|NaT)\b", re.sub(r"<[^>]+>", " ", shown))


TABLES = [
    "stg_mbd__trx",
    "stg_mbd__geo",
    "stg_mbd__dialog",
    "stg_transactions__events",
    "stg_one_click__market_file",
    "stg_retailtech__sessions",
]


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_customers_are_those_of_the_warehouse(profiled, page, table):
    [(rows, customers)] = profiled.query(
        f"select count(*), count(distinct customer_id) from staging.{table}"
    )
    chapter = visible_text(section(page, table.replace("__", "-").replace("_", "-")))
    assert f"Rows {formatted(rows)} Customers {formatted(customers)}" in chapter


def test_volumes_amounts_and_customers_are_those_of_the_warehouse(profiled, page):
    chapter = visible_text(section(page, "stg-mbd-trx"))
    months = profiled.query(
        "select count(*) from staging.stg_mbd__trx group by date_trunc('month', event_time)"
        " order by 1"
    )
    assert (
        f"The fullest has {formatted(months[-1][0])} events, the emptiest {formatted(months[0][0])}"
        in chapter
    )
    [(median, negative, highest)] = profiled.query(
        "select median(amount), count(*) filter (amount < 0), max(amount) from staging.stg_mbd__trx"
    )
    assert f"Median {median:,.2f}".replace(",", "_").rstrip("0") in chapter
    assert f"{formatted(negative)} rows are negative" in chapter
    assert f"{highest:,.0f}".replace(",", "_") in chapter
    held = profiled.value(
        "select quantile_disc(n, 0.5) from"
        " (select count(*) as n from staging.stg_mbd__trx group by customer_id)"
    )
    assert f"Half of the customers have at most {held} events" in chapter


def test_the_largest_amount_is_shown_with_its_raw_place(profiled, page):
    [(file, row, amount)] = profiled.query(
        "select _file, _row, amount from landed.mbd__trx order by amount desc limit 1"
    )
    chapter = visible_text(section(page, "stg-mbd-trx"))
    assert re.search(rf"{re.escape(file)}, row {row} {amount:,.0f}".replace(",", "[,_]"), chapter)


def test_chapters_are_folded_and_what_needs_a_look_comes_first(profiled, page):
    assert '<details class="part">' in page
    assert '<details class="part" open>' not in page
    assert page.count("<table") == page.count("<caption")
    look = visible_text(section(page, "look"))
    rejected = profiled.value("select count(*) from staging.rejects")
    assert f"Rows set aside {formatted(rejected)} rows, " in look


def test_only_a_few_extremes_of_each_measure_are_shown(page):
    chapter = section(page, "stg-one-click-market-money")
    assert 3 <= chapter.count('<td class="n">') <= 6


def test_shares_and_other_are_those_of_the_warehouse(profiled, page):
    from ml.pages.profile.staged_tables import StagedTable, declared_slices

    declared = declared_slices(profiled.opened(), StagedTable("stg_mbd__trx", {}, 1))
    chapter = visible_text(section(page, "stg-mbd-trx"))
    assert "event_type" in declared
    listed = ", ".join(f"'{value}'" for value in declared["event_type"])
    [(values, other)] = profiled.query(
        "select count(distinct event_type),"
        f" avg((event_type is null or event_type::varchar not in ({listed}))::integer)"
        " from staging.stg_mbd__trx"
    )
    assert f"event_type {values} values" in chapter
    assert f"{share(other)} of the rows fall to “other”".replace("\u202f", "_") in chapter


def test_proposed_slices_are_those_of_the_rule_and_of_the_page(profiled, page):
    text = (profiled.home / "slices.yml").read_text(encoding="utf-8")
    slices = yaml.safe_load(text)
    bank = {"event_type", "event_subtype", "currency"} | {
        f"{side}_type{number}"
        for side, number in [("src", 11), ("src", 12), ("dst", 11), ("dst", 12)]
    }
    assert bank | {"is_cancellation", "category"} <= set(slices)
    total = profiled.value("select count(*) from staging.stg_mbd__trx where event_type is not null")
    counted = profiled.query(
        "select event_type, count(*) from staging.stg_mbd__trx where event_type is not null"
        " group by 1 order by 2 desc, event_type::varchar"
    )
    assert slices["event_type"] == [value for value, _ in counted[: len(slices["event_type"])]]
    covered = sum(rows for _, rows in counted[: len(slices["event_type"])]) / total
    assert f"# {covered:.1%} of the events that carry a value\nevent_type:" in text
    assert text.splitlines()[-1] in section(page, "slices")


def test_missing_duplicates_and_rejects_are_those_of_the_warehouse(profiled, page):
    chapter = visible_text(section(page, "quality"))
    missing = profiled.value(
        "select count(*) from staging.stg_retailtech__sessions where time_spent is null"
    )
    assert f"Sessions retailtech time_spent {missing} " in chapter
    columns = profiled.query("select column_name from (describe staging.stg_transactions__events)")
    names = ", ".join(name for (name,) in columns if not name.startswith("_"))
    [(copies, rows)] = profiled.query(
        f"select count(*) - (select count(*) from (select distinct {names} from events)), count(*)"
        " from staging.stg_transactions__events as events".replace(
            "from events)", "from staging.stg_transactions__events)"
        )
    )
    assert f"Events transactions {formatted(rows)} {formatted(copies)} – " in chapter
    rejects = profiled.query("select model, reason, count(*) from staging.rejects group by 1, 2")
    assert rejects
    for model, reason, number in rejects:
        assert f"{model} {reason} {formatted(number)}" in chapter


def test_same_data_give_the_same_bytes(profiled, page):
    write_profile(profiled.opened())
    assert (profiled.home / "profile.html").read_text(encoding="utf-8") == page


EVENTS = """
create schema staging; create schema landed;
create table landed.workspace__sources as select * from (values
    ('mbd', false, null, 0, 0), ('transactions', true, 'canonical', 1, 900)
) t (source, is_present, form, files, bytes);
create table staging.rejects (model varchar, file varchar, row_number bigint, reason varchar);
create view staging.stg_mbd__trx as
    select '' as customer_id, timestamp '2022-01-01' as event_time, 1::double as amount where false;
"""


def write_events(home, select):
    ws = Workspace(home, home / "raw", {})
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute(EVENTS)
        connection.execute(f"create view staging.stg_transactions__events as {select}")
    return ws


def test_one_source_alone_says_what_is_absent(tmp_path):
    ws = write_events(
        tmp_path,
        "select 'c' || i % 7 as customer_id, timestamp '2022-01-01' + to_days(i::integer * 3)"
        " as event_time, i::double - 5 as amount, null::varchar as category, i % 2 = 0 as is_odd"
        " from range(30) t(i)",
    )
    written = write_profile(ws)
    page = visible_text(written.page.read_text(encoding="utf-8"))
    assert "mbd absent: its files are not in the raw folder" in page
    assert "the events carry a day, but no time of day" in page.lower()
    assert "5 rows are negative, 1 are zero" in page
    assert "category 30 100_%" in page
    assert "Trx" not in page
    assert "58 days in all" in page
    assert yaml.safe_load(written.slices.read_text()) == {"is_odd": [False, True]}


@pytest.mark.parametrize(
    "row",
    [
        "'a' as customer_id, timestamp '2022-02-03 10:00' as event_time, 5::double as amount",
        "'a' as customer_id, timestamp '2022-02-03' as event_time, 'nan'::double as amount",
        "'a' as customer_id, timestamp '1970-01-01' as event_time, 0::double as amount, '$x$' as k"
        " union all select 'a', timestamp '9999-12-31', -1e300, '<b>'"
        " union all select 'b', timestamp '2022-02-03', 1e300, ''",
        "'a' as customer_id, timestamp '2022-02-03' as event_time, [1.5, 2]::float[] as embedding",
    ],
)  # fmt: skip
def test_odd_tables_make_a_page(tmp_path, row):
    page = write_profile(write_events(tmp_path, f"select {row}")).page.read_text(encoding="utf-8")
    assert "Events <small>transactions" in page
    assert "<b>" not in page
    assert not re.search(r"\b(nan|None|inf)\b", visible_text(page))


def test_a_large_table_is_sampled_and_says_so(tmp_path, monkeypatch):
    from ml.pages.profile import table_study as study

    monkeypatch.setattr(study, "SAMPLE", 2_000)
    monkeypatch.setattr(study, "MOST_EVENTS", 200)
    ws = write_events(
        tmp_path,
        "select 'c' || i % 199 as customer_id, timestamp '2022-01-01' + to_hours(i::integer)"
        " as event_time, i::double as amount, i % 3 as kind from range(9_000) t(i)",
    )
    page = visible_text(write_profile(ws).page.read_text(encoding="utf-8"))
    [looked] = {
        int(n.replace("_", ""))
        for n in re.findall(r"fixed sample of customers: ([\d_]+) rows", page)
    }
    assert 1_500 < looked <= 2_000
    assert "Rows 9_000 Customers 199" in page
    assert f"Events transactions {formatted(looked)} 0" in page


def test_nothing_staged_is_an_error(tmp_path):
    with pytest.raises(AlmanacError, match=r"No warehouse(.|\n)*dbt build"):
        write_profile(workspace_at(tmp_path))
    ws = Workspace(tmp_path, tmp_path / "raw", {})
    duckdb.connect(str(ws.warehouse)).close()
    with pytest.raises(AlmanacError, match=r"Nothing is staged(.|\n)*dbt build"):
        write_profile(ws)
    ws.warehouse.unlink()
    with pytest.raises(AlmanacError, match=r"No staged table(.|\n)*dbt build"):
        write_profile(write_events(tmp_path, "from staging.stg_mbd__trx"))
    assert not ws.slices.exists()


@pytest.mark.parametrize("width", [390, 1280])
def test_browser_renders_without_errors_or_overflow(profiled, browser, width):
    troubles, requests = [], []
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((profiled.home / "profile.html").as_uri())
    tall = "document.documentElement.scrollHeight"
    folded = tab.evaluate(tall)
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    unfolded = tab.evaluate(tall)
    scrolled = tab.evaluate("document.documentElement.scrollWidth")
    sizes = tab.evaluate(
        "[...document.querySelectorAll('figure svg')].map(svg => {"
        " const box = svg.getBoundingClientRect(); return [box.width, box.height] })"
    )
    assert serious(tab) == []
    tab.close()
    assert troubles == []
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert scrolled <= width
    assert folded < unfolded / 2
    assert len(sizes) >= 50
    assert all(100 < wide <= width and high > 70 for wide, high in sizes)
