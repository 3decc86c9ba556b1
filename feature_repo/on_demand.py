"""Families computed from a request, as Feast's on-demand feature views."""

from collections.abc import Mapping
from types import FunctionType
from typing import cast

import pandas as pd
from feast import FeatureView, Field, RequestSource
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.transformation.udf_rehydrate import rehydrate_udf_from_source
from feast.types import Float64, String

from ml.features.request import RequestFamily, features_of_text, kinds, request_families
from ml.workspace.settings import Workspace

# The source that the registry stores and Feast runs where features are read. The text holds all
# that the family needs, so a feature server needs neither dbt nor the warehouse.
SOURCE = """\
def {name}(given):
    from feature_repo.on_demand import answer

    return answer({text!r}, given)
"""


def on_demand_views(ws: Workspace, views: Mapping[str, FeatureView]) -> list[OnDemandFeatureView]:
    """Return a view `<family>_request` for each of these that can be computed from a request.

    It has the tags and the owner of the family's view.

    Raises:
        AlmanacError: the manifest is missing, or one of their models was never compiled.
    """
    return [
        _view(family, views[family.name]) for family in request_families(ws) if family.name in views
    ]


def answer(text: str, given: pd.DataFrame) -> pd.DataFrame:
    """Return the features of the records in `given`; other columns are ignored.

    Raises:
        AlmanacError: a record has a value that cannot be read.
    """
    fields = [field for field in RequestFamily.from_text(text).fields if field in given]
    values = given[fields].astype(object).where(given[fields].notna(), None)
    rows = values.itertuples(index=False, name=None)
    records = [dict(zip(fields, row, strict=True)) for row in rows]
    answered: pd.DataFrame = features_of_text(text, records).to_pandas()
    return answered


def _view(family: RequestFamily, stored: FeatureView) -> OnDemandFeatureView:
    name = f"{family.name}_request"
    source = SOURCE.format(name=name, text=family.to_text())
    return OnDemandFeatureView(
        name=name,
        description=f"{family.description} Computed from a record that comes with the request.",
        sources=[_record(family, stored)],
        tags=stored.tags,
        owner=stored.owner,
        # `feature_columns` of dbt casts every feature to double.
        schema=[Field(name=feature, dtype=Float64) for feature in family.features],
        # In mode `python`, `feast registry-dump` fails on the view (Feast 0.67).
        mode="pandas",
        udf=cast("FunctionType", rehydrate_udf_from_source(source, preferred_name=name)),
        udf_string=source,
    )


def _record(family: RequestFamily, stored: FeatureView) -> RequestSource:
    return RequestSource(
        name=f"{family.name}_request_record",
        schema=_fields(family),
        description=f"A record of the family {family.name}, as it comes with a request.",
        tags=stored.tags,
        owner=stored.owner,
    )


def _fields(family: RequestFamily) -> list[Field]:
    return [
        Field(name=field, dtype=String if kind == "VARCHAR" else Float64)
        for field, kind in kinds(family).items()
    ]
