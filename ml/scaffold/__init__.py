"""New projects that import Almanac's dbt project: their files, as `ml init` writes them."""

from ml.scaffold.project import KINDS, write_project

__all__ = ["KINDS", "write_project"]
