"""Work spread over all cores, one thread each, so that no result depends on their number."""

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result], items: Iterable[Item], most_threads: int | None = None
) -> list[Result]:
    """Return `work` of every item, in their order; by default in as many threads as cores.

    Threads that share one small fit wait for each other more than they work, the more so where
    others use the machine: 2 took ten times the processor time of 1. Fits release Python's lock.
    One thread is this one, so that an interrupt reaches the work itself.
    """
    if most_threads == 1:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            return [work(item) for item in items]
    pool = ThreadPoolExecutor(most_threads or _cores(), initializer=_one_openmp_thread)
    with warnings.catch_warnings(), threadpool_limits(1, "blas"), pool:
        # Not quite converged is still a model; its folds say how good. Filters are the whole
        # process's, so none is set within a thread.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = [pool.submit(work, item) for item in items]
        try:
            return [each.result() for each in found]
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_openmp_thread() -> None:
    # OpenMP's limit is each thread's own; it ends with the thread.
    threadpool_limits(1, "openmp")
