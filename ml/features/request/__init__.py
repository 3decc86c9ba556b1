"""Features computed on request: a family's SQL as dbt compiled it, over records in memory.

A family opts in by its meta, `request: {key: <column>}`: a request may bring a record of its source
without that key and without columns known only later. The models between the source and the family
become views over a table in memory that replaces the raw relation, so the statements that build the
warehouse also clean the record and compute its features.
"""

from ml.features.request.engine import features, features_of_text, kinds
from ml.features.request.request_families import RequestFamily, request_families

__all__ = ["RequestFamily", "features", "features_of_text", "kinds", "request_families"]
