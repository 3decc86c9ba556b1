"""The report: one page that shows what the models can do, and whom they point at."""

from ml.report.page import write_report

__all__ = ["write_report"]
