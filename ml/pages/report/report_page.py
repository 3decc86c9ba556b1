"""The report as one HTML page: figures and pictures filled into the template, then written."""

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from ml.pages import fill, write_page
from ml.pages.report import findings
from ml.pages.report.figures import customers, measures
from ml.pages.report.marts import Marts, Segmentation, read_marts
from ml.pages.report.summary import summarize
from ml.pages.report.target_chapter import target_chapter
from ml.pages.report.target_report import TargetReport, read_targets
from ml.workspace.settings import Workspace

# With more targets than these, the sections of each chapter start collapsed.
MOST_UNFOLDED = 2


def write_report(ws: Workspace, tell: Callable[[str], object] = lambda _: None) -> Path:
    """Write the report of every trained target to `ws.report` and return its path.

    The page is one file without scripts or outside requests; the same inputs give the same bytes.

    Args:
        ws: the workspace.
        tell: called with why a target is left out, as its champion is damaged.

    Raises:
        AlmanacError: no target has a champion that can be read, or the warehouse is held.
    """
    write_page(ws, ws.report, render(read_targets(ws, tell), read_marts(ws)))
    return ws.report


def render(targets: tuple[TargetReport, ...], marts: Marts) -> str:
    """Return the page as HTML."""
    return fill(
        "ml.pages.report",
        filters={
            "auc": findings.auc,
            "between": findings.interval_ends,
            "signed": findings.signed,
        },
        findings=findings,
        summary=summarize(targets),
        marts=marts,
        chapters=[target_chapter(target, marts) for target in targets],
        unfolded=len(targets) <= MOST_UNFOLDED,
        overview=measures.overview(targets)
        if any(target.model.interval for target in targets)
        else None,
        scatters=[_scatter(each) for each in marts.segmentations],
    )


def _scatter(segmentation: Segmentation) -> Markup | None:
    if segmentation.dots is None:
        return None
    # By name, so that a segment has one colour in all pictures.
    order = sorted(set(segmentation.dots.segment))
    return customers.segments(segmentation.basis, segmentation.dots, order)
