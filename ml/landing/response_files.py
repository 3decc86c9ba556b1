"""Which raw file each response target of `workspace.yml` is read from."""

from collections.abc import Collection, Iterator
from pathlib import Path

from ml.landing.declarations import read_yaml
from ml.workspace.responses import check_names, mistake, responses
from ml.workspace.settings import Workspace, dbt_folders


def response_files(
    workspace: Workspace, project: Path, there: Collection[str]
) -> list[tuple[str, str]]:
    """Return the name and the file of each response target.

    Args:
        workspace: its settings declare the responses.
        project: the dbt project, whose targets have names of their own.
        there: the raw files of responses.

    Raises:
        AlmanacError: a declaration is wrong, its file is absent, or its name is a dbt target's.
    """
    declared = responses(workspace)
    if declared:
        check_names(workspace, declared, set(_dbt_targets(project)))
    for name, response in declared.items():
        if response.file not in there:
            raise mistake(
                workspace,
                name,
                f"{workspace.raw} has no file `{response.file}` of responses. Such files are "
                f"responses.csv and responses/*.csv; here are: {', '.join(there) or 'none'}.",
            )
    return [(name, response.file) for name, response in declared.items()]


def notes_on_responses(rows: Collection[tuple[str, str]], there: Collection[str]) -> list[str]:
    """Return a note on the files of responses that no target is read from."""
    idle = [file for file in there if file not in {used for _, used in rows}]
    if not idle:
        return []
    return [
        f"responses: no target is read from {', '.join(idle)}; to declare one, see docs/recipes.md."
    ]


def _dbt_targets(project: Path) -> Iterator[str]:
    folders = dbt_folders(project)
    for path in (p for f in folders for p in sorted(f.glob("models/targets/*.yml"))):
        for model in read_yaml(path).get("models") or []:
            meta = (model.get("config") or {}).get("meta") or {}
            if "target" in meta:
                yield str(meta["target"])
