"""Which values of a column `ml profile` proposes to declare."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ml.pages.profile.slices import (
    COVERED,
    MOST,
    SMALLEST,
    ObservedValue,
    Proposal,
    propose,
    slices_yaml,
)


def seen(*shares, months=12):
    return [ObservedValue(value, share, months) for value, share in enumerate(shares)]


def proposed(rows, known=1.0, months=12):
    return propose("kind", rows, known, months).values


def test_the_fewest_values_that_cover_most_events_are_proposed():
    assert proposed(seen(0.04, 0.6, 0.35, 0.01)) == (1, 2)
    assert proposed(seen(0.04, 0.6, 0.349, 0.011)) == (1, 2, 0)


def test_a_sum_of_shares_that_misses_by_its_last_bit_covers():
    assert proposed([ObservedValue(place, 0.19, 2) for place in range(5)], months=2) == (
        0,
        1,
        2,
        3,
        4,
    )
    assert len(proposed(seen(*[0.1] * 7, 0.25, 0.03, 0.02))) == 8


def test_no_more_than_so_many_values_are_proposed():
    assert proposed(seen(*[0.05] * 20)) == tuple(range(MOST))


def test_rare_values_are_not_proposed():
    assert proposed(seen(0.9, SMALLEST, SMALLEST - 1e-6, *[0.004] * 20)) == (0, 1)


def test_a_value_of_one_month_is_not_proposed_where_there_are_several():
    rows = [ObservedValue("a", 0.6, 1), ObservedValue("b", 0.4, 2)]
    assert proposed(rows, months=2) == ("b",)
    assert proposed(rows, months=1) == ("a", "b")


def test_what_carries_no_value_need_not_be_covered():
    assert proposed(seen(0.39, 0.1), known=0.4) == (0,)
    assert propose("kind", [], 0.0, 3) == Proposal("kind", (), 0, 0.0)


def test_equal_shares_are_ordered_by_value():
    assert proposed([ObservedValue(value, 0.25, 2) for value in "dbca"]) == ("a", "b", "c", "d")


@given(st.lists(st.tuples(st.floats(0.0001, 1), st.integers(1, 3)), max_size=40), st.integers(1, 3))
def test_a_proposal_is_a_shortest_allowed_head(parts, months):
    total = sum(part for part, _ in parts) or 1
    rows = [ObservedValue(place, part / total, least) for place, (part, least) in enumerate(parts)]
    found = propose("kind", rows, 1.0, months)
    chosen = {row.value: row for row in rows if row.value in found.values}
    assert len(chosen) == len(found.values) <= MOST
    assert all(row.share >= SMALLEST and row.months >= min(2, months) for row in chosen.values())
    assert found.covered == pytest.approx(sum(row.share for row in chosen.values()))
    if chosen:
        last = chosen[found.values[-1]].share
        assert found.covered - last < COVERED
        better = [row for row in rows if row.share > last and row.value not in chosen]
        assert all(row.months < min(2, months) for row in better)


def test_slices_are_yaml_of_the_values_types():
    text = slices_yaml(
        [
            ("stg_a__x", [Proposal("kind", (12, 3), 0.96, 1.0), Proposal("word", (), 0, 1.0)]),
            ("stg_b__y", [Proposal("word", ("no", "007"), 0.4, 0.5)]),
            ("stg_b__z", [Proposal("back", (False,), 1.0, 1.0)]),
        ]
    )
    assert yaml.safe_load(text) == {
        "kind": [12, 3],
        "stg_b__y.word": ["no", "007"],
        "back": [False],
    }
    assert "# 96.0% of the events that carry a value\nkind: [12, 3]" in text
    assert "# 80.0% of the events that carry a value; 50.0% of all carry none" in text
    assert "# stg_a__x.word: no value qualifies" in text
