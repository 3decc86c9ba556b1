"""What features of a request take, warm: python -m tests.benchmarks.request.

On the workspace that ALMANAC_HOME names, built and registered: every family that comes with a
request, in Python and through Feast's on-demand view.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml.features.request import RequestFamily, features, kinds, request_families
from ml.store import feature_store
from ml.workspace.settings import workspace

ROUNDS = 500
RECORDS = (1, 100)


def main() -> None:
    """Print a line a family, way and number of records."""
    warnings.filterwarnings("ignore", message="On demand feature view is an experimental")
    ws = workspace()
    store = feature_store(ws)
    print(f"{'family':12}{'way':12}{'records':>8}{'p50 ms':>8}{'p99 ms':>8}")
    for family in request_families(ws):
        refs = [f"{family.name}_request:{name}" for name in family.features]
        for count in RECORDS:
            given = [record(family)] * count
            ways: dict[str, Callable[[], object]] = {
                "ml.features.request": lambda given=given, family=family: features(family, given),
                "Feast": lambda given=given, refs=refs: store.get_online_features(refs, given),
            }
            for way, ask in ways.items():
                half, most = percentiles(ask)
                print(f"{family.name:12}{way:12}{count:8}{half:8.2f}{most:8.2f}", flush=True)


def record(family: RequestFamily) -> dict[str, Any]:
    """Return a record with every field in it."""
    return {name: "a" if kind == "VARCHAR" else 1.5 for name, kind in kinds(family).items()}


def percentiles(ask: Callable[[], object]) -> Sequence[float]:
    """Return the median and the 99th percentile in milliseconds, after a tenth to warm up."""
    seconds = []
    for _ in range(ROUNDS + ROUNDS // 10):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    found: list[float] = (np.percentile(seconds[ROUNDS // 10 :], [50, 99]) * 1000).tolist()
    return found


if __name__ == "__main__":
    main()
