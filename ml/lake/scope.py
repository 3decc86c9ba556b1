"""Which models of the project are built when: in waves, between which the buckets' totals add up.

A customer model is built in every bucket. What it reads of the whole must be known before: facts
that are computed on the driver from totals of earlier waves.
"""

from collections.abc import Iterable

from ml.lake.project import Model, Project

VIEWS = ("staged", "view")


def levels(project: Project) -> dict[str, int]:
    """Return the wave of each model, by relation; what is of the whole is computed before it."""
    found: dict[str, int] = {}
    for model in project.models:
        found[model.relation] = max((_after(project, found, r) for r in model.reads), default=0)
    return found


def _after(project: Project, found: dict[str, int], relation: str) -> int:
    """Return the first wave in which what is built of `relation` can be read as one."""
    model = project.find(relation)
    if model is None:
        return 0
    return found[relation] + (1 if model.totals else 0)


def needed_by_customers(project: Project) -> set[str]:
    """Return the relations of the whole that a customer model reads, if only through others."""
    needed: set[str] = set()
    for model in reversed(project.models):
        if not model.is_whole or model.relation in needed:
            needed.update(model.reads)
    return {m.relation for m in project.models if m.is_whole and m.relation in needed}


def mixed_scopes(project: Project) -> list[str]:
    """Return what no bucket could compute, a line each.

    These are facts of the whole that customer models need and that are made of rows of customers
    which do not add up, and versions of months that read such rows. The samples that a Python
    model is fitted on are read from staging, whole.
    """
    needed = needed_by_customers(project)
    return [
        f"{model.relation} is of the whole and reads {relation}, whose rows are customers'"
        for model in project.models
        if model.relation in needed and model.sql
        for relation in model.reads
        if (read := project.find(relation)) is not None and not (read.is_whole or read.totals)
    ] + [
        f"{model.relation} is built month by month, and its versions read {relation}"
        for model in project.models
        if model.month
        for relation in _named(model.months_query, model.reads)
        if (read := project.find(relation)) is not None and not (read.is_whole or read.totals)
    ]


def _named(query: str, relations: Iterable[str]) -> list[str]:
    """Return the relations that a query names, as dbt writes them."""
    code = "\n".join(line for line in query.splitlines() if not line.startswith("--"))
    return [r for r in relations if ".".join(f'"{part}"' for part in r.split(".")) in code]


def is_view(model: Model) -> bool:
    """Return whether a bucket computes the model's rows each time that they are read."""
    return model.kind in VIEWS
