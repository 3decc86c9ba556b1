"""Monitoring of sources: gaps, codes that come and go, late rows, a customer with most rows."""

from tests.monitored import monitored
from tests.workspaces import make_workspace

HEAD = "customer_id,event_time,amount,quantity,order_id,item_id,category"


def orders(month: str, categories: list[str]) -> str:
    """Two orders of each of 80 customers, of the categories by turns."""
    lines = [HEAD]
    for number in range(160):
        category = categories[number % len(categories)]
        lines.append(
            f"u{number % 80},{month}-{number % 27 + 1:02}T10:00:00,{10 + number % 7},1,"
            f"{month}-{number},{number % 9},{category}"
        )
    return "\n".join(lines) + "\n"


def test_a_gap_empty_codes_and_two_codes_that_vanish_at_once_are_told(tmp_path):
    """An empty category and one called none are the same; only one old code is the new one."""
    folder = tmp_path / "raw" / "transactions"
    folder.mkdir(parents=True)
    for number in range(1, 13):
        month = f"2021-{number:02}"
        before = ["alpha", "beta", "gamma", "none", ""]
        after = ["zeta", "gamma", "gamma", "none", ""]
        if number != 10:
            text = orders(month, before if number < 9 else after)
            (folder / f"{month}.csv").write_text(text)
    ws = make_workspace(tmp_path, tmp_path / "raw")
    ws.must("dbt", "build", "--quiet")
    code, found = monitored(ws, "--month", "2021-09")
    told = [each["text"].split(" in transactions.events")[0] for each in found["findings"]]
    assert code == 4
    assert "category alpha is written zeta" in told
    assert any(text.startswith("no rows of category beta any more") for text in told)
    code, found = monitored(ws, "--month", "2021-10")
    assert code == 4
    assert [each["text"] for each in found["findings"]] == [
        "no rows in transactions.events (no file)"
    ]
    ran = ws.run("ml", "monitor", "--month", "2021-11")
    assert "No feature is compared" in ran.text


def test_late_rows_and_a_customer_with_most_rows_are_told(tmp_path):
    folder = tmp_path / "raw" / "transactions"
    folder.mkdir(parents=True)
    for number in range(1, 12):
        month = f"2021-{number:02}"
        lines = orders(month, ["alpha", "beta"]).splitlines()
        if number == 9:  # Ten rows of the month before, which its own file did not have.
            lines += [f"u1,2021-08-03T10:00:00,5,1,late-{n},1,alpha" for n in range(10)]
        if number == 10:
            lines += [f"robot,2021-10-04T10:00:00,12,1,robot-{n},1,alpha" for n in range(200)]
        (folder / f"{month}.csv").write_text("\n".join(lines) + "\n")
    ws = make_workspace(tmp_path, tmp_path / "raw")
    ws.must("dbt", "build", "--quiet", "--select", "+mart_monitoring_sources")
    told = ws.query(
        "select strftime(feature_month, '%m'), finding from marts.mart_monitoring_sources "
        "where kind in ('late', 'rows') and column_name in ('', 'late', 'category') order by all"
    )
    assert told == [
        (
            "09",
            "rows of months that were there before came late: 10 beside 160 of the month "
            "in transactions.events (transactions/2021-09.csv)",
        ),
        (
            "10",
            "rows are 2.3 times what was usual, customers 1 % more than usual; 56 % of them are "
            "of customer robot in transactions.events (transactions/2021-10.csv)",
        ),
        (
            "10",
            "rows of category beta are 56 % less than usual in transactions.events "
            "(transactions/2021-10.csv)",
        ),
    ]
    # Files divided by customers, of whom some ordered nothing in the newest month.
    ws.change("delete from intermediate.int_transactions_files")
    for file, months in {"many": 4, "few": 3}.items():
        ws.change(
            f"insert into intermediate.int_transactions_files by name select '{file}' as file, "
            f"make_date(2021, month, 1) as feature_month, {months * 9} as events, "
            f"from range(1, {months + 1}) as months(month)"
        )
    assert ws.query("from intermediate.int_monitoring_arrivals where column_name = 'late'") == []
