"""Drawing for pages: each picture is one inline SVG, the same bytes for the same numbers."""

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# Okabe and Ito's colours keep apart for colour-blind readers; each also has its own dash or marker.
MODEL, BASELINE, LIMIT, CHANCE = "#0072b2", "#b84a00", "#007a5a", "#8a8f98"
PALE, INK, FAINT, EDGE, PAPER = "#6fb1d8", "#3a3f47", "#e6e8eb", "#b9bdc4", "#ffffff"
GROUPS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6f76")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SMALL = (3.15, 2.6)
# Colours that the page's style sheet sets, for the light and the dark theme.
THEMED = {
    MODEL: "model",
    BASELINE: "baseline",
    LIMIT: "limit",
    CHANCE: "chance",
    PALE: "pale",
    INK: "ink",
    FAINT: "faint",
    EDGE: "edge",
    PAPER: "paper",
}
# Dots per inch of what is rasterized, which is plots of thousands of dots.
RESOLUTION = 220

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "text.color": INK,
    "axes.edgecolor": EDGE,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.3,
    "text.parse_math": False,
}


def draw(name: str, alt: str, paint: Callable[[Axes], None], size: tuple[float, float]) -> Markup:
    """Return what `paint` draws as an SVG that scales with its column.

    Args:
        name: salts the SVG's ids, so that two pictures of one page never share one.
        alt: the text for readers who cannot see the picture.
        paint: draws on the axes it is given.
        size: width and height in inches, which set the proportions and the size of the text.
    """
    buffer = StringIO()
    style: Any = STYLE | {"svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.subplots())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True, dpi=RESOLUTION)
    return _inline(buffer.getvalue(), alt)


def _inline(svg: str, alt: str) -> Markup:
    """Return an SVG file as an element: no prologue, size, fonts or ids; two decimals; themed."""
    found = re.search(r'viewBox="([^"]+)"', svg)
    box = found.group(1) if found else "0 0 0 0"
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub("|".join(THEMED), lambda found: f"var(--{THEMED[found[0]]})", body)
    return Markup(f'<svg viewBox="{box}" role="img" aria-label="{escape(alt)}">{body.strip()}')


def percent_axis(axis: Axis, top: float) -> None:
    """Label an axis of shares from 0 to `top` in percent, with as many digits as its ticks need."""
    step = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    ticks = step.tick_values(0, 100 * top)
    digits = max(0, min(4, int(np.ceil(-np.log10(ticks[1] - ticks[0]) - 1e-9))))
    digits += int(np.any(np.abs(np.round(ticks, digits) - ticks) > 1e-9))
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.{digits}f}%"))
