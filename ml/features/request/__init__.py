"""Features that come with a request: the SQL of a family as dbt compiled it, over records.

A family says so in its meta, `request: {key: <column>}`: a record of its source, without that key
and without what is known only afterwards, may come with a request. The models between the source
and the family become views over a table in memory that stands in the place of the raw relation, so
a record is cleaned and computed by the very statements that build the warehouse.
"""

from ml.features.request.engine import features, features_of_text, kinds
from ml.features.request.request_families import RequestFamily, request_families

__all__ = ["RequestFamily", "features", "features_of_text", "kinds", "request_families"]
