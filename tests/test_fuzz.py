"""Damaged files cost no other line, and raise nothing but errors that say what to do next.

`python -m tests.benchmarks.fuzz` does the same with twenty thousand damages of each kind.
"""

from pathlib import Path

import pytest

from tests.benchmarks.fuzz import SITE, TRANSACTIONS, Corpus, fuzz_landing, fuzz_predict

DAMAGES = 200


@pytest.mark.parametrize("corpus", [TRANSACTIONS, SITE], ids=lambda corpus: corpus.name)
def test_damaged_files_are_read_or_refused(corpus: Corpus, tmp_path: Path) -> None:
    tally = fuzz_landing(tmp_path, corpus, DAMAGES, seed=1)
    assert tally.wrong == []
    assert tally.judged > DAMAGES


def test_damaged_records_are_predicted_or_refused(tmp_path: Path) -> None:
    tally = fuzz_predict(tmp_path, DAMAGES, seed=1)
    assert tally.wrong == []
    assert tally.judged > DAMAGES
