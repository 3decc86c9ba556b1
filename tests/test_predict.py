import csv
import io
import json
import os
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import Predictor
from ml.registry import artifact
from ml.serving.predict import Problem
from ml.serving.predict.predictor import confidence
from ml.serving.predict.records import inputs
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.targets import target
from tests.learnable import FEATURES, customer_months, fake_store, learnable

__all__ = ["fake_store"]
RECORD = {"customer_id": "c1", "spend_sum__1m": 3.0, "spend_days_since__all": 1.5,
          "spend_count__1m": 1, "spend_noise__1m": None}  # fmt: skip


@pytest.fixture(scope="module")
def ws(tmp_path_factory) -> Workspace:
    ws = learnable(tmp_path_factory.mktemp("predict"))
    with pytest.MonkeyPatch.context() as patch:
        fake_store.__wrapped__(patch)
        train(ws, target(ws, "activity"), Plan(families=("logistic",)))
        train(ws, target(ws, "spend_next_month"), Plan(families=("lightgbm",)))
    return ws


@pytest.fixture(params=["activity", "spend_next_month"])
def predictor(request, ws) -> Predictor:
    return Predictor(request.param, ws)


def lines(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_importing_the_package_loads_no_model_library():
    code = "import sys, ml; print(sorted({'numpy', 'pandas', 'lightgbm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_record_gets_everything(predictor):
    found = predictor.predict(RECORD)
    assert list(found) == ["id", "class", "probability", "confidence", "reasons"]
    assert found["id"] == "c1"
    assert found["class"] == int(found["probability"] >= predictor.info()["threshold"])
    assert found["confidence"] in ("low", "medium", "high")
    # The sparse logistic regression uses two of the four features; trees use more than are told.
    assert len(found["reasons"]) == {"logistic": 2, "lightgbm": 3}[predictor.info()["family"]]
    assert json.loads(json.dumps(found)) == found


def test_records_and_frames_are_predicted_as_the_model_does(ws, predictor):
    frame = customer_months().head(50)[["customer_id", *reversed(FEATURES)]]
    champion = artifact.champion(ws, predictor.info()["target"])
    expected = champion.model.predict(frame[FEATURES].to_numpy(np.float32))
    shifted = frame.set_axis(range(7, 57))
    found = predictor.predict(shifted)
    assert list(found.index) == list(range(7, 57))
    np.testing.assert_allclose(found["probability"], expected, rtol=1e-12)
    listed = predictor.predict(frame.to_dict("records"))
    assert listed == found.to_dict("records")


def test_a_field_left_out_is_a_null(predictor):
    known = {"spend_sum__1m": 2.0}
    nulls = dict.fromkeys(FEATURES, float("nan")) | known
    assert predictor.predict(known) == predictor.predict(nulls)
    assert predictor.predict(known)["id"] is None


def test_reasons_name_the_value_and_where_it_leads(ws):
    found = Predictor("activity", ws).predict(RECORD | {"spend_sum__1m": 40.0})["reasons"]
    assert found[0] == "money spent in the month: 40, raises the probability; more raises it"
    missing = Predictor("activity", ws).predict({"spend_days_since__all": 50.0})["reasons"]
    assert missing[0].startswith("spend_days_since__all: 50, lowers the probability; more lowers")
    unknown = [reason for reason in missing if "unknown" in reason]
    assert unknown
    assert all(reason.endswith("the probability") for reason in unknown)


def test_bad_fields_are_named_one_by_one(predictor):
    bad = [
        RECORD | {"spend_sum__1m": "3"},
        RECORD,
        {"spend_sum_1m": 3.0, "customer_id": True},
        RECORD | {"spend_count__1m": True, "spend_noise__1m": 1e300, "customer_id": ""},
        {"customer_id": "c2"},
        [1, 2],
    ]
    assert predictor.validate(RECORD) == []
    assert predictor.validate(bad) == [
        Problem(0, "spend_sum__1m", "is '3', not a number"),
        Problem(2, "customer_id", "is True, not an id"),
        Problem(2, "spend_sum_1m", "is no field of the model (did you mean spend_sum__1m?)"),
        Problem(3, "spend_count__1m", "is True, not a number"),
        Problem(3, "spend_noise__1m", "is 1e+300, beyond 32-bit floats"),
        Problem(3, "customer_id", "is empty"),
        Problem(4, "every feature", "is missing"),
        Problem(5, "the record", "is a list, not {feature: number}"),
    ]
    with pytest.raises(AlmanacError, match=r"record 0: spend_sum__1m is '3'(.|\n)*info\(\)"):
        predictor.predict(bad)


def test_a_frame_is_checked_as_records_are(predictor):
    frame = pd.DataFrame({"spend_sum__1m": [1.0, np.inf], "spend_summ": 1.0})
    assert predictor.validate(frame) == [
        Problem(None, "spend_summ", "is no field of the model (did you mean spend_sum__1m?)"),
        Problem(1, "spend_sum__1m", "is infinite"),
    ]
    twice = pd.DataFrame([[1.0, 2.0]], columns=["spend_sum__1m"] * 2)
    with pytest.raises(AlmanacError, match="named twice: spend_sum__1m"):
        predictor.predict(twice)
    nullable = pd.DataFrame({"spend_sum__1m": pd.array([2, None], "Int64"), FEATURES[1]: [0, 1]})
    assert predictor.validate(nullable) == []
    for wrong in ("a text", 7):
        with pytest.raises(AlmanacError, match="is not data to predict"):
            predictor.validate(wrong)


def test_features_of_the_training_set_that_the_model_leaves_out_are_no_problem(tmp_path, request):
    request.getfixturevalue("fake_store")
    ws = learnable(tmp_path, customer_months().assign(spend_noise__1m=1.0))
    train(ws, target(ws, "activity"), Plan(families=("logistic",)))
    predictor = Predictor("activity", ws)
    assert "spend_noise__1m" not in predictor.info()["features"]
    assert predictor.validate(RECORD | {"spend_noise__1m": 3.0}) == []


def test_no_rows_give_no_predictions(predictor):
    assert predictor.predict([]) == []
    assert len(predictor.predict(pd.DataFrame(columns=FEATURES))) == 0


def test_info_says_what_the_model_is(ws):
    info = Predictor("activity", ws).info()
    assert info["features"] == {
        "spend_sum__1m": "Money spent in the month.",
        **{name: name for name in FEATURES[1:]},
    }
    assert sorted(info["drivers"][:2]) == [
        "money spent in the month: the more, the higher the probability",
        "spend_days_since__all: the more, the lower the probability",
    ]
    assert info["model_id"].startswith("activity-")
    assert info["metrics"]["cv"]["rows"] == 400
    assert json.dumps(info)


def test_an_artifact_answers_wherever_it_lies(ws, tmp_path):
    folder = artifact.champion(ws, "activity").folder
    moved = folder.rename(tmp_path / "elsewhere")
    try:
        loaded = Predictor.load(moved).predict(RECORD)
    finally:
        moved.rename(folder)
    assert loaded == Predictor("activity", ws).predict(RECORD)


def test_a_target_without_a_model_is_an_error(ws):
    with pytest.raises(AlmanacError, match="ml train --target rare"):
        Predictor("rare", ws)
    with pytest.raises(AlmanacError, match=r"no target spend_next_mont(.|\n)*spend_next_month"):
        Predictor("spend_next_mont", ws)


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_is_the_third_of_the_way_to_certainty(probability, threshold):
    (found,) = confidence(np.array([probability]), threshold)
    side = 1 - threshold if probability >= threshold else threshold
    way = abs(probability - threshold) / side if side else 1.0
    assert found == ("high" if way * 3 >= 2 else "medium" if way * 3 >= 1 else "low")


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.none() | st.just("7"))
def test_a_value_is_a_number_a_null_or_a_problem(value):
    given = inputs({"a": value, "b": 1}, ["a", "b"])
    number = isinstance(value, int | float) and abs(value) <= float(np.finfo(np.float32).max)
    null = value is None or str(value) == "nan"
    assert bool(given.problems) == (not number and not null)
    if number:
        assert given.matrix[0, 0] == np.float32(value)
    else:
        assert np.isnan(given.matrix[0, 0])


CSV = """\
customer_id,spend_sum__1m,spend_count__1m,spend_days_since__all
c1,3.5,1,2
c2,much,1,2
"c3,1,1,2
c4,1,2

c5,,1,2
,1,1,2
c6,,,
"c7",1e999,1_0,2
"""


def test_good_lines_are_predicted_and_bad_ones_kept_with_reasons(predictor, tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(CSV.encode() + b"c8,\xff,1,2\r\nc9,4,1,2")
    done = predictor.predict_csv(path, tmp_path / "out.csv")
    assert (done.predicted, done.rejected) == (3, 7)
    found = lines(tmp_path / "out.csv")
    assert [(each["line"], each["id"]) for each in found] == [
        ("2", "c1"),
        ("7", "c5"),
        ("12", "c9"),
    ]
    first = dict(zip(CSV.split("\n", 1)[0].split(","), ["c1", 3.5, 1, 2], strict=True))
    expected = predictor.predict(first)
    assert float(found[0]["probability"]) == expected["probability"]
    assert found[0]["reasons"] == " | ".join(expected["reasons"])
    rejected = {each["line"]: each["reason"] for each in lines(done.rejects)}
    assert rejected == {
        "3": "spend_sum__1m is 'much', not a number",
        "4": "quotes do not match (unexpected end of data)",
        "5": "3 fields where the header has 4",
        "8": "customer_id is empty",
        "9": "every feature is missing",
        "10": "spend_sum__1m is infinite; spend_count__1m is '1_0', not a number",
        "11": "not UTF-8",
    }
    assert lines(done.rejects)[1]["text"] == '"c3,1,1,2'
    assert done.rejects == tmp_path / "out.rejected.csv"


def test_other_delimiters_and_a_byte_order_mark_are_found_out(predictor, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("spend_sum__1m;spend_count__1m\r\n1;2\r\n", encoding="utf-8-sig")
    assert predictor.predict_csv(path, tmp_path / "out.csv").predicted == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("customer_id,spend_sum_1m\nc1,1\n", r"spend_sum_1m is no field .*spend_sum__1m\?"),
        ("spend_sum__1m,spend_sum__1m\n1,1\n", "spend_sum__1m stands there twice"),
    ],
)
def test_a_wrong_header_is_refused_before_anything_is_written(predictor, tmp_path, text, told):
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    with pytest.raises(AlmanacError, match=told):
        predictor.predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_failure_midway_leaves_the_old_files(predictor, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("spend_sum__1m\n1\n", encoding="utf-8")
    (tmp_path / "out.csv").write_text("old", encoding="utf-8")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(predictor, "answers", fail)
    with pytest.raises(OSError, match="disk full"):
        predictor.predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "old"


def test_absent_files_and_folders_are_named(predictor, tmp_path):
    with pytest.raises(AlmanacError, match=r"in\.csv cannot be read: No such file"):
        predictor.predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    (tmp_path / "in.csv").write_text("spend_sum__1m\n1\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match="There is no folder"):
        predictor.predict_csv(tmp_path / "in.csv", tmp_path / "no" / "out.csv")


def test_a_line_break_inside_quotes_belongs_to_its_record(ws, tmp_path):
    (tmp_path / "in.csv").write_text('customer_id,spend_sum__1m\n"x\ny",3\nz,4\n', encoding="utf-8")
    done = Predictor("activity", ws).predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (done.predicted, done.rejected) == (2, 0)
    assert [(line["line"], line["id"]) for line in lines(done.output)] == [
        ("2", "x\ny"),
        ("4", "z"),
    ]


@pytest.mark.parametrize("output", ["in.csv", "./in.csv", "link.csv", "/dev/null", "folder"])
def test_nothing_is_written_in_place_or_into_a_device(ws, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "in.csv").write_text("customer_id,spend_sum__1m\nz,4\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("in.csv")
    with pytest.raises(AlmanacError, match="Name another output"):
        Predictor("activity", ws).predict_csv("in.csv", output)
    assert (tmp_path / "in.csv").read_text("utf-8") == "customer_id,spend_sum__1m\nz,4\n"


def test_the_rejected_are_not_written_over_what_is_read(ws, tmp_path):
    path = tmp_path / "out.rejected.csv"
    path.write_text("customer_id,spend_sum__1m\nz,4\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match="written over the records"):
        Predictor("activity", ws).predict_csv(path, tmp_path / "out.csv")


FORMULAS = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\tx"]


def test_a_spreadsheet_runs_nothing_unless_the_exact_ids_are_asked_for(ws, tmp_path):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["customer_id", "spend_sum__1m"])
    writer.writerows([[each, 3] for each in FORMULAS])
    writer.writerows([[each, "much"] for each in FORMULAS])
    (tmp_path / "in.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    predictor = Predictor("activity", ws)
    done = predictor.predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    assert [line["id"] for line in lines(done.output)] == [f"'{each}" for each in FORMULAS]
    cells = [cell for line in lines(done.rejects) for cell in line.values()]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]
    done = predictor.predict_csv(tmp_path / "in.csv", tmp_path / "out.csv", exact=True)
    assert [line["id"] for line in lines(done.output)] == FORMULAS


def test_files_have_the_rights_that_the_umask_leaves(ws, tmp_path):
    (tmp_path / "in.csv").write_text("customer_id,spend_sum__1m\nz,4\n", encoding="utf-8")
    before = os.umask(0o077)
    try:
        done = Predictor("activity", ws).predict_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (done.output, done.rejects)] == [
        "0o600"
    ] * 2


def test_a_row_of_a_frame_and_decimals_are_answered(predictor):
    row = pd.DataFrame([RECORD | {"customer_id": 1801.0}]).iloc[0].to_dict()
    assert predictor.predict(row)["id"] == "1801"
    exact = predictor.predict(RECORD | {"spend_sum__1m": Decimal("1.5")})
    assert exact == predictor.predict(RECORD | {"spend_sum__1m": 1.5})


def test_no_far_fetched_name_is_proposed(predictor):
    (problem,) = predictor.validate(RECORD | {"customer_type_New": 1.0})
    assert problem.reason == "is no field of the model"


def test_a_raw_field_is_told_apart_from_a_misspelt_feature(ws, monkeypatch):
    nodes = {
        "ftr": {
            "resource_type": "model",
            "config": {
                "meta": {
                    "family": "spend",
                    "source": "till",
                    "table": "sales",
                    "request": {"key": "customer_id"},
                }
            },
        },
        "raw": {
            "resource_type": "source",
            "source_name": "till",
            "name": "sales",
            "config": {},
            "columns": {"pieces": {}, "customer_id": {}},
        },
    }
    monkeypatch.setattr("ml.serving.predict.raw_fields.relations", lambda ws: nodes)
    predictor = Predictor("activity", ws)
    (problem,) = predictor.validate({"pieces": 3, "spend_sum__1m": 1.0})
    assert str(problem).startswith("record 0: pieces is a raw field of spend, from which")
    (problem,) = predictor.validate({"customer_id": "x", "piece": 3, "spend_sum__1m": 1.0})
    assert str(problem) == "record 0: piece is no field of the model"


@pytest.mark.parametrize("text", ["nan", "Infinity", "\u0663", "\uff15", "1_0", "0x1", "1 2"])
def test_a_line_holds_numbers_as_people_write_them(ws, tmp_path, text):
    path = tmp_path / "in.csv"
    path.write_text(f"customer_id,spend_sum__1m\na,{text}\nb, +1.5e1 \n", encoding="utf-8")
    done = Predictor("activity", ws).predict_csv(path, tmp_path / "out.csv")
    assert (done.predicted, done.rejected) == (1, 1)
    assert lines(done.rejects)[0]["reason"] == f"spend_sum__1m is {text!r}, not a number"
