"""What each feature adds to the log-odds of a month's scores, on average: why scores move."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from ml.data.feature import Feature
from ml.models import Model
from ml.serving.scorer import have_any, inputs

if TYPE_CHECKING:
    from ml.data.training_set import Matrix
    from ml.store import FeatureMatrix

TABLE = "monitoring.contributions"
# Contributions take as long as some hundred predictions: they are averaged over so many customers.
SAMPLE = 2_000
# The row of what no feature adds: a constant where contributions are exact.
BASE = ""
SUMS = pa.schema(
    [
        ("feature", pa.string()),
        ("value", pa.float64()),
        ("known", pa.int64()),
        ("contribution", pa.float64()),
        ("rows", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Attribution:
    """A model's contributions as a picklable callable: features of customers in, sums out.

    `asked` are the positions that are asked about where the model's contributions are not exact.
    """

    model: Model
    features: tuple[Feature, ...]
    asked: Sequence[int]

    def __call__(self, found: "FeatureMatrix") -> pa.Table:
        """Return the sums of retrieved features, columns as SUMS, a row a feature and BASE."""
        return self.summed(inputs(found, self.features))

    def summed(self, matrix: "Matrix") -> pa.Table:
        """Return the sums over the rows that have any feature."""
        rows = matrix[have_any(matrix)]
        added = self.model.contributions(rows, self.asked)
        rest = self.model.log_odds(rows).sum() - added.sum()
        columns = {
            "feature": [*(feature.name for feature in self.features), BASE],
            "value": np.append(np.nansum(rows, axis=0, dtype=np.float64), 0.0),
            "known": np.append(np.sum(~np.isnan(rows), axis=0), len(rows)),
            "contribution": np.append(added.sum(axis=0), rest),
            "rows": [len(rows)] * (len(self.features) + 1),
        }
        return pa.table(columns, schema=SUMS)


def sample(customers: pa.Array, most: int = SAMPLE) -> pa.Array:
    """Return at most `most` of the customers: the first by the MD5 of their ids, in any month."""
    if len(customers) <= most:
        return customers
    digests = [hashlib.md5(each.encode()).digest() for each in customers.to_pylist()]
    first = sorted(range(len(digests)), key=digests.__getitem__)[:most]
    return customers.take(pa.array(sorted(first)))


def averages(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the means over all rows of the parts, none where there is no row.

    Columns: feature, mean_value, null_share, contribution, rows.
    """
    whole = pa.concat_tables([SUMS.empty_table(), *parts])
    with duckdb.connect() as connection:
        connection.register("whole", whole)
        return connection.sql(
            "select feature, sum(value) / nullif(sum(known), 0) as mean_value, "
            "1 - sum(known) / sum(rows) as null_share, fsum(contribution) / sum(rows) as "
            "contribution, sum(rows)::bigint as rows from whole group by feature having sum(rows) "
            "> 0 order by feature"
        ).to_arrow_table()


def keep(
    connection: duckdb.DuckDBPyConnection, key: tuple[str, str, object], means: pa.Table
) -> None:
    """Add the means of (target, model id, as-of instant) to TABLE, unless they are there.

    A warehouse that was built by an earlier version has no such table: nothing is kept.
    """
    connection.register("means", means)
    try:
        connection.execute(
            f"insert into {TABLE} by name "
            "select ? as target, ? as model_id, ?::timestamp as as_of, * from means "
            f"where not exists (select 1 from {TABLE} as kept "
            "where kept.target = ? and kept.model_id = ? and kept.as_of = ?)",
            [*key, *key],
        )
    except duckdb.CatalogException:
        return
    finally:
        connection.unregister("means")
