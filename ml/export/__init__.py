"""Models as plain SQL: written for dbt, and compared with their artifacts before that."""

from ml.export.sql import Exported, export_sql

__all__ = ["Exported", "export_sql"]
