"""What axe-core, which knows the rules of accessibility (WCAG), finds on a page in a browser."""

import pytest


def serious(tab) -> list[tuple[str, str]]:
    """Serious and critical findings, all that is folded opened: the rule and the element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = axe.Axe().run(tab).response["violations"]
    return [
        (each["id"], node["html"])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
