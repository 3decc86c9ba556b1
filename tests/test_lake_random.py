"""Raw files that change in any way: a lake that follows them holds what one full build gives."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ml.simulate import simulate
from tests.lake_rows import differences
from tests.test_increments import raw_until
from tests.workspaces import TestWorkspace

pytest.importorskip("deltalake", reason="deltalake is missing")

from ml.lake.build import build_lake
from tests.small_lakes import build_small
from tests.test_lake import lake_at

ENDS = ("2022-10", "2022-11", "2022-12", "2023-01")
BANK = ("trx", "geo", "dialog")


class Company:
    """Raw files, and what may happen to them; what finds nothing to change does nothing."""

    def __init__(self, history: Path, raw: Path, dice: random.Random) -> None:
        self.history, self.raw, self.dice = history, raw, dice
        self.ends = list(ENDS)
        raw_until(history, raw, self.ends.pop(0))

    def change(self) -> str:
        chosen: Callable[[], None] = self.dice.choice(
            [
                self.month_ends,
                self.late_purchase,
                self.late_bank_events,
                self.file_is_lost,
                self.source_is_lost,
                self.file_is_found,
                self.ids_change,
            ]
        )
        chosen()
        return chosen.__name__

    def files(self, *patterns: str) -> list[Path]:
        return sorted(file for pattern in patterns for file in self.raw.glob(pattern))

    def events(self) -> list[Path]:
        return self.files("transactions/*.csv", "detail/*/*/*.parquet")

    def month_ends(self) -> None:
        """The shop's next file comes; the bank writes its files anew, with one month more."""
        if not self.ends:
            return
        end = self.ends.pop(0)
        fresh = raw_until(self.history, self.raw.with_name("month"), end)
        newest = max(fresh.glob("transactions/*.csv"))
        for file in [newest, *fresh.glob("*/**/*.parquet")]:
            place = self.raw / file.relative_to(fresh)
            if file == newest or place.exists():
                place.parent.mkdir(exist_ok=True)
                shutil.copy(file, place)
        shutil.rmtree(fresh)

    def late_purchase(self) -> None:
        """A purchase of an earlier month, or of a month that had none, in any file."""
        files = self.files("transactions/*.csv")
        if not files:
            return
        with self.dice.choice(files).open("a", encoding="utf-8") as file:
            who = self.dice.choice([*self.shoppers(), "stranger"])
            month, day, number = (self.dice.randint(*ends) for ends in ((5, 9), (1, 28), (1, 99)))
            file.write(
                f"{who},2022-{month:02}-{day:02}T12:00:00,{number}.5,1,late-{number},i1,books\n"
            )

    def late_bank_events(self) -> None:
        """Some events of a file of the bank move to other days, others are gone."""
        files = self.files("detail/*/*/*.parquet")
        if not files:
            return
        file = self.dice.choice(files)
        days, left_out = self.dice.randint(-40, -1), self.dice.randint(5, 9)
        with duckdb.connect() as connection:
            connection.execute(
                f"create table rows as select * replace (if(hash(event_time) % {left_out} = 1, "
                f"event_time + interval ({days}) day, event_time) as event_time) from '{file}' "
                f"where hash(event_time) % {left_out} > 0"
            )
            connection.execute(f"copy rows to '{file}' (format parquet)")

    def file_is_lost(self) -> None:
        if files := self.events():
            self.dice.choice(files).unlink()

    def source_is_lost(self) -> None:
        """All files of one kind are gone."""
        for file in self.files(f"detail/{self.dice.choice(BANK)}/*/*.parquet"):
            file.unlink()

    def file_is_found(self) -> None:
        """A file that was lost is there again, as it first was."""
        before = raw_until(self.history, self.raw.with_name("found"), ENDS[0])
        lost = [
            file
            for file in sorted(before.rglob("*.*"))
            if file.is_file() and not (self.raw / file.relative_to(before)).exists()
        ]
        if lost:
            file = self.dice.choice(lost)
            shutil.copy(file, self.raw / file.relative_to(before))
        shutil.rmtree(before)

    def shoppers(self) -> list[str]:
        lines = (self.raw / "identities.csv").read_text(encoding="utf-8").splitlines()[1:]
        ids = [line.split(",") for line in lines]
        return [source_id for source, source_id, _ in ids if source == "transactions"]

    def ids_change(self) -> None:
        """Two customers become one, one gets another id, or an id is nobody's any more."""
        place = self.raw / "identities.csv"
        head, *lines = place.read_text(encoding="utf-8").splitlines()
        for _ in range(self.dice.randint(1, 5)):
            number = self.dice.randrange(len(lines))
            source, source_id, _customer = lines.pop(number).split(",")
            other = self.dice.choice(lines).split(",")[2]
            if customer := self.dice.choice([other, f"new{number}", ""]):
                lines.append(f"{source},{source_id},{customer}")
        place.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def build_killed_before_its_warehouse(ws: TestWorkspace) -> None:
    """Build as if killed when the lake has all of it and the warehouse nothing."""
    with pytest.MonkeyPatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr("ml.lake.build.write_warehouse", die)
        build_lake(ws.opened())


def die(*_given: object) -> None:
    raise KeyboardInterrupt


def check(history: Path, compiled: Path, home: Path, seed: int) -> list[str]:
    """Build a lake step by step, and one of the last files; what was changed, where both agree."""
    dice = random.Random(seed)
    company = Company(history, home / "raw", dice)
    grown = lake_at(home / "grown", company.raw, compiled, buckets=dice.randint(1, 3))
    build_lake(grown.opened())
    told = []
    for _ in range(2):
        told.append("+".join(company.change() for _ in range(dice.randint(1, 3))))
        if dice.random() < 0.5:
            build_killed_before_its_warehouse(grown)
        build_lake(grown.opened())
    assert build_lake(grown.opened()).changed == [], told
    fresh = lake_at(home / "fresh", company.raw, compiled, buckets=2)
    build_lake(fresh.opened())
    assert differences(fresh.home, grown.home, least=60) == [], told
    return told


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of a small company over seven months, the last one 2022-12."""
    home = tmp_path_factory.mktemp("history")
    simulate(home, customers=100, months=7, seed=8)
    return home / "raw"


@settings(
    # A seed is as random as another; more of them are tried by hand.
    max_examples=1,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**20))
def test_any_changes_of_the_files_give_the_rows_of_one_build(
    history: Path,
    compiled: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    build_small(monkeypatch)
    home = tmp_path_factory.mktemp("random")
    check(history, compiled, home, seed)
    shutil.rmtree(home)
