"""A predictor's answers in other forms: alone or among others, as scikit-learn's, in notebooks."""

import numpy as np

from tests.learnable import FEATURES, customer_months, fake_store
from tests.test_predict import RECORD, predictor, ws

__all__ = ["fake_store", "predictor", "ws"]


def test_a_record_alone_is_answered_as_among_others_to_the_bit(predictor):
    records = customer_months().head(70)[["customer_id", *FEATURES]].to_dict("records")
    assert [predictor.predict(each) for each in records] == predictor.predict(records)


def test_probabilities_come_as_from_scikit_learn(predictor):
    found = predictor.predict_proba([RECORD, RECORD])
    assert predictor.classes_.tolist() == [0, 1]
    assert found[:, 1].tolist() == [predictor.predict(RECORD)["probability"]] * 2
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-15)


def test_reasons_are_left_out_on_request(predictor):
    assert predictor.predict(RECORD, reasons=False) == predictor.predict(RECORD) | {"reasons": []}


def test_a_predictor_shows_what_it_is(predictor):
    told = predictor.info()
    assert repr(predictor).startswith(f"Predictor({told['target']!r}): {told['model_id']}, ")
    page = predictor._repr_html_()
    assert f"<caption>{told['target']}</caption>" in page
    assert f"<td>{told['model_id']}</td>" in page
    assert "<th>roc_auc</th>" in page


def test_thousands_of_unknown_fields_are_refused_at_once(predictor):
    problems = predictor.validate({f"spend_sum__{i}m": 1.0 for i in range(3000)} | RECORD)
    assert len(problems) == 2999
    assert sum("did you mean" in problem.reason for problem in problems) <= 20
