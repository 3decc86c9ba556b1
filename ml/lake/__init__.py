"""The lake: customer-bucketed tables in Parquet files, and what makes them visible at once."""

REBUILD = "remove the lake's folder, then dbt build."
