"""Models in other forms: plain SQL for dbt, ONNX, a card for Hugging Face's hub."""

from ml.serving.export.comparison import Exported
from ml.serving.export.hub_card import export_card
from ml.serving.export.onnx_export import export_onnx
from ml.serving.export.sql_export import export_sql

__all__ = ["Exported", "export_card", "export_onnx", "export_sql"]
