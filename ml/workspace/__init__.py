"""A workspace: its settings, files, warehouse, dbt manifest and targets, and errors about them."""
