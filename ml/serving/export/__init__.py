"""Export of models as plain SQL for dbt, after a comparison with their artifacts."""

from ml.serving.export.sql_export import Exported, export_sql

__all__ = ["Exported", "export_sql"]
