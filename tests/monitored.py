"""What `ml monitor` says of a workspace."""

import json

from tests.documented import assert_documented
from tests.workspaces import TestWorkspace


def monitored(ws: TestWorkspace, *arguments: str) -> tuple[int, dict]:
    """Return its exit code and its answer, the keys of which are documented."""
    ran = ws.run("ml", "monitor", "--json", *arguments)
    document = json.loads(ran.text)
    assert_documented("ml monitor", document)
    return ran.code, document
