"""Times as text: ISO 8601 and nothing else, in one SQL macro of the warehouse that dbt uses too."""

from ml.landing.declarations import SCHEMA
from ml.workspace.sql import literal

NAME = f"{SCHEMA}.utc_timestamp"
DAY = r"\d{4}-\d{2}-\d{2}"
CLOCK = DAY + r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
OFFSET = r" ?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
# DuckDB's own cast reads more (`01:00:00 PM` as one at night) and drops what it does not know.
DEFINITION = f"""
create or replace macro {NAME}(written) as (
    case
        when regexp_full_match(upper(trim(written)), {literal(f"{DAY}|{CLOCK}")})
            then try_cast(upper(trim(written)) as timestamp)
        when regexp_full_match(upper(trim(written)), {literal(CLOCK + OFFSET)})
            then try_cast(
                regexp_replace(upper(trim(written)), {literal(r" ?(Z|[+-][0-9:]+)$")}, '\\1')
                as timestamptz
            ) at time zone 'UTC'
    end
)
"""


def utc_timestamp(text: str) -> str:
    """Return the SQL of the timestamp (UTC) that a text means; null where it is not ISO 8601.

    Args:
        text: the SQL of the text.
    """
    return f"{NAME}({text})"
