"""Dialogues: fits that know nothing of what came later, projected in SQL, versions by month."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sklearn.decomposition import PCA

from ml.features.refit import Size, first_fit
from ml.features.refit.fit import fit
from ml.features.refit.version import Fit
from ml.simulate import simulate
from ml.workspace.errors import AlmanacError
from tests.workspaces import TestWorkspace, make_workspace

SIZE = Size(components=4, clusters=3)
LENGTH = 12
CUT = "2022-04-01"


def cloud(rows: int, seed: int = 1, length: int = LENGTH) -> np.ndarray:
    """Vectors with three clusters, and four directions that stand out from the noise."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.standard_normal((length, 4)))[0].T
    scores = random.standard_normal((rows, 4)) * [6, 4, 2, 1]
    scores[:, 0] += 30 * random.integers(0, 3, rows)
    noise = 0.05 * random.standard_normal((rows, length))
    return (scores @ axes + noise + 3).astype(np.float32)


def in_batches(vectors: np.ndarray, size: int = 100):
    return lambda: (vectors[start : start + size] for start in range(0, len(vectors), size))


def dialogs(vectors: np.ndarray, until: str = "2022-06-01") -> duckdb.DuckDBPyRelation:
    """One dialogue a vector, evenly from 2022-01-01 on."""
    start = np.datetime64("2022-01-01", "us")
    step = (np.datetime64(until, "us") - start) // len(vectors)
    times = start + step * np.arange(len(vectors))
    table = pa.table({"event_time": times, "embedding": list(vectors)})
    connection = duckdb.connect()
    connection.register("arrived", table)
    connection.execute("create table dialogs as select * from arrived")
    return connection.table("dialogs")


def test_components_span_what_plain_pca_finds():
    vectors = cloud(1_000)
    found = fit(in_batches(vectors), 4, 3)
    plain = PCA(4).fit(vectors.astype(np.float64))
    cosines = np.linalg.svd(found.components @ plain.components_.T, compute_uv=False)
    assert cosines.min() > 0.999
    np.testing.assert_allclose(found.mean, plain.mean_, atol=1e-9)
    np.testing.assert_allclose(found.explained, plain.explained_variance_ratio_, atol=0.01)


def test_centres_lie_where_the_vectors_are_thick():
    found = fit(in_batches(cloud(3_000)), 4, 3)
    first = np.sort(found.centres[:, 0])
    np.testing.assert_allclose(np.diff(first), 30, atol=2)
    np.testing.assert_allclose(found.shares, 1 / 3, atol=0.05)
    assert list(found.shares) == sorted(found.shares, reverse=True)


def test_fewer_come_back_where_more_are_not_there():
    alike = np.repeat(cloud(2), 40, axis=0)
    found = fit(in_batches(alike), 4, 3)
    assert (len(found.components), len(found.centres)) == (1, 2)
    same = fit(in_batches(np.ones((60, LENGTH), dtype=np.float32)), 4, 3)
    assert (len(same.components), len(same.centres)) == (0, 0)


def test_a_further_fit_keeps_order_and_signs():
    vectors = cloud(2_000)
    first = fit(in_batches(vectors), 4, 3)
    order, signs = np.array([2, 0, 3, 1]), np.array([-1.0, 1.0, -1.0, -1.0])
    shuffled = Fit(
        vectors=first.vectors,
        mean=first.mean,
        components=first.components[order] * signs[:, None],
        explained=first.explained[order],
        centres=(first.centres[:, order] * signs)[::-1],
        shares=first.shares[::-1],
    )
    again = fit(in_batches(np.concatenate([vectors, cloud(500)])), 4, 3, shuffled)
    cosines = (again.components * shuffled.components).sum(axis=1)
    assert cosines.min() > 0.99
    assert np.linalg.norm(again.centres - shuffled.centres, axis=1).max() < 2


def test_nothing_of_the_time_after_the_cut_off_is_known():
    vectors = cloud(500)
    before = first_fit(dialogs(vectors), CUT, SIZE)
    late = 500 * 90 // 151 + 1
    changed = np.concatenate([vectors[:late], 7 * cloud(500 - late, seed=2)])
    assert first_fit(dialogs(changed), CUT, SIZE).equals(before)
    changed[0] += 1
    assert not first_fit(dialogs(changed), CUT, SIZE).equals(before)
    assert before["dialogues"][0].as_py() == late - 1 or before["dialogues"][0].as_py() == late


def test_the_fit_does_not_depend_on_the_order_of_the_rows():
    ordered = dialogs(cloud(300))
    shuffled = ordered.order("hash(embedding)")
    assert first_fit(shuffled, CUT, SIZE).equals(first_fit(ordered, CUT, SIZE))


def test_the_first_cut_off_is_the_end_of_the_third_month_once_data_reach_beyond():
    assert first_fit(dialogs(cloud(300), until=CUT), "", SIZE).num_rows == 0
    found = first_fit(dialogs(cloud(300)), "", SIZE)
    assert str(found["fitted_until"][0])[:10] == CUT
    assert {
        len(row) for row in found.filter(pa.compute.equal(found["kind"], "mean"))["vector"]
    } == {LENGTH}


def test_the_first_cut_off_waits_until_there_are_enough():
    found = first_fit(dialogs(cloud(70)), "", SIZE)
    assert str(found["fitted_until"][0])[:10] == "2022-05-01"
    assert first_fit(dialogs(cloud(49)), "", SIZE).num_rows == 0
    assert first_fit(dialogs(cloud(40)), CUT, SIZE).num_rows == 0


def test_embeddings_with_gaps_are_left_out():
    vectors = [*cloud(200), *([None] * LENGTH for _ in range(9)), *(np.full((9, LENGTH), np.nan))]
    vectors += [np.ones(LENGTH - 1, dtype=np.float32)] * 9
    connection = duckdb.connect()
    table = pa.table({"embedding": pa.array([list(v) for v in vectors], pa.list_(pa.float32()))})
    connection.register("arrived", table)
    rows = connection.sql("select timestamp '2022-01-05' as event_time, embedding from arrived")
    found = first_fit(
        rows.union(rows.limit(1).project("timestamp '2022-09-01', embedding")), CUT, SIZE
    )
    assert set(found["dialogues"].to_pylist()) == {200}


def test_a_cut_off_that_is_no_date_is_refused():
    with pytest.raises(AlmanacError, match=r"mbd\.dialog_fit_until is `soon`"):
        first_fit(dialogs(cloud(60)), "soon", SIZE)


MODELS = ("--select", "+ftr_dialog", "+ftr_dialog_topic", "--exclude", "resource_type:unit_test")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A small company whose dialogues are fitted on before August 2022, and then refitted."""
    home = tmp_path_factory.mktemp("bank")
    simulate(home, customers=300, months=8, seed=7)
    ws = make_workspace(home, home / "raw", mbd={"dialog_fit_until": "2022-08-01"})
    ws.must("dbt", "build", "--quiet", *MODELS)
    return ws


def months(ws: TestWorkspace, relation: str) -> dict[str, tuple]:
    return {
        str(month): rest
        for month, *rest in ws.query(
            "select feature_month, sum(hash(rows)), any_value(month_version) "
            f"from {relation} as rows group by feature_month"
        )
    }


def vectors_of(ws: TestWorkspace, version: int, kind: str) -> np.ndarray:
    rows = ws.query(
        "select vector from intermediate.int_mbd_dialog_fits "
        f"where version = {version} and kind = '{kind}' order by position"
    )
    return np.array([row[0] for row in rows])


def assert_projected(ws: TestWorkspace, version: int) -> None:
    """Every dialogue of a version is where numpy puts it."""
    names = (
        ", ".join(f"pc_{k}" for k in range(1, 17)),
        ", ".join(f"distance_{k}" for k in range(1, 9)),
    )
    rows = ws.query(
        f"select raw.embedding, [{names[0]}], [{names[1]}], cluster, distance "
        "from intermediate.int_mbd_dialogs as dialogs inner join staging.stg_mbd__dialog as raw "
        f"using (customer_id, event_time) where dialog_version = {version}"
    )
    assert rows
    embeddings, components, distances, cluster, distance = map(np.array, zip(*rows, strict=True))
    mean, axes, centres = (
        vectors_of(ws, version, kind) for kind in ("mean", "component", "center")
    )
    expected = (embeddings.astype(np.float64) - mean) @ axes.T
    np.testing.assert_allclose(components, expected, atol=1e-5)
    far = np.linalg.norm(expected[:, None] - centres[None], axis=2)
    np.testing.assert_allclose(distances, far, atol=1e-5)
    np.testing.assert_array_equal(cluster, far.argmin(axis=1) + 1)
    np.testing.assert_allclose(distance, far.min(axis=1), atol=1e-5)


def versions(ws: TestWorkspace) -> dict[str, int | None]:
    rows = ws.query(
        "select distinct feature_month, dialog_version from intermediate.int_mbd_dialog_versions"
    )
    return {str(month)[:7]: version for month, version in rows}


def test_a_month_uses_the_fit_that_was_there_when_it_became_known(bank: TestWorkspace):
    known = versions(bank)
    assert known["2022-06"] is None
    assert known["2022-07"] == known["2022-12"] == 1
    means = dict(
        bank.query(
            "select feature_month, count(dialog_pc_1_mean__12m) from features.ftr_dialog "
            "where feature_month < '2023-01-01' group by feature_month"
        )
    )
    counts = dict(
        bank.query(
            "select feature_month, sum(dialog_event_count__1m) from features.ftr_dialog "
            "where feature_month < '2023-01-01' group by feature_month"
        )
    )
    assert {str(month)[:7] for month, count in means.items() if count == 0} == {
        "2022-05",
        "2022-06",
    }
    assert min(counts.values()) > 0
    assert_projected(bank, 1)


def test_a_refit_adds_a_version_and_changes_the_months_from_its_cut_off_on(bank: TestWorkspace):
    relations = (
        "intermediate.int_mbd_dialog_months",
        "features.ftr_dialog__vectors",
        "features.ftr_dialog_topic__vectors",
    )
    before = {relation: months(bank, relation) for relation in relations}
    first = bank.query("from intermediate.int_mbd_dialog_fits order by all")

    told = bank.must("ml", "refit", "dialog")
    assert "Version 2" in told
    assert "before 2022-12-01" in told
    assert "Next: dbt build" in told
    bank.must("dbt", "build", "--quiet", *MODELS)
    for relation in relations:
        after = months(bank, relation)
        changed = {month[:7] for month in after if after[month] != before[relation][month]}
        assert changed == {month[:7] for month in after if month >= "2022-11"}, relation
    assert_projected(bank, 2)
    assert versions(bank)["2022-10"] == 1
    handed_over = "select table_name from information_schema.tables where table_schema = 'main'"
    assert bank.query(handed_over) == []

    built = {relation: months(bank, relation) for relation in relations}
    bank.must("dbt", "build", "--quiet", "--full-refresh", *MODELS)
    assert {relation: months(bank, relation) for relation in relations} == built
    kept = bank.query("from intermediate.int_mbd_dialog_fits where version = 1 order by all")
    assert kept == first
    assert set(versions(bank).values()) == {None, 1, 2}

    refused = bank.run("ml", "refit", "dialog", "--until", "2022-12-01")
    assert refused.code != 0
    assert "2022-12-01 is not later" in refused.text
    refused = bank.run("ml", "refit", "dialog", "--until", "2030-01-01")
    assert "At the latest: ml refit dialog --until 2023-01-01" in refused.text


def test_too_few_dialogues_leave_features_without_components(tmp_path: Path):
    simulate(tmp_path, customers=100, months=4, seed=7)
    ws = make_workspace(tmp_path, tmp_path / "raw")
    ws.must("dbt", "build", "--quiet", *MODELS)
    rows, known, dialogues = ws.query(
        "select count(*), count(dialog_pc_1_mean__12m), sum(dialog_event_count__1m) "
        "from features.ftr_dialog"
    )[0]
    assert rows > 0
    assert known == 0
    assert 0 < dialogues < 50
    refused = ws.run("ml", "refit", "dialog")
    assert refused.code != 0
    assert "Fewer than 50 whole dialogues" in refused.text
    assert "Next" not in refused.text
