"""The report: one page that shows what the models can do, and whom they point at."""

from ml.pages.report.report_page import write_report

__all__ = ["write_report"]
