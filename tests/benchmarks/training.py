"""What it takes to learn from a wide matrix: python -m tests.benchmarks.training.

A warehouse of 2,266 features (22 families of 103) of 100,000 customers in 11 months is generated;
of its label rows, 1 % are positive, which depends on 24 of the features. `ml train` then learns
from a million rows and is tested on the newest month, in a process of its own: with all features,
and with at most 200 of them.
"""

import argparse
import tempfile
from pathlib import Path

from ml.registry import artifact
from tests.benchmarks.process import run
from tests.benchmarks.vector_workspace import Shape, aside, build

FAMILIES, WIDTH, MONTHS = 22, 103, 11
TELLING, TOLD = 4, 24


def main() -> None:
    """Print a line a training: its ROC-AUC, seconds, processor seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    shape = Shape(chosen.customers, MONTHS, FAMILIES, WIDTH)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        home = Path(folder)
        aside(build, home, shape, labels())
        for options in ([], ["--features", "200"]):
            race(home, options)


def race(home: Path, options: list[str]) -> None:
    """Train with these options and print what came of it."""
    command = ["ml", "train", "--target", "bench", *options]
    took = run(command, ALMANAC_HOME=str(home), DBT_TARGET_PATH=str(home / "target"))
    newest = max((home / "models" / "bench").glob("*/card.json"), key=lambda p: p.stat().st_mtime)
    card = artifact.load(newest.parent).card
    metrics = {each.name: each.value for each in card.metrics["test"].metrics}
    print(
        f"{card.training_rows:,} rows, {len(card.features):,} features, {card.family}: "
        f"test ROC-AUC {metrics['roc_auc']:.4f}, {took.seconds:,.0f} s, "
        f"{took.busy:,.0f} s of processors, peak memory {took.peak / 2**30:.1f} GiB",
        flush=True,
    )


def labels() -> str:
    """Return the SQL of label rows, 1 % of them positive."""
    # Six features of each of four families; less is told by each than by the one before.
    told = [(i % TELLING, 1 + i // TELLING) for i in range(TOLD)]
    terms = (
        f"{1.2 / (1 + i / 6):.3f} * if(isnan(v{family}_{place}), 0, v{family}_{place})"
        for i, (family, place) in enumerate(told)
    )
    # Whole vectors would not fit through the joins.
    tables = (
        "(select customer_id, event_timestamp, "
        + ", ".join(f"vector[{place}] as v{f}_{place}" for f, place in told if f == family)
        + f" from features.ftr_f{family}__vectors)"
        for family in range(TELLING)
    )
    return (
        "select customer_id, event_timestamp, "
        "(hash(customer_id, event_timestamp, 'label') % 1000003 / 1000003 "
        f"< 1 / (1 + exp(5.3 - ({' + '.join(terms)}))))::int as label "
        f"from {' natural join '.join(tables)}"
    )


if __name__ == "__main__":
    main()
