"""How long a record takes in process: python -m tests.benchmarks.predictor HOME.

HOME is a workspace with champions. For each, one record and a hundred are predicted, with reasons
and without; values are random.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ml import Predictor
from ml.registry.listing import card_files, read_card
from ml.workspace.settings import workspace_at

SECONDS = 5.0


def main() -> None:
    """Print a line a model of the workspace: milliseconds at the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    ws = workspace_at(parser.parse_args().home)
    print("model                                 one   +reasons    hundred   +reasons  (ms, p50)")
    for path in card_files(ws):
        card = read_card(path.parent)
        predictor = Predictor.load(path.parent)
        rng = np.random.default_rng(1)
        rows = rng.lognormal(size=(100, len(card.features))).astype(np.float64)
        names = [feature.name for feature in card.features]
        records = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
        members = "+".join(member.family for member in card.members)
        told = f"{card.family} {members} of {len(names)}"
        figures = [
            median(lambda p=predictor, r=given, why=reasons: p.predict(r, reasons=why))
            for given in (records[0], records)
            for reasons in (False, True)
        ]
        print(f"{told:34.34}" + "".join(f"{each:10.2f}" for each in figures), flush=True)


def median(work: Callable[[], object]) -> float:
    """Return the milliseconds of the median call, of as many as a few seconds allow."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    work()
    while time.perf_counter() < end or len(took) < 5:
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))


if __name__ == "__main__":
    main()
