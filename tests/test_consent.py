"""Nobody is contacted without a clear yes: what a record of consent leads to, and its lack."""

from pathlib import Path

import pytest

from tests.landed import EVENTS
from tests.workspaces import TestWorkspace, make_workspace

HEADER = (
    "id,Покупательская активность,Тип сервиса,Разрешить сообщать,Маркет_актив_6_мес,"
    "Маркет_актив_тек_мес,Длительность,Акционные_покупки,Популярная_категория,"
    "Средний_просмотр_категорий_за_визит,Неоплаченные_продукты_штук_квартал,"
    "Ошибка_сервиса,Страниц_за_визит"
)
LINE = "{id},Снизилась,премиум,{consent},3.4,5,{days},0,Дом,6,2,1,5"
# Customers by what their lines say; (consent, days since registration) a line.
SAID = {
    "yes": [("да", 121)],
    "yes_capital": [("ДА", 121)],
    "yes_blank": [("\xa0да. ", 121)],
    "yes_twice": [("да", 121), ("да", 121)],
    "no": [("нет", 121)],
    "no_capital": [("НЕТ", 121)],
    "no_stop": [("нет.", 121)],
    "no_blank": [(" нет ", 121)],
    "no_rejected": [("нет", "n/a")],
    "other_code": [("no", 121)],
    "zero": [("0", 121)],
    "empty": [("", 121)],
    "yes_then_no": [("да", 121), ("нет", 121)],
    "no_then_yes": [("нет", 121), ("да", 121)],
    "yes_then_rejected_no": [("да", 121), ("нет", "n/a")],
    "yes_then_unknown": [("да", 121), ("maybe", 121)],
}
# Lines that cannot be divided, or are set aside, and yet name a customer who said yes before.
REFUSING = {
    "broken": "{id},Снизилась,премиум,нет,3.4",
    "broken_nbsp": "\xa0{id}\xa0;x;нет",
    "broken_bom": "\ufeff{id},x,нет",
    "broken,comma": '"{id}",x,нет',
    "broken;sign": '"{id}",x,нет',
    "broken_word": "{id}: нет",
    "tab": "\t{id}\t,Снизилась,премиум,нет,3.4,5,1,0,Дом,6,2,1,5",
    "blank_after": "{id}\xa0,Снизилась,премиум,нет,3.4,5,1,0,Дом,6,2,1,5",
    "zero_width": "\u200b{id},Снизилась,премиум,нет,3.4,5,1,0,Дом,6,2,1,5",
    "nul": "{id}\0,Снизилась,премиум,нет,3.4,5,1,0,Дом,6,2,1,5",
}
STRANGER = "stranger"
ALIAS, ALIAS_OF_BROKEN = "alias", "alias_of_broken"
BUILD = ("dbt", "build", "--quiet", "--exclude", "resource_type:test", "resource_type:unit_test")
WITH_SETTING = {"contact_without_record": {"since": "2024-05-01", "by": "Head of marketing"}}


def build(home: Path, **settings: object) -> TestWorkspace:
    """Every customer above, known to the shop's transactions too, scored and built."""
    raw = home / "raw"
    raw.mkdir(parents=True)
    lines = [
        LINE.format(id=name, consent=consent, days=days)
        for name, said in SAID.items()
        for consent, days in said
    ]
    lines += [LINE.format(id=f'"{name}"', consent="да", days=1) for name in REFUSING]
    lines += [line.format(id=name) for name, line in REFUSING.items()]
    # Two stray quotes do not swallow the refusal between them.
    stray = '"Дом,6,2,1,5'
    lines += [LINE.format(id="swallowed", consent="да", days=1)]
    lines += [LINE.format(id="before", consent="да", days=1).replace("Дом,6,2,1,5", stray)]
    lines += [LINE.format(id="swallowed", consent="нет", days=1)]
    lines += [LINE.format(id="after", consent="нет", days=1) + '"']
    # Two ids of one customer, of which one says no.
    lines += [LINE.format(id=f"{ALIAS}_{each}", consent=each, days=1) for each in ("да", "нет")]
    # An id that is known of identities.csv alone, in a line that cannot be divided.
    lines += ["shop_17: нет"]
    lines += [LINE.format(id='"quo""te"', consent="да", days=1), '"quo""te",x,нет']
    (raw / "market_file.csv").write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    (raw / "market_money.csv").write_text("id,Период,Выручка\nyes,текущий_месяц,3\n", "utf-8")
    (raw / "market_time.csv").write_text("id,Период,минут\nyes,текущий_месяц,3\n", "utf-8")
    (raw / "money.csv").write_text("id;Прибыль\nyes;0,98\n", "utf-8")
    customers = [*SAID, *REFUSING, "swallowed", "before", "after", STRANGER, ALIAS]
    customers += [ALIAS_OF_BROKEN, 'quo"te']
    quoted = [customer.replace('"', '""') for customer in customers]
    events = [f'"{customer}",2023-11-0{day},5' for customer in quoted for day in (1, 9)]
    (raw / "transactions.csv").write_text("\n".join([EVENTS, *events]), encoding="utf-8")
    mapped = [f"one_click,{ALIAS}_{each},{ALIAS}" for each in ("да", "нет")]
    mapped += [f"one_click,shop_17,{ALIAS_OF_BROKEN}"]
    identities = "\n".join(["source,source_id,customer_id", *mapped])
    (raw / "identities.csv").write_text(identities, encoding="utf-8")
    ws = make_workspace(home, raw, **settings)
    ws.must(*BUILD, "--select", "+dim_customers", "+fct_scores")
    for customer in customers:
        ws.change(
            f"insert into scores.scores values ('{customer}', 'spend_decline', 'm', "
            "timestamp '2024-01-01', 0.9, 0.9, 'offline', ['spend: more'])"
        )
    ws.must(*BUILD, "--select", "fct_scores", "+mart_segments", "+mart_offers", "mart_scores")
    return ws


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return build(tmp_path_factory.mktemp("consent") / "home")


def contactable(ws: TestWorkspace, relation: str, condition: str = "true") -> set[str]:
    return {name for (name,) in ws.query(f"select customer_id from {relation} where {condition}")}


YES = {"yes", "yes_capital", "yes_blank", "yes_twice"}


def test_a_clear_yes_alone_makes_a_customer_contactable(built: TestWorkspace) -> None:
    assert contactable(built, "marts.dim_customers", "is_contactable") == YES


def test_every_list_for_a_campaign_has_contactable_customers_only(built: TestWorkspace) -> None:
    assert contactable(built, "marts.mart_scores") == YES
    assert contactable(built, "marts.mart_offers") == YES
    for relation in ("marts.fct_scores", "marts.mart_segments"):
        assert contactable(built, relation) > YES
        assert contactable(built, relation, "is_contactable") == YES


def test_the_reason_is_told(built: TestWorkspace) -> None:
    basis = dict(built.query("select customer_id, contact_basis from marts.dim_customers"))
    assert basis.pop(STRANGER) == "no record"
    assert {name for name, why in basis.items() if why == "yes"} == YES
    assert {why for name, why in basis.items() if name not in YES} == {"no clear yes"}


@pytest.mark.parametrize("code", ["no", "0", "maybe"])
def test_an_unknown_code_is_named(built: TestWorkspace, code: str) -> None:
    reasons = {reason for (reason,) in built.query("select reason from staging.rejects")}
    assert f"Разрешить сообщать `{code}` is not in the seed one_click_codes" in reasons


def test_a_setting_allows_those_without_a_record_and_nobody_else(tmp_path: Path) -> None:
    ws = build(tmp_path / "home", **WITH_SETTING)
    assert contactable(ws, "marts.dim_customers", "is_contactable") == YES | {STRANGER}
    assert contactable(ws, "marts.mart_offers") == YES | {STRANGER}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (True, "says who allowed it and from which day"),
        ({"since": "2024-05-01"}, "says who allowed it and from which day"),
        ({"since": "soon", "by": "me"}, "no day up to today"),
        ({"since": "2999-01-01", "by": "me"}, "no day up to today"),
        ({"since": "2024-05-01", "by": " "}, "names who allowed it"),
    ],
)
def test_half_a_permission_is_none(tmp_path: Path, given: object, told: str) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "transactions.csv").write_text(f"{EVENTS}\na,2024-01-05,5\n", encoding="utf-8")
    ws = make_workspace(tmp_path / "home", raw, contact_without_record=given)
    ran = ws.run("dbt", "run", "--quiet", "--select", "stg_transactions__events")
    assert ran.code != 0
    assert told in ran.text
