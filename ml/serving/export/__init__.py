"""Models as plain SQL: written for dbt, and compared with their artifacts before that."""

from ml.serving.export.sql_export import Exported, export_sql

__all__ = ["Exported", "export_sql"]
