"""The catalogue: features, targets, models, sources and tables as pages that one can search."""

from ml.pages.catalogue.catalogue_page import Written, write_catalogue

__all__ = ["Written", "write_catalogue"]
