"""A company's workspace: settings, files, warehouse, dbt manifest, targets, and errors about them."""
