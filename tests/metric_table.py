"""The metrics as their definitions describe them: the table of `docs/metrics.md`.

`python -m tests.metric_table` writes it into the page.
"""

from typing import Any

import yaml

from tests.workspaces import PROJECT, REPOSITORY

TABLE_START = "<!-- metrics -->\n"
TABLE_END = "<!-- end of metrics -->"


def definitions(kind: str) -> list[dict[str, Any]]:
    """The `semantic_models`, `metrics` or `saved_queries` of the project, file by file."""
    files = sorted((PROJECT / "models" / "semantic").glob("*.yml"))
    return [
        each
        for file in files
        for each in yaml.safe_load(file.read_text(encoding="utf-8")).get(kind, [])
    ]


def table() -> str:
    """A row a metric: its name, what it is, and the mart that it comes from."""
    lines = ["| metric | is | from |", "|---|---|---|"]
    for file in sorted((PROJECT / "models" / "semantic").glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        marts = ", ".join(
            f"`{model['model'].split(chr(39))[1]}`" for model in content.get("semantic_models", [])
        )
        for metric in content.get("metrics", []):
            said = " ".join(metric["description"].split())
            lines.append(f"| `{metric['name']}` | {metric['label']}: {said} | {marts} |")
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the table into the page."""
    path = REPOSITORY / "docs" / "metrics.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    path.write_text(before + TABLE_START + table() + TABLE_END + after, encoding="utf-8")


if __name__ == "__main__":
    write()
