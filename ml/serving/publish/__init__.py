"""`ml publish`: the file that BI tools open, which says itself what is in it."""

from ml.serving.publish.published_file import STORAGE, Published, publish

__all__ = ["STORAGE", "Published", "publish"]
