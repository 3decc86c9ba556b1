"""The catalogue as a folder that a browser opens: a page, scripts, and files of facts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from ml.features.catalogue.lookup import read_features
from ml.pages import fill
from ml.pages.catalogue.dbt_graph import DbtGraph
from ml.pages.catalogue.feature_items import feature_items
from ml.pages.catalogue.items import Item, Items, as_json
from ml.pages.catalogue.model_items import (
    model_items,
    target_items,
    targets_of_families,
    trained_models,
    uses,
)
from ml.pages.catalogue.source_items import source_items
from ml.pages.catalogue.table_items import table_items
from ml.pages.navigation import renew_navigation
from ml.workspace.errors import BadInput
from ml.workspace.files import fresh_folder
from ml.workspace.settings import Workspace
from ml.workspace.texts import few
from ml.workspace.warehouse import open_warehouse

PACKAGE = "ml.pages.catalogue"
PAGE, LISTED, FACTS = "index.html", "items.js", "facts"
# In the order in which they are loaded.
SCRIPTS = (
    "elements.js", "charts.js", "lineage.js", "details.js", "search.js", "catalogue.js",
)  # fmt: skip
KINDS = ("feature", "target", "model", "source", "table", "mart")
# Where scores begin: what is below is made of the champions' answers.
SCORES = "scores.scores"


@dataclass(frozen=True)
class Written:
    """A catalogue that was written: its page, how many items of each kind, bytes and files."""

    page: Path
    counts: Mapping[str, int]
    bytes: int
    files: int


def write_catalogue(ws: Workspace, folder: Path) -> Written:
    """Write the catalogue of the workspace to `folder`, which holds nothing else.

    It needs no server and makes no request: facts are scripts that the page loads when somebody
    opens what they are about. A reader sees the old folder or the new one.

    Raises:
        AlmanacError: nothing is built, or the folder holds what is no catalogue.
    """
    _check(folder)
    found, scored = _read(ws)
    items = [item for each in found for item in each.items]
    counts = {kind: Counter(item.kind for item in items)[kind] for kind in KINDS}
    with fresh_folder(folder) as fresh:
        for name, text in chain(_shell(counts, scored, items), _facts(found)):
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        written = [path.stat().st_size for path in fresh.rglob("*") if path.is_file()]
    renew_navigation(ws)
    return Written(folder / PAGE, counts, sum(written), len(written))


def _check(folder: Path) -> None:
    """Refuse a folder that holds what `write_catalogue` did not write."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder.", "Name another: ml catalogue --folder")
    foreign = [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and not _is_ours(path.relative_to(folder))
    ]
    if foreign:
        raise BadInput(
            f"{folder} holds what is not of a catalogue: {few(foreign, 3)}. "
            "Writing one replaces the folder.",
            "Move that away, or name another folder: ml catalogue --folder",
        )


def _is_ours(path: Path) -> bool:
    if path.parts[0] == FACTS:
        return len(path.parts) == 3 and path.parts[1] in KINDS and path.suffix == ".js"
    return str(path) in (PAGE, LISTED, *SCRIPTS)


def _read(ws: Workspace) -> tuple[list[Items], Mapping[str, object]]:
    """Return all items by kind, and what is made of scores."""
    graph = DbtGraph(ws)
    nodes = graph.relations()
    models = trained_models(ws)
    families = {each.family for each in read_features(ws)}
    targets = targets_of_families(ws, sorted(families))
    with open_warehouse(ws.warehouse) as connection:
        found = [
            feature_items(ws, connection, nodes, uses(models), targets),
            target_items(ws, connection, nodes, models),
            model_items(ws, models),
            source_items(ws, connection, nodes),
            table_items(ws, connection, graph),
        ]
    scores = [str(nodes[SCORES]["unique_id"])] if SCORES in nodes else []
    marts = {item.name: nodes[item.name] for item in found[-1].items if item.kind == "mart"}
    made = {str(each["unique_id"]) for each in graph.below(*scores).values()}
    # Of scores, a calendar knows the newest month alone.
    own = (name for name, node in marts.items() if not node.get("time_spine"))
    return found, {
        "marts": [name for name in own if str(marts[name]["unique_id"]) in made],
        "outside": graph.outside(*scores),
    }


def _shell(
    counts: Mapping[str, int], scored: Mapping[str, object], items: Iterable[Item]
) -> Iterable[tuple[str, str]]:
    """Yield the page, its scripts, and the list that is searched: file name and text."""
    own = files(PACKAGE)
    style = Markup(own.joinpath("catalogue.css").read_text(encoding="utf-8"))
    yield PAGE, fill(PACKAGE, filters={}, style=style, scripts=SCRIPTS, counts=counts)
    for script in SCRIPTS:
        yield script, own.joinpath(script).read_text(encoding="utf-8")
    listed = [
        [KINDS.index(each.kind), each.name, each.words, quote(each.group), " ".join(each.tags)]
        for each in items
    ]
    yield LISTED, f"catalogue.list({as_json(KINDS)},{as_json(scored)},{as_json(listed)});\n"


def _facts(found: Iterable[Items]) -> Iterable[tuple[str, str]]:
    """Yield a file for each group of items: its name and text."""
    shared: dict[str, Mapping[str, object]] = {}
    groups: dict[str, dict[str, Mapping[str, object]]] = defaultdict(dict)
    for each in found:
        shared |= each.shared
        for item in each.items:
            groups[item.group][item.name] = item.facts
    for group, facts in groups.items():
        content = f"{as_json(quote(group))},{as_json(shared.get(group, {}))},{as_json(facts)}"
        yield f"{FACTS}/{quote(group)}.js", f"catalogue.facts({content});\n"
