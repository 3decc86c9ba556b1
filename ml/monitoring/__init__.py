"""What the monitoring marts say of a month: what needs a look, why, and which models are due."""

from ml.monitoring.due import Due, due
from ml.monitoring.findings import ALARMED, WARNED, Finding, Month, read_month
from ml.monitoring.marts import open_marts

__all__ = [
    "ALARMED",
    "WARNED",
    "Due",
    "Finding",
    "Month",
    "due",
    "open_marts",
    "read_month",
]
