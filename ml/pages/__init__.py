"""The HTML pages, and what they share: style and formatting of numbers."""

from ml.pages.html import fill

__all__ = ["fill"]
