"""How Spark's executors fit XGBoost beside one process: python -m tests.benchmarks.lake_fit.

The rows lie in a file, as those of a training set of a lake that memory does not hold. One fit by
this machine's process, which copies them into memory, and one by two executors: seconds, processor
seconds, the memory of the process that asks (without what is mapped of the file), that of the
largest process (with it), and the ROC-AUC of the same rows, which neither saw.
"""

import argparse
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from ml.data.elsewhere import FitSample
from ml.data.mapped import mapped
from ml.evaluation.metrics import roc_auc
from ml.lake.settings import LakeSettings
from ml.lake.training import TrainingRoom
from ml.models import FAMILIES
from tests.benchmarks.process import run_with_offspring

WAYS = ("one process", "two executors")
MASTER = "local-cluster[2,1,2048]"
# Of the rows, those that judge.
HELD_OUT = 50_000
INFORMATIVE = 20
AT_ONCE = 20_000


def main() -> None:
    """Write the rows, fit them in each way and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        home = Path(folder)
        write(home, chosen.rows + HELD_OUT, chosen.features)
        print(f"{chosen.rows:,} rows, {chosen.features} features, {chosen.trees} trees", flush=True)
        for way in WAYS:
            call = f"from {__spec__.name} import fit; fit({str(home)!r}, {way!r}, {chosen.trees})"
            took = run_with_offspring([sys.executable, "-c", call])
            print(
                f"{way:13} {took.seconds:6.1f} s, processor {took.machine:6.1f} s, "
                f"{(home / 'told.txt').read_text('utf-8')}, "
                f"largest process {took.peak / 2**30:.2f} GiB",
                flush=True,
            )


def write(home: Path, rows: int, features: int) -> None:
    """Write a matrix of random numbers, a tenth of them missing, and labels that few decide."""
    matrix, labels = mapped(home / "matrix.npy", (rows, features)), np.empty(rows, np.int8)
    rng = np.random.default_rng(5)
    for start in range(0, rows, AT_ONCE):
        values = rng.standard_normal((min(AT_ONCE, rows - start), features), np.float32)
        wish = np.sin(values[:, :INFORMATIVE]).sum(axis=1) / 2 - 1
        labels[start : start + AT_ONCE] = rng.random(len(values)) < 1 / (1 + np.exp(-wish))
        values[rng.random(values.shape, np.float32) < 0.1] = np.nan
        matrix[start : start + AT_ONCE] = values
    matrix.flush()
    np.save(home / "labels.npy", labels)


def fit(home: str, way: str, trees: int) -> None:
    """Fit in this way, judge, and leave a text of how good it is and how much memory it took."""
    folder, most = Path(home), Watch()
    most.start()
    matrix = np.load(folder / "matrix.npy", mmap_mode="r+")
    labels = np.load(folder / "labels.npy")
    rows, columns = np.arange(len(labels) - HELD_OUT), np.arange(matrix.shape[1])
    weights = np.ones(len(rows))
    family, parameters = FAMILIES["xgboost"], {"rounds": trees}
    if way == WAYS[0]:
        copy = matrix[rows[:, None], columns]
        model = family.fit(copy, labels[rows], weights, 1, parameters)
    else:
        lake = LakeSettings(folder, 1, "spark", MASTER)
        sample = FitSample(matrix, rows, columns, labels[rows], weights)
        model = family.fit_elsewhere(TrainingRoom(lake), sample, 1, parameters)
    unseen = np.arange(len(rows), len(labels))
    auc = roc_auc(labels[unseen], model.log_odds_at(matrix, unseen, columns))
    most.ended.set()
    most.join()
    told = f"this process {most.bytes / 2**30:.2f} GiB of its own, ROC-AUC {auc:.4f}"
    (folder / "told.txt").write_text(told, encoding="utf-8")


class Watch(threading.Thread):
    """The most memory of its own that this process had since, looked at ten times a second."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Look until `ended` is set."""
        while not self.ended.wait(0.1):
            for line in Path("/proc/self/status").read_text("utf-8").splitlines():
                if line.startswith("RssAnon:"):
                    self.bytes = max(self.bytes, int(line.split()[1]) * 1024)


if __name__ == "__main__":
    main()
