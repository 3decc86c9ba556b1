import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from ml.models import parallel as workers


def test_answers_come_in_the_order_of_the_items_however_long_each_takes():
    def slow(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    assert workers.each(slow, (0.05, 0.0, 0.02)) == [0.05, 0.0, 0.02]


def test_a_piece_has_one_thread_and_afterwards_the_process_has_what_it_had():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = threadpool_info()

    def allowed(_: int) -> set[int]:
        return {each["num_threads"] for each in threadpool_info()}

    assert workers.each(allowed, range(3)) == [{1}] * 3
    assert threadpool_info() == before


def test_a_failure_is_raised_and_what_has_not_begun_is_left():
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        raise ValueError(f"piece {number}")

    with pytest.raises(ValueError, match="piece 0"):
        workers.each(work, range(100))
    assert len(begun) < 100


def test_models_that_have_not_quite_converged_say_nothing():
    def work(_: int) -> str:
        warnings.warn("not yet", ConvergenceWarning, stacklevel=1)
        return threading.current_thread().name

    assert all(workers.each(work, range(4)))
