"""What reads what, as dbt's manifest has it: models, sources, exposures and saved queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ml.workspace.manifest import Node, read_manifest, relation
from ml.workspace.settings import Workspace
from ml.workspace.texts import one_line

# Kinds of things that are read by people or programs outside the project.
OUTSIDE = ("exposure", "saved_query")
TABLES = ("model", "seed", "snapshot", "source")


class DbtGraph:
    """The graph of a manifest: its things by id, and which other things read each."""

    def __init__(self, ws: Workspace) -> None:
        """Read the manifest.

        Raises:
            AlmanacError: there is none, or it cannot be read.
        """
        manifest = read_manifest(ws)
        parts = (manifest[name] for name in manifest if name != "macros")
        self.things: dict[str, Node] = {
            key: thing
            for part in parts
            for key, thing in part.items()
            if thing.get("resource_type") not in ("test", "unit_test", "operation")
        }
        self._readers: dict[str, list[str]] = defaultdict(list)
        for key, thing in sorted(self.things.items()):
            for parent in self._parents(thing):
                self._readers[parent].append(key)

    def relations(self) -> dict[str, Node]:
        """Return models, seeds, snapshots and sources by their relation, `schema.name`."""
        tables = (each for each in self.things.values() if each["resource_type"] in TABLES)
        return {relation(each): each for each in tables}

    def read_by(self, thing: Node) -> list[str]:
        """Return the relations that a model reads, by name."""
        return _relations(self.things[each] for each in self._parents(thing))

    def readers(self, thing: Node) -> list[str]:
        """Return the relations that read a model or source themselves, by name."""
        return _relations(self.things[each] for each in self._readers[thing["unique_id"]])

    def below(self, *starts: str) -> dict[str, Node]:
        """Return by id what reads the things with these ids, or reads what reads them."""
        found: dict[str, Node] = {}
        waiting = list(starts)
        while waiting:
            for key in self._readers[waiting.pop()]:
                if key not in found:
                    found[key] = self.things[key]
                    waiting.append(key)
        return found

    def outside(self, *starts: str) -> list[Mapping[str, str]]:
        """Return the exposures and saved queries below these: kind, name and words, by name."""
        found = [each for each in self.below(*starts).values() if each["resource_type"] in OUTSIDE]
        return [
            {
                "kind": str(each["resource_type"]).replace("_", " "),
                "name": str(each.get("label") or each["name"]),
                "words": one_line(each.get("description")),
            }
            for each in sorted(found, key=lambda each: str(each["name"]))
        ]

    def _parents(self, thing: Node) -> list[str]:
        needed = thing.get("depends_on", {}).get("nodes", [])
        return [each for each in dict.fromkeys(needed) if each in self.things]


def _relations(things: Iterable[Node]) -> list[str]:
    return sorted({relation(each) for each in things if each["resource_type"] in TABLES})
