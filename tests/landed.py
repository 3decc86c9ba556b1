"""Raw folders of every kind, landed in a warehouse of their own."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.landing import land
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import REPOSITORY, Workspace

PROJECT = REPOSITORY / "dbt_project"

SESSIONS = "customer_id,time_spent,pages_viewed,basket_value,device_type,customer_type,purchase"
EVENTS = "customer_id,event_time,amount"
CODES = ("event_type", "event_subtype", "currency", "src_type11", "src_type12", "dst_type11")
CODES += ("dst_type12", "src_type21", "src_type22", "src_type31", "src_type32")


class Company:
    """A workspace in a temporary folder, and its warehouse."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.raw = home / "raw"
        self.raw.mkdir()
        self.warehouse = duckdb.connect(str(home / "warehouse.duckdb"))

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_parquet(self, name: str, **columns: Any) -> Path:
        path = self.put(name, b"")
        pq.write_table(pa.table(columns), path)
        return path

    def land(self, raw: Path | None = None, project: Path = PROJECT, **settings: Any) -> list[str]:
        workspace = Workspace(self.home, (raw or self.raw).resolve(), settings)
        return land(self.warehouse, project, workspace)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.warehouse.execute(query).fetchall()

    def complaint(self, raw: Path | None = None, **settings: Any) -> str:
        with pytest.raises(AlmanacError) as caught:
            self.land(raw, **settings)
        message = str(caught.value)
        assert "\n" in message, "the next command is missing"
        return message


def put_bank(company: Company, **changes: Any) -> None:
    columns: dict[str, Any] = {
        "client_id": ["a", "b"],
        "event_time": [datetime(2022, 1, 1, 5), datetime(2022, 1, 31, 23, 59, 59)],
        "amount": [1.5, None],
        **{code: [1, 2] for code in CODES},
    }
    company.put_parquet("detail/trx/fold=0/part-0.parquet", **{**columns, **changes})


def put_shop(company: Company, **texts: str | bytes) -> None:
    market = "id,Покупательская активность,Тип сервиса,Разрешить сообщать,Маркет_актив_6_мес,"
    market += "Маркет_актив_тек_мес,Длительность,Акционные_покупки,Популярная_категория,"
    market += "Средний_просмотр_категорий_за_визит,Неоплаченные_продукты_штук_квартал,"
    market += "Ошибка_сервиса,Страниц_за_визит\n1,Снизилась,премиум,да,3.4,5,121,0,Дом,6,2,1,5\n"
    whole = {
        "market_file": market,
        "market_money": "id,Период,Выручка\n1,текущий_месяц,3293.1\n",
        "market_time": "id,Период,минут\n1,текущий_месяц,14\n",
        "money": "id;Прибыль\n1;0,98\n",
    }
    for name, text in {**whole, **texts}.items():
        company.put(f"{name}.csv", text)


@pytest.fixture(name="company")
def company_fixture(tmp_path):
    made = Company(tmp_path)
    yield made
    made.warehouse.close()
