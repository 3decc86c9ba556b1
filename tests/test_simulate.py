"""Simulating a company: the same bytes for the same arguments, and nobody's files are lost."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml.simulate import Simulation, simulate
from ml.simulate.scenario import make_scenario
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import read_settings
from tests.simulated import all_bytes, folds, simulated


@pytest.mark.parametrize("form", ["detail", "ptls"])
def test_same_arguments_same_bytes(
    form: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    simulated(tmp_path, form)
    assert all_bytes(tmp_path) == all_bytes(request.getfixturevalue(form).home)


def test_another_seed_other_bytes(detail: Simulation, tmp_path: Path) -> None:
    simulated(tmp_path, seed=4)
    ours, others = all_bytes(tmp_path), all_bytes(detail.home)
    same = {name for name in ours if ours[name] == others.get(name)}
    assert same == {"workspace.yml"}


def test_blocks_cut_the_company_into_folds_of_whole_customers() -> None:
    scenario = make_scenario(100_000, 18, 1, "detail")
    assert len(scenario.blocks) > 6
    covered = [i for block in scenario.blocks for i in (block.first, block.first + block.size)]
    assert covered[0] == 0
    assert covered[-1] == 100_000
    assert covered[1:-1:2] == covered[2:-1:2]
    assert {block.fold for block in scenario.blocks} == {-1, 0, 1, 2, 3, 4}


def test_counts_are_those_of_the_files(detail: Simulation) -> None:
    written = {
        str(file.relative_to(detail.home)): pq.ParquetFile(file).metadata.num_rows
        for file in detail.home.rglob("*.parquet")
    }
    assert written == {k: v for k, v in detail.rows.items() if k.endswith(".parquet")}
    for name in set(detail.rows) - set(written):
        lines = (detail.home / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) - 1 == detail.rows[name], name
    assert detail.transactions == len(folds(detail, "detail/trx"))
    assert detail.transactions_per_second > 0


def test_settings_name_the_last_month_of_events_and_keep_the_others(tmp_path: Path) -> None:
    (tmp_path / "workspace.yml").write_text("title: Ours\none_click: {note: x}\n", encoding="utf-8")
    simulate(tmp_path, customers=100, months=4, seed=1)
    settings = read_settings(tmp_path / "workspace.yml")
    assert settings["title"] == "Ours"
    assert settings["one_click"]["note"] == "x"
    for source in ("one_click", "retailtech"):
        assert str(settings[source]["snapshot_month"]) == "2022-12-01"
    assert "&" not in (tmp_path / "workspace.yml").read_text(encoding="utf-8")


def test_refuses_a_raw_folder_of_someone_else(tmp_path: Path) -> None:
    mine = tmp_path / "raw" / "mine.csv"
    mine.parent.mkdir()
    mine.write_text("a\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"mine\.csv"):
        simulate(tmp_path, customers=100, months=4, seed=1)
    assert all_bytes(tmp_path) == {"raw/mine.csv": b"a\n"}


def test_writes_over_its_own_but_not_over_a_file_put_beside_it(tmp_path: Path) -> None:
    simulate(tmp_path, customers=120, months=5, seed=1)
    simulate(tmp_path, customers=100, months=4, seed=1)
    assert not (tmp_path / "raw" / "transactions" / "2022-08.csv").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw", "truth", "workspace.yml"]
    (tmp_path / "raw" / "added.csv").write_text("a\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"added\.csv"):
        simulate(tmp_path, customers=100, months=4, seed=1)


def test_refuses_a_workspace_that_reads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "workspace.yml").write_text("raw: ../elsewhere\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match="elsewhere"):
        simulate(tmp_path, customers=100, months=4, seed=1)


def test_a_failed_run_leaves_the_old_company_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(tmp_path, customers=100, months=4, seed=1)
    before = all_bytes(tmp_path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("ml.simulate.company.write_sessions", fail)
        with pytest.raises(OSError, match="disk full"):
            simulate(tmp_path, customers=100, months=4, seed=2)
    assert {k: v for k, v in all_bytes(tmp_path).items() if not k.startswith(".")} == before
    simulate(tmp_path, customers=100, months=4, seed=1)
    assert all_bytes(tmp_path) == before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"customers": 99}, "customers is 99"),
        ({"months": 3}, "months is 3"),
        ({"seed": -1}, "seed is -1"),
        ({"form": "wide"}, "form is 'wide'"),
    ],
)
def test_refuses_arguments_out_of_range(
    wrong: dict[str, object], told: str, tmp_path: Path
) -> None:
    arguments = {"customers": 100, "months": 4, "seed": 1, "form": "detail"} | wrong
    with pytest.raises(AlmanacError, match=told):
        simulate(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())
