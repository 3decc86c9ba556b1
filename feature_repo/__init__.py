"""The Feast repository: definitions built from the dbt manifest, and the DuckDB offline store."""
