"""What `feast apply` registers: all families and targets of the dbt project, imported ones too.

A family of this project needs no line here. Add Feast's own objects, such as a feature service.
"""

from feature_repo.definitions import *  # noqa: F403
