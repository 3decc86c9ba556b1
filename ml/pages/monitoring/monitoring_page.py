"""The monitoring page as one HTML file: chapters from the marts, filled into the template."""

from collections.abc import Sequence
from pathlib import Path

from ml.monitoring import Due, Month, open_marts
from ml.pages import fill, write_page
from ml.pages.monitoring import status_calendar
from ml.pages.monitoring.feature_chapter import read_features
from ml.pages.monitoring.outcome_chapter import read_outcomes
from ml.pages.monitoring.score_chapter import read_scores
from ml.pages.monitoring.shown_months import shown_months
from ml.pages.monitoring.source_chapter import HOW, read_sources
from ml.pages.monitoring.status_calendar import read_calendar
from ml.workspace.settings import Workspace

# So many findings, and features, are seen at once; the others are folded.
UNFOLDED_FINDINGS, UNFOLDED_FEATURES = 12, 6
# With more targets than these, only those that need a look start unfolded.
MOST_UNFOLDED = 2


def write_monitoring(ws: Workspace, found: Month, due: Sequence[Due]) -> Path:
    """Write what changed in a month to `ws.monitoring` and return its path.

    The page is one file without scripts or outside requests; the same inputs give the same bytes.

    Args:
        ws: the workspace.
        found: the month and what needs a look in it.
        due: the targets that are due for training.

    Raises:
        AlmanacError: the marts are not built, or the warehouse is held.
    """
    write_page(ws, ws.monitoring, render(ws, found, due))
    return ws.monitoring


def render(ws: Workspace, found: Month, due: Sequence[Due]) -> str:
    """Return the page as HTML."""
    with open_marts(ws) as connection:
        shown = shown_months(connection, found)
        return fill(
            "ml.pages.monitoring",
            filters={},
            found=found,
            due=due,
            scored=shown.scored,
            calendar=read_calendar(shown),
            marks=status_calendar.MARKS,
            not_judged=status_calendar.NOT_JUDGED_MARK,
            sources=read_sources(shown),
            how_sources=HOW,
            features=read_features(shown),
            scores=read_scores(shown),
            outcomes=read_outcomes(shown),
            most_unfolded=MOST_UNFOLDED,
            unfolded_findings=UNFOLDED_FINDINGS,
            unfolded_features=UNFOLDED_FEATURES,
        )
