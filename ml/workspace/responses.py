"""Response targets: labels of a file of responses, which `workspace.yml` makes a target."""

import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ml.workspace.baseline import Baseline
from ml.workspace.errors import BadInput
from ml.workspace.manifest import Node, meta, models_with
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted
from ml.workspace.suggest import did_you_mean
from ml.workspace.validation import Texts, Whole, validated

SECTION = "responses"
# The meta of the model that holds them all; its value is the column with the target's name.
HOLDER = "targets_by"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Response:
    """What `workspace.yml` says of a response target; `file` lies below the raw folder."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: str
    horizon_months: Annotated[Whole, Field(ge=0)]
    validation: Literal["temporal", "stratified"]
    families: Annotated[Texts, Field(min_length=1)]
    description: str = ""
    baseline: Baseline | None = None

    @property
    def words(self) -> str:
        """Its description; where none is given, the file that it is read from."""
        return self.description or f"Responses in {self.file}."


def responses(ws: Workspace) -> dict[str, Response]:
    """Return the response targets that `workspace.yml` declares, by name.

    Raises:
        BadInput: a declaration is wrong; the error names the file and the place in it.
    """
    given = ws.settings.get(SECTION) or {}
    if not isinstance(given, dict):
        raise mistake(ws, "", "must hold `name of a target: {file: …}` lines.")
    return {name: _response(ws, name, value) for name, value in given.items()}


def check_names(ws: Workspace, names: Iterable[str], taken: Collection[str]) -> None:
    """Raise BadInput where a response has the name of a target that a dbt model declares."""
    for name in names:
        if name in taken:
            raise mistake(ws, name, "a dbt model declares a target of this name; choose another.")


def target_nodes(ws: Workspace) -> list[Node]:
    """Return the dbt models that declare a target, then a node for each response target.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
        BadInput: a response is wrongly declared.
    """
    return [*models_with(ws, "target"), *response_nodes(ws)]


def response_nodes(ws: Workspace) -> list[Node]:
    """Return for each response the node of the model that holds it, with the response's own meta.

    `condition` in the meta is the SQL condition of its rows; raises as `target_nodes`.
    """
    declared = responses(ws)
    if not declared:
        return []
    check_names(ws, declared, {meta(node)["target"] for node in models_with(ws, "target")})
    families = [str(meta(node)["family"]) for node in models_with(ws, "family")]
    for name, response in declared.items():
        _check_families(ws, name, response, families)
    return [
        _node(holder, name, response)
        for holder in models_with(ws, HOLDER)
        for name, response in declared.items()
    ]


def mistake(ws: Workspace, name: str, what: str) -> BadInput:
    """Return the error for a wrong declaration of the response `name` (empty: of them all)."""
    place = f"{SECTION}.{name}" if name else SECTION
    return BadInput(f"{ws.home / 'workspace.yml'}: {place}: {what}", "Correct it, then: dbt build")


def _response(ws: Workspace, name: object, value: Mapping[str, object]) -> Response:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        what = "a name is lower-case letters, digits and single underscores, a letter first."
        raise mistake(ws, str(name), what)
    try:
        found = validated(Response, value, f"{ws.home / 'workspace.yml'}: {SECTION}.{name}")
    except BadInput as error:
        raise BadInput(f"{error.what}. {error.next}.", "Correct it, then: dbt build") from error
    if found.validation == "temporal" and not found.horizon_months:
        raise mistake(ws, name, "horizon_months must be 1 or more where validation is temporal.")
    return found


def _check_families(
    ws: Workspace, name: str, response: Response, families: Collection[str]
) -> None:
    for pattern in response.families:
        if not fnmatch.filter(families, pattern):
            hint = did_you_mean(pattern, families)
            raise mistake(ws, name, f"no family of features is called `{pattern}`{hint}.")


def _node(holder: Node, name: str, response: Response) -> Node:
    about = {
        "target": name,
        "horizon_months": response.horizon_months,
        "validation": response.validation,
        "families": list(response.families),
        "baseline": asdict(response.baseline) if response.baseline else None,
        "condition": f"{quoted(meta(holder)[HOLDER])} = {literal(name)}",
    }
    config = {**holder["config"], "meta": about}
    return {**holder, "description": response.words, "config": config}
