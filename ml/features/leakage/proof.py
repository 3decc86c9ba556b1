"""The proof of an audit: verdicts, what they rest on, and the file that keeps them."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from ml.features.leakage.corrupted_copy import RawProof
from ml.features.leakage.differences import Difference, RelationProof
from ml.workspace.files import write_text

VERDICTS = ("clean", "blind", "stale", "leaks")


@dataclass(frozen=True)
class Feature:
    """A feature's verdict.

    clean: the same at the instant, other afterwards. blind: never other, so nothing is proved.
    stale: other at the instant, but only because the workspace's own rows are not what its raw
    files give. leaks: other at the instant.
    """

    name: str
    family: str
    relation: str
    verdict: str
    difference: Difference


@dataclass(frozen=True)
class Proof:
    """All that an audit found; `at` and `made` are UTC.

    `blind_sources` are sources whose corruption no feature shows.
    """

    at: datetime
    made: datetime
    versions: dict[str, str]
    raw_files: tuple[RawProof, ...]
    relations: tuple[RelationProof, ...]
    features: tuple[Feature, ...]
    blind_sources: tuple[str, ...]

    def of(self, verdict: str) -> list[Feature]:
        """Return the features with this verdict."""
        return [feature for feature in self.features if feature.verdict == verdict]

    @property
    def uneven(self) -> list[RelationProof]:
        """Relations with rows known at the instant that only one of the two warehouses has."""
        return [each for each in self.relations if each.only_here or each.only_in_copy]

    @property
    def holds(self) -> bool:
        """Whether nothing known at the instant differs."""
        return not (self.of("leaks") or self.of("stale") or self.uneven)


def path(home: Path, at: datetime) -> Path:
    """Return where a workspace keeps the proof for an instant."""
    return home / "audit" / f"leakage-{at:%Y-%m-%d}.json"


def write(proof: Proof, home: Path) -> Path:
    """Write the proof into the workspace, whole or not at all; return its file."""
    target = path(home, proof.at)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, json.dumps(_content(proof), indent=1, default=_text) + "\n")
    return target


def _content(proof: Proof) -> dict[str, object]:
    content = asdict(proof)
    for each in content["relations"]:
        del each["differences"]
    content["features"] = [
        {key: value for key, value in feature.items() if key != "difference"}
        | feature["difference"]
        for feature in content["features"]
    ]
    content["verdicts"] = {verdict: len(proof.of(verdict)) for verdict in VERDICTS}
    return {"holds": proof.holds, **content}


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
