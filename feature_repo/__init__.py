"""The Feast repository: definitions built from the dbt manifest, and the DuckDB offline store."""

from feature_repo.command_line import print_without_traceback

print_without_traceback()
