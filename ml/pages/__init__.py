"""What the pages share: one look, words for numbers, and a file that is replaced whole."""

from ml.pages.html import fill, replace_file

__all__ = ["fill", "replace_file"]
