"""Customers by risk and profit."""

from collections.abc import Sequence
from textwrap import shorten

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ml.pages.drawing import GROUPS, MARKERS, draw, percent_axis
from ml.pages.formatting import plain
from ml.pages.report.marts import CustomerDots


def segments(basis: str, dots: CustomerDots, order: Sequence[str]) -> Markup:
    """Return customers by risk and profit, one colour and marker a segment.

    Args:
        basis: what the profit axis measures.
        dots: the customers.
        order: segments in the order of the legend.
    """

    def paint(axes: Axes) -> None:
        names = np.asarray(dots.segment, dtype=object)
        for place, group in enumerate(order):
            inside = names == group
            look = place % len(GROUPS)
            label = shorten(plain(group), 26, placeholder="…")
            axes.scatter(
                dots.risk[inside], dots.profit[inside], s=12, color=GROUPS[look],
                marker=MARKERS[look], alpha=0.7, linewidths=0, label=label,
            )  # fmt: skip
        low, high = np.quantile(dots.profit, [0.0, 0.99])
        margin = max(0.04 * (high - low), 1e-9)
        axes.set_ylim(low - margin, high + margin)
        axes.set_xlim(left=min(0.0, float(dots.risk.min())))
        percent_axis(axes.xaxis, max(float(dots.risk.max()), 1e-9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.set_xlabel("risk: probability of decline")
        axes.set_ylabel(f"{basis} a customer and month")
        axes.figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handletextpad=0.2)

    alt = f"Customers by risk and {basis}, coloured by segment"
    return draw(f"segments-{basis}", alt, paint, (3.6, 3.0))
