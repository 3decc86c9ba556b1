"""Specs that nobody wrote by hand: any measures, windows and slices give what the oracle says."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.oracle_events import Event
from tests.random_events import purchases, telling_purchases, write_transactions
from tests.test_feature_oracle import assert_as_expected, build, built, expected
from tests.workspaces import REPOSITORY, TestWorkspace, make_workspace

Spec = dict[str, Any]
NUMBERS = ["sum", "mean", "std", "min", "max", "count", "nunique", "last", "trend"]
MEASURES: dict[str, tuple[dict[str, str], list[str]]] = {
    "amount": ({"expression": "amount"}, NUMBERS),
    "quantity": ({"expression": "quantity"}, NUMBERS),
    "price": ({"expression": "amount / nullif(quantity, 0)"}, ["mean", "max"]),
    "gap": ({"expression": "hours_since_last"}, ["mean", "std", "max", "count"]),
    "category": ({"expression": "category"}, ["count", "nunique"]),
    "last_event": ({}, ["days_since"]),
    "first_event": ({"edge": "first"}, ["days_since"]),
}
DIMENSIONS: dict[str, tuple[str | None, list[Any]]] = {
    "category": (None, ["toys", "Books & co", "it's", "-1"]),
    "is_cancellation": (None, [True, False]),
    "quantity": (None, [-1, 2.5, 1]),
    "direction": ("sign(amount)", [-1, 0, 1]),
    "weekend": ("isodow(event_time) > 5", [True]),
}


def some(values: list[Any], at_least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique=True, min_size=at_least, max_size=4)


windows = some([*range(1, 14), "all"], at_least=1)


@st.composite
def slices(draw: st.DrawFn) -> Spec:
    declared: Spec = {}
    for dimension in draw(some([*DIMENSIONS]))[:2]:
        expression, known = DIMENSIONS[dimension]
        values = draw(some(known, at_least=1))
        if expression is None and draw(st.booleans()):
            declared[dimension] = values
            continue
        declared[dimension] = {"values": values, "other": draw(st.booleans())}
        if expression:
            declared[dimension]["expression"] = expression
    return declared


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    measures: Spec = {
        "event": {"words": "events", "aggregations": ["count", "trend"], "sliced": ["share"]}
    }
    for name in draw(some([*MEASURES], at_least=2)):
        declared, aggregations = MEASURES[name]
        measures[name] = declared | {"words": name, "aggregations": draw(some(aggregations))}
        if name != "gap":
            # Of two events at one instant, either may be the one with a gap.
            more = ["share"] if name in ("amount", "quantity") else []
            measures[name]["sliced"] = draw(some(aggregations + more))
        for own in ("windows", "sliced_windows"):
            if draw(st.booleans()):
                measures[name][own] = draw(windows)
    if "amount" in measures:
        measures["amount"]["never_null"] = draw(st.booleans())
    features = []
    for lag in draw(some([1, 2, 5, 12])):
        measures["event"].setdefault("lags", []).append(lag)
        features.append({"name": f"event_count__1m_lag{lag}", "sql": f"event__count__1m_lag{lag}"})
    grid = {"windows": draw(windows), "measures": measures, "slices": draw(slices())}
    return {"grid": grid, "features": features}


# Every aggregation and kind of slice at once, over windows that are no multiples of each other.
EVERYTHING: Spec = {
    "grid": {
        "windows": [2, 5, 7, "all"],
        "measures": {
            "event": {
                "words": "events",
                "aggregations": ["count", "trend"],
                "sliced": ["count", "share", "trend"],
                "lags": [3],
            },
            "amount": {
                "expression": "amount",
                "words": "amounts",
                "aggregations": NUMBERS,
                "sliced": [*NUMBERS, "share"],
                "lags": [2],
            },
            "last_event": {
                "words": "event",
                "aggregations": ["days_since"],
                "sliced": ["days_since"],
            },
        },
        "slices": {
            name: {"values": values} | ({"expression": expression} if expression else {})
            for name, (expression, values) in DIMENSIONS.items()
        },
    },
    "features": [
        {"name": "event_count__1m_lag3", "sql": "event__count__1m_lag3"},
        {"name": "amount_sum__1m_lag2", "sql": "amount__sum__1m_lag2"},
        {"name": "amount_max__1m_lag2", "sql": "amount__max__1m_lag2"},
    ],
}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return purchases(random.Random(7), customers=4) + telling_purchases()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dbt project of one's own, to add families to."""
    folder = tmp_path_factory.mktemp("project") / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "__pycache__")
    shutil.copytree(REPOSITORY / "dbt_project", folder, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def ws(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp("specs")
    write_transactions(home / "raw" / "transactions.csv", events)
    return make_workspace(home, home / "raw")


def declare(project: Path, chosen: list[Spec]) -> dict[str, Spec]:
    """Make these the families ftr_random_0, ftr_random_1, …; their specs by model."""
    families = {}
    for number, spec in enumerate(chosen):
        family = f"random_{number}"
        features = [
            {**feature, "name": f"{family}_{feature['name']}", "description": "."}
            for feature in spec["features"]
        ]
        # `other` is what a list leaves: families of several lists cannot share a dimension's name.
        slices = {
            f"{dimension}_{number}": {"expression": dimension}
            | (declared if isinstance(declared, dict) else {"values": declared})
            for dimension, declared in spec["grid"].get("slices", {}).items()
        }
        families[f"ftr_{family}"] = {
            **{"family": family, "source": "transactions", "table": "events", "ttl_months": 1},
            **{"grid": spec["grid"] | {"slices": slices}, "features": features},
        }
    folder = project / "models" / "features"
    for model in families:
        sql = "{{ grid_family('int_transactions_months') }}\n"
        (folder / f"{model}.sql").write_text(sql, encoding="utf-8")
    models = [{"name": name, "config": {"meta": spec}} for name, spec in families.items()]
    text = yaml.safe_dump({"version": 2, "models": models}, sort_keys=False)
    (folder / "_random.yml").write_text(text, encoding="utf-8")
    return families


@settings(
    max_examples=3,
    derandomize=True,
    deadline=None,
    # Each example is a build; a smaller one is not worth many more.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@example(chosen=[EVERYTHING])
@given(chosen=st.lists(specs(), min_size=2, max_size=3))
def test_any_spec_gives_what_its_events_say(
    ws: TestWorkspace, project: Path, events: list[Event], chosen: list[Spec]
) -> None:
    families = declare(project, chosen)
    build(ws, *families, options=["--project-dir", str(project)])
    largest = max(abs(event.columns["amount"]) for event in events)
    last = max(event.month for event in events)
    for model, spec in families.items():
        assert_as_expected(built(ws, model), expected(spec, events, {}, last), largest)


def test_one_name_cannot_mean_two_things(ws: TestWorkspace, project: Path) -> None:
    measure = {"words": "amounts", "aggregations": ["sum"]}
    grids = [
        {"windows": [1], "measures": {"amount": measure | {"expression": expression}}}
        for expression in ("amount", "abs(amount)")
    ]
    declare(project, [{"grid": grid, "features": []} for grid in grids])
    ran = ws.run("dbt", "run", "--project-dir", str(project), "-s", "int_transactions_months")
    assert ran.code != 0
    assert "`amount` where `true`, and `abs(amount)` where `true`" in ran.text
    assert "Rename one measure or slice" in ran.text
