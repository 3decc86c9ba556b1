"""What the pages share: one look, and words for numbers."""

from ml.pages.html import fill

__all__ = ["fill"]
