"""The proof of an audit: a verdict for each feature, its evidence, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from ml.features.leakage.corrupted_copy import RawProof
from ml.features.leakage.differences import FeatureDifference, RelationProof
from ml.workspace.files import write_text

VERDICTS = ("clean", "blind", "stale", "leaks")


@dataclass(frozen=True)
class FeatureVerdict:
    """A feature's verdict.

    clean: equal at the instant, different afterwards. blind: equal everywhere, so nothing is
    proved. stale: different at the instant, but only because the workspace's own rows are not what
    its raw files give. leaks: different at the instant.
    """

    name: str
    family: str
    relation: str
    verdict: str
    difference: FeatureDifference


@dataclass(frozen=True)
class Sample:
    """What of a lake was audited, and what was not.

    Attributes:
        buckets: the audited ones; of the customers of all others nothing is proved.
        of: how many buckets the lake has.
        facts: facts of the whole that were made anew of these customers alone.
        families: families whose features were compared between two builds of the sample only,
            for with the facts of all customers the lake has other values.
        absent: tables without a row in these buckets, as `<source>__<table>`.
    """

    buckets: tuple[int, ...]
    of: int
    facts: tuple[str, ...]
    families: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """All that an audit found; `at` and `made` are UTC.

    `blind_sources` are sources whose corruption no feature shows. `sample` is there for a lake.
    """

    at: datetime
    made: datetime
    versions: dict[str, str]
    raw_files: tuple[RawProof, ...]
    relations: tuple[RelationProof, ...]
    features: tuple[FeatureVerdict, ...]
    blind_sources: tuple[str, ...]
    sample: Sample | None = None

    def of(self, verdict: str) -> list[FeatureVerdict]:
        """Return the features with this verdict."""
        return [feature for feature in self.features if feature.verdict == verdict]

    @property
    def uneven(self) -> list[RelationProof]:
        """Relations with rows known at the instant that only one of the two warehouses has."""
        return [each for each in self.relations if each.is_uneven]

    @property
    def holds(self) -> bool:
        """Whether nothing known at the instant differs."""
        return not (self.of("leaks") or self.of("stale") or self.uneven)


def proof_path(home: Path, at: datetime) -> Path:
    """Return where a workspace keeps the proof for an instant."""
    return home / "audit" / f"leakage-{at:%Y-%m-%d}.json"


def write_proof(proof: Proof, home: Path) -> Path:
    """Write the proof into the workspace, whole or not at all; return its file."""
    target = proof_path(home, proof.at)
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
