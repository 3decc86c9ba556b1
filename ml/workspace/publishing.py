"""The section `publish` of workspace.yml: what the file for BI tools holds, and with which keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool

from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace
from ml.workspace.suggest import did_you_mean
from ml.workspace.texts import few
from ml.workspace.validation import Texts, section

SECTION = "publish"
NEXT = "Correct it (docs/bi.md lists the settings), then run the command again."
# What may be published: nothing of these schemas is raw or rejected.
SCHEMAS = ("marts", "scores", "targets", "features")


@dataclass(frozen=True)
class PublishSettings:
    """What workspace.yml says of the published file.

    `tables` are schemas, tables or `schema.table`, with `*` for any characters; by default all but
    the features, which take many times the room of the rest. `primary_keys` has DuckDB keep the
    keys as constraints, which clients of DuckDB 1.0 cannot open.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    tables: Annotated[Texts, Field(min_length=1)] = ("marts", "scores", "targets")
    primary_keys: StrictBool = False

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Return those of the `schema.table` names that `tables` ask for, in their order."""
        return [name for name in names if any(_fits(name, each) for each in self.tables)]


def publish_settings(ws: Workspace) -> PublishSettings:
    """Return the workspace's settings of publishing; the defaults where it has no such section.

    Raises:
        BadInput: a setting is unknown or wrong; the error names the file and the place in it.
    """
    return section(ws, SECTION, PublishSettings, NEXT)


def check_tables(ws: Workspace, settings: PublishSettings, names: Iterable[str]) -> None:
    """Check that each of the settings' tables is one of `names` (`schema.table`), or of several.

    Raises:
        BadInput: one is not; the error names what there is.
    """
    known = list(names)
    for pattern in settings.tables:
        if not any(_fits(name, pattern) for name in known):
            tables = [name.partition(".")[2] for name in known]
            hint = did_you_mean(pattern, [*SCHEMAS, *known, *tables])
            raise BadInput(
                f"{ws.home / 'workspace.yml'}: {SECTION}.tables: nothing here is called "
                f"`{pattern}`{hint}. Schemas: {', '.join(SCHEMAS)}; tables: {few(known, 5)}.",
                NEXT,
            )


def _fits(name: str, pattern: str) -> bool:
    return any(fnmatchcase(each, pattern) for each in (name, *name.split(".", 1)))
