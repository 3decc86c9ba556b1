"""Raw fields in a record to predict: the features that are computed from them take their place."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ml.features.request import RequestFamily, features, request_families
from ml.service.champions import Signature, signature
from ml.service.problems import Problem, Wrong, pointer
from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.settings import Workspace

_OF_A_RECORD = re.compile(r"record (\d+): (.*)", re.DOTALL)


class RequestFeatures:
    """The families that can be computed on request, by name; none without a manifest."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._seen: Signature | None = None
        self.families: Mapping[str, RequestFamily] = {}

    def refresh(self) -> None:
        """Read the manifest if it has changed; one that dbt is writing is read the next time."""
        manifest = self._ws.manifest
        seen = signature(manifest.parent, manifest.name)
        if seen != self._seen:
            with suppress(AlmanacError):
                self.families = {each.name: each for each in request_families(self._ws)}
                self._seen = seen

    def completed(
        self, records: Sequence[Mapping[str, Any]], names: Sequence[str], views: Collection[str]
    ) -> list[Mapping[str, Any]]:
        """Return the records with features in place of raw fields.

        Args:
            records: fields by name.
            names: the model's features.
            views: the families that these are of.

        Raises:
            Problem: a raw field has a value that cannot be read, or its features are given too.
        """
        found = list(records)
        known = frozenset(names)
        for name, family in self.families.items():
            if name in views:
                self._complete(found, family, frozenset(family.fields) - known, known)
        return found

    def _complete(
        self,
        records: list[Mapping[str, Any]],
        family: RequestFamily,
        raw: frozenset[str],
        known: frozenset[str],
    ) -> None:
        rows = [
            row
            for row, record in enumerate(records)
            if isinstance(record, Mapping) and not raw.isdisjoint(record)
        ]
        if not rows:
            return
        _refuse_both(records, rows, family)
        given = [
            {field: records[row][field] for field in raw & records[row].keys()} for row in rows
        ]
        try:
            computed = features(family, given).to_pylist()
        except BadInput as error:
            raise Problem(
                422,
                f"The raw fields of {family.name} cannot be read.",
                errors=[_placed(line, rows) for line in error.what.splitlines()],
            ) from error
        for row, values in zip(rows, computed, strict=True):
            others = {name: value for name, value in records[row].items() if name not in raw}
            records[row] = others | {n: value for n, value in values.items() if n in known}


def _refuse_both(
    records: Sequence[Mapping[str, Any]], rows: Sequence[int], family: RequestFamily
) -> None:
    wrong: list[Wrong] = [
        {
            "pointer": pointer("records", row, name),
            "detail": f"is computed from the raw fields of {family.name}, which are given too",
        }
        for row in rows
        for name in family.features
        if name in records[row]
    ]
    if wrong:
        raise Problem(422, "Give raw fields or their features, not both.", errors=wrong)


def _placed(line: str, rows: Sequence[int]) -> Wrong:
    if found := _OF_A_RECORD.fullmatch(line):
        return {"pointer": pointer("records", rows[int(found[1]) - 1]), "detail": found[2]}
    return {"pointer": pointer("records", rows[0]), "detail": line}
