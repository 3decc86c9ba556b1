"""The monitoring page: what changed in a month at sources, in features, in scores and outcomes."""

from ml.pages.monitoring.monitoring_page import write_monitoring

__all__ = ["write_monitoring"]
