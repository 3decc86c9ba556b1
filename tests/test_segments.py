"""Which targets enter the segments: those whose meta says that they mean decline."""

from pathlib import Path

import pytest
import yaml

from tests.landed import SESSIONS
from tests.pages import Place, make_place

BUILD = ("dbt", "build", "--quiet", "--exclude", "resource_type:test", "resource_type:unit_test")
LABELS = "select customer_id, event_timestamp, label from {{ ref('tgt_activity_decline') }}\n"
SCORES = [
    ("both", "churn", 0.9),
    ("both", "activity_decline", 0.2),
    ("ranked", "leaving", 0.9),
    ("ranked", "spend_decline", 0.3),
    ("unranked", "leaving", 0.4),
    ("neither", "purchase_any", 0.9),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = make_place(tmp_path_factory.mktemp("segments"))
    sessions = f"{SESSIONS}\nboth,1,1,1,mobile,new,1\n"
    made.workspace.raw.mkdir()
    (made.workspace.raw / "raw_customer_data.csv").write_text(sessions, encoding="utf-8")
    declare(made.project, "churn", segments="decline", segments_rank=0)
    declare(made.project, "leaving", segments="decline")
    dbt(made, "--select", "+mart_segments")
    for customer, target, score in SCORES:
        made.workspace.change(
            f"insert into scores.scores values ('{customer}', '{target}', 'm', "
            f"timestamp '2024-01-01', {score}, {score}, 'offline', null)"
        )
    dbt(made, "--select", "fct_scores", "mart_segments")
    return made


def declare(project: Path, target: str, **meta: object) -> None:
    folder = project / "models" / "targets"
    (folder / f"tgt_{target}.sql").write_text(LABELS, encoding="utf-8")
    model = {"name": f"tgt_{target}", "config": {"meta": {"target": target, **meta}}}
    text = yaml.safe_dump({"version": 2, "models": [model]})
    (folder / f"tgt_{target}.yml").write_text(text, encoding="utf-8")


def dbt(place: Place, *selection: str) -> None:
    own = [f"DBT_PROJECT_DIR={place.project}", f"DBT_PROFILES_DIR={place.project}"]
    place.workspace.must("env", *own, *BUILD, *selection)


def test_a_target_that_a_user_adds_enters_the_segments(place: Place) -> None:
    found = place.workspace.query("select customer_id, risk_target, risk from marts.mart_segments")
    assert sorted(found) == [
        ("both", "churn", 0.9),
        ("ranked", "spend_decline", 0.3),
        ("unranked", "leaving", 0.4),
    ]
