"""Assembling the page: facts and pictures into the template, then onto the disk in one step."""

from pathlib import Path

from markupsafe import Markup

from ml.pages import fill
from ml.pages.report import findings as words
from ml.pages.report.chapter import chapter
from ml.pages.report.facts import Target, read_targets
from ml.pages.report.figures import customers, measures
from ml.pages.report.marts import Marts, Segmentation, read_marts
from ml.workspace.files import write_text
from ml.workspace.settings import Workspace

# With more targets than these, the parts of each are folded.
UNFOLDED = 2


def write_report(ws: Workspace) -> Path:
    """Write the report of every trained target to `ws.report` and return its path.

    The page is one file without scripts or outside requests; the same inputs give the same bytes.
    A reader sees the old page or the new one, never half of one.

    Raises:
        AlmanacError: no target has a champion, an artifact is unreadable, or the warehouse is held.
    """
    write_text(ws.report, render(read_targets(ws), read_marts(ws)))
    return ws.report


def render(targets: tuple[Target, ...], marts: Marts) -> str:
    """Return the page as HTML."""
    return fill(
        "ml.pages.report",
        filters={"auc": words.auc, "between": words.between, "signed": words.signed},
        words=words,
        marts=marts,
        chapters=[chapter(target, marts) for target in targets],
        unfolded=len(targets) <= UNFOLDED,
        overview=measures.overview(targets) if any(t.model.interval for t in targets) else None,
        scatters=[_scatter(each) for each in marts.segmentations],
    )


def _scatter(found: Segmentation) -> Markup | None:
    if found.dots is None:
        return None
    # By name, so that a segment has one colour in all pictures.
    order = sorted(set(found.dots.segment))
    return customers.segments(found.basis, found.dots, order)
