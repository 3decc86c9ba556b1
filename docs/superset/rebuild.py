"""Puts the dashboard of this folder into Superset, over the file that `ml publish` wrote.

Run it with the Python of Superset's environment, and again after a change of these files or of the
published file's columns (docs/bi.md):

    $SUPERSET_HOME/venv/bin/python docs/superset/rebuild.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import yaml

DASHBOARD = Path(__file__).parent / "dashboard"
COLUMNS = """
    select column_name, comment from duckdb_columns()
    where schema_name = $schema and table_name = $table and comment is not null
"""
Config = dict[str, Any]


def filled(folder: Path, published: Path) -> dict[str, Config]:
    """The dashboard's files with what only the published file knows.

    Args:
        folder: In the form of Superset's exports: databases, datasets, charts, dashboards.
        published: The file that the database shall be.

    Returns:
        The content of each file by its path below the folder: the database opens the published
        file, and the datasets have all columns, with types and comments.
    """
    files = sorted(folder.rglob("*.yaml"))
    configs = {
        path.relative_to(folder).as_posix(): yaml.safe_load(path.read_text("utf-8"))
        for path in files
    }
    with duckdb.connect(str(published), read_only=True) as connection:
        for name, config in configs.items():
            if name.startswith("databases/"):
                config["sqlalchemy_uri"] = f"duckdb:///{published}"
            elif name.startswith("datasets/"):
                config["columns"] = columns(connection, config)
    return configs


def columns(connection: duckdb.DuckDBPyConnection, dataset: Config) -> list[Config]:
    """The columns of a dataset: those that its table or query has, then those computed in Superset.

    What the dataset's file says of a column goes before what the published file says.
    """
    schema, table = dataset["schema"], dataset["table_name"]
    relation = f"({dataset['sql']})" if "sql" in dataset else f"{schema}.{table}"
    found = connection.execute(f"describe from {relation}").fetchall()
    comments = dict(connection.execute(COLUMNS, {"schema": schema, "table": table}).fetchall())
    own = {column["column_name"]: column for column in dataset["columns"]}
    described = [
        {
            "column_name": name,
            "type": dtype,
            "is_dttm": dtype in ("DATE", "TIMESTAMP"),
            "description": comments.get(name),
        }
        | own.pop(name, {})
        for name, dtype, *_ in found
    ]
    return described + list(own.values())


def main() -> None:
    """Fill the files in and let Superset import them; what it had of them is replaced."""
    published = Path(os.environ["ALMANAC_HOME"]).resolve() / "published.duckdb"
    if not published.exists():
        sys.exit(f"{published} does not exist; write it with `ml publish`")
    superset = Path(sys.executable).with_name("superset")
    with tempfile.TemporaryDirectory() as folder:
        for name, config in filled(DASHBOARD, published).items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        subprocess.run([superset, "import-directory", "--overwrite", folder], check=True)


if __name__ == "__main__":
    main()
