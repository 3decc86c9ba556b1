"""What can be known of a simulated bank: python -m tests.benchmarks.knowable.

The simulator's limit knows the hidden state of each customer, of which events tell a part. Here
boosted trees are taught the true log-odds of 200,000 training rows in the place of labels, so that
what they miss is not for want of examples, and judged on the newest label month. All rankings are
judged by the true probabilities, each row a little positive and a little not, so that chance in a
month's labels has no part in it. Run it in the workspace of a simulated bank with champions.
"""

import argparse
from collections.abc import Sequence

import lightgbm
import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from ml.data.training_set import TrainingSet, Vector
from ml.dataset.rows import labelled_rows
from ml.registry import artifact
from ml.training.crossfit import split_of
from ml.workspace.settings import Workspace, workspace
from ml.workspace.targets import Target, target, true_probabilities

TARGETS = ("purchase_any", *(f"purchase_product_{number}" for number in range(1, 5)))
ROWS, ROUNDS = 200_000, 1_000
SETTINGS = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "feature_fraction": 0.2,
    "max_bin": 63,
    "verbosity": -1,
}
KEYS = ["customer_id", "event_timestamp"]


def main() -> None:
    """Print a line a target: the expected ROC-AUC of the truth, of what is knowable, and ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS)
    ws = workspace()
    for name in parser.parse_args().targets:
        race(ws, target(ws, name))


def race(ws: Workspace, wanted: Target) -> None:
    """Print the target's line."""
    rows = labelled_rows(ws, wanted)
    known = true_probabilities(ws, wanted.name)
    if known is None:
        raise SystemExit(f"The simulator states no probabilities of {wanted.name} in {ws.truth}.")
    split, truth = split_of(rows, wanted), in_order(rows, known.to_pandas())
    some = np.random.default_rng(0).choice(split.train, min(ROWS, len(split.train)), replace=False)
    taught = lightgbm.Dataset(rows.matrix[some], logit(truth[some]))
    booster = lightgbm.train(SETTINGS, taught, ROUNDS)
    test = rows.take(split.test)
    scores = (truth[split.test], booster.predict(test.matrix), champions(ws, wanted.name, test))
    limit, knowable, ours = (expected_auc(truth[split.test], each) for each in scores)
    print(
        f"{wanted.name}: limit {limit:.4f}, knowable {knowable:.4f}, champion {ours:.4f}; "
        f"shares of the limit's lift {lift(knowable, limit):.0%} and {lift(ours, limit):.0%}",
        flush=True,
    )


def champions(ws: Workspace, name: str, test: TrainingSet) -> Vector:
    """Return the champion's probabilities of the test month's rows."""
    told = artifact.champion(ws, name).predictions().to_pandas()
    return in_order(test, told[told["part"] == "test"])


def in_order(rows: TrainingSet, told: pd.DataFrame) -> Vector:
    """Return the probabilities told of these rows."""
    keys = pd.DataFrame(dict(zip(KEYS, (rows.customers, rows.times), strict=True)))
    found = keys.merge(told, on=KEYS, how="left", validate="one_to_one")
    return found["probability"].to_numpy(np.float64)


def expected_auc(truth: Vector, scores: Sequence[float] | Vector) -> float:
    """Return the ROC-AUC of rows that are positive with these probabilities."""
    labels = np.repeat([1, 0], len(truth))
    weights = np.concatenate([truth, 1 - truth])
    return float(roc_auc_score(labels, np.tile(scores, 2), sample_weight=weights))


def lift(auc: float, limit: float) -> float:
    """Return the share of the limit's lift above chance."""
    return (auc - 0.5) / (limit - 0.5)


if __name__ == "__main__":
    main()
