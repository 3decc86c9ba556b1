"""Almanac's Feast plug-in: the DuckDB offline store, and Feast's files in the workspace."""
