"""The HTML pages, and what they share: style, navigation and formatting of numbers."""

from ml.pages.html import fill
from ml.pages.navigation import renew_navigation, write_page

__all__ = ["fill", "renew_navigation", "write_page"]
