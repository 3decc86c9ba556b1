"""The report: one page that shows how good the models are and whom they score highest."""

from ml.pages.report.report_page import write_report

__all__ = ["write_report"]
