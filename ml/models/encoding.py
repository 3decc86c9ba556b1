"""Columns of few whole numbers, such as codes of categories, as models that add up may need them.

The store's own features spell categories out, a column a value; whoever declares a feature that is
a code gets the same from here, fitted on training rows: a column a code, or the codes' ranks.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from ml.data.training_set import Matrix

ENCODINGS = ("none", "one_hot", "ordinal")
STEP = "encode"
# Two values are a flag already; of very many, each is too rare to learn from.
LEAST_CODES, MOST_CODES = 3, 20
# Codes of fewer rows share a column.
_RARE = 0.01


def encoded(pipeline: Pipeline, encoding: str, matrix: Matrix) -> Pipeline:
    """Return the pipeline with a step in front that encodes those columns that are codes.

    A null stays a value of its own, or a null in ranks; so is a code that training did not see.
    """
    columns = codes(matrix) if encoding != "none" else []
    if not columns:
        return pipeline
    change = (
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=_RARE,
            sparse_output=False,
            dtype=np.float32,
        )
        if encoding == "one_hot"
        else OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, dtype=np.float32
        )
    )
    step = ColumnTransformer(
        [(STEP, change, columns)], remainder="passthrough", verbose_feature_names_out=False
    )
    return Pipeline([(STEP, step), *pipeline.steps])


def codes(matrix: Matrix) -> list[int]:
    """Return the columns of 3 to 20 different whole numbers, nulls aside."""
    whole = np.flatnonzero(((matrix == np.floor(matrix)) | np.isnan(matrix)).all(axis=0))
    found = {int(i): len(np.unique(matrix[~np.isnan(matrix[:, i]), i])) for i in whole}
    return [i for i, count in found.items() if LEAST_CODES <= count <= MOST_CODES]


def adding(pipeline: Pipeline, width: int, weights: NDArray[np.float64]) -> csr_array:
    """Return what turns a fitted pipeline's last columns into addends of the first, as a product.

    Args:
        pipeline: with the steps `impute`, and `encode` where columns are encoded.
        width: how many columns go in.
        weights: one a column before the classifier; that of a null's flag counts with its column.
    """
    of = np.arange(width)
    if STEP in pipeline.named_steps:
        names = pipeline[STEP].get_feature_names_out([str(i) for i in of])
        of = np.array([int(name.partition("_")[0]) for name in names])
    of = np.concatenate([of, of[pipeline["impute"].indicator_.features_]])
    return csr_array((weights, (np.arange(len(of)), of)), shape=(len(of), width))
