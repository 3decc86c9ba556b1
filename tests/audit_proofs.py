"""How workspaces are built to be audited, and what the audit's proof says of them."""

import json
from datetime import datetime
from typing import Any

from tests.workspaces import REPOSITORY, TestWorkspace

AT = datetime(2022, 11, 1)
PROJECT = REPOSITORY / "dbt_project"
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
FEATURES = ("--select", "+path:models/features", "+dim_features")
BUILD = ("dbt", "build", "--quiet", *WITHOUT_TESTS, *FEATURES)


def proof_of(ws: TestWorkspace, at: str = "2022-11-01") -> dict[str, Any]:
    path = ws.home / "audit" / f"leakage-{at}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def verdicts(proof: dict[str, Any], family: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for feature in proof["features"]:
        if feature["family"] == family:
            found.setdefault(feature["verdict"], set()).add(feature["name"])
    return found
