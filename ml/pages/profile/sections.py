"""The sections of a table's chapter: each function answers one question, None where it cannot."""

from collections.abc import Sequence
from datetime import date

from ml.pages.formatting import count, day, plain, share
from ml.pages.profile import profile_figures as figures
from ml.pages.profile.category_values import Dimension
from ml.pages.profile.distributions import (
    Distribution,
    ExtremeValue,
    KindQuantiles,
    by_kind,
    measure_distribution,
)
from ml.pages.profile.event_times import BinnedCounts, EventTimes, events_per_customer, gaps
from ml.pages.profile.map_cells import MapCells, cells
from ml.pages.profile.table_chapter import Listing, Picture, TableSection
from ml.pages.profile.table_study import TableStudy
from ml.pages.profile.vectors import MOST, VectorCloud, cloud

# Numbers from here on are shown without decimals.
WITHOUT_DECIMALS = 100_000


def number(value: float) -> str:
    """Return a measured number with at most two decimals, four digits if it is small."""
    text = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
    if abs(value) >= WITHOUT_DECIMALS:
        text = f"{value:,.0f}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", "\u202f").replace("-", "−")


def volumes(study: TableStudy, times: EventTimes) -> TableSection:
    """Return when the events happen."""
    name = study.table.name
    months = [(month, events) for month, events, _ in times.months]
    active = [(month, customers) for month, _, customers in times.months]
    pictures = [
        Picture("Events by month", figures.by_month(f"{name}-months", "events", months),
                _months_caption(times)),
        Picture("Customers active", figures.by_month(f"{name}-active", "customers", active),
                "Customers with at least one event in the month."),
        Picture("Events by weekday", figures.by_weekday(f"{name}-weekdays", times.weekdays),
                "The dotted line is an even week."),
    ]  # fmt: skip
    if times.hours is not None:
        pictures.append(
            Picture("Events by hour", figures.by_hour(f"{name}-hours", times.hours),
                    "By the hour of the day (UTC). The dotted line is an even day.")
        )  # fmt: skip
    days = Picture("Events a day", figures.by_day(f"{name}-days", times.days),
                   "Days without any event fall to zero.", is_wide=True)  # fmt: skip
    text = "" if times.hours is not None else "The events carry a day, but no time of day."
    counts = [events for _, events, _ in times.months]
    finding = f"{count(min(counts))} to {count(max(counts))} events a month"
    finding = finding if len(counts) > 1 else f"{count(counts[0])} events in one month"
    return TableSection(
        "Volumes and seasons", finding, text, [*pictures, days], _gaps_listing(times)
    )


def _months_caption(times: EventTimes) -> str:
    first, last = times.first, times.last
    return (
        f"From {day(first)} to {day(last)}; the first and the last month may be cut short. "
        f"The fullest has {count(max(events for _, events, _ in times.months))} events, "
        f"the emptiest {count(min(events for _, events, _ in times.months))}."
    )


def _gaps_listing(times: EventTimes) -> list[Listing]:
    if not times.holes:
        return []
    rows = [[_day(first), _day(last), count(length)] for first, last, length in times.holes]
    caption = f"The longest runs of days without any event; {count(times.empty_days)} days in all."
    return [Listing(("No event from", "to", "Days"), rows, caption, words=2)]


def _day(moment: date) -> str:
    return f"{moment.day} {moment:%B %Y}"


def customers(study: TableStudy) -> TableSection:
    """Return how many events customers have, and the time between two of them."""
    name, per_customer = study.table.name, events_per_customer(study)
    pictures = [
        Picture("Events a customer",
                figures.binned_bars(f"{name}-held", "events a customer", "customers", per_customer),
                f"Half of the customers have at most {number(per_customer.median)} events, "
                f"nine in ten at most {number(per_customer.high)}."),
    ]  # fmt: skip
    between = gaps(study)
    if between:
        pictures.append(_gaps_picture(study, between))
    text = "" if between else "No customer has two events, so there are no gaps between events."
    finding = (
        f"half have at most {number(per_customer.median)} events, "
        f"nine in ten at most {number(per_customer.high)}"
    )
    return TableSection("Customers", finding, text, pictures)


def _gaps_picture(study: TableStudy, between: BinnedCounts) -> Picture:
    return Picture(
        "Gaps between a customer's events",
        figures.binned_bars(f"{study.table.name}-gaps", "time to the next event", "gaps", between),
        f"{_gaps_caption(between)}{sampled(study)}",
    )


def _gaps_caption(between: BinnedCounts) -> str:
    if between.high == 0:
        return "Nine in ten events fall on the same instant as the customer's one before."
    return (
        f"Half of the gaps are at most {_days(between.median)}, "
        f"nine in ten at most {_days(between.high)}."
    )


def _days(days: float) -> str:
    if days < 2:
        return f"{number(round(24 * days, 1))} hours"
    return f"{number(round(days, 1))} days"


def sampled(study: TableStudy) -> str:
    """Return the sentence that says what was sampled; nothing where all was read."""
    if not study.is_sampled:
        return ""
    return (
        f" Measured on all rows of a fixed sample of customers: {count(study.sampled_rows)} rows."
    )


def measures(study: TableStudy, dimensions: Sequence[Dimension]) -> list[TableSection]:
    """Return a section for each column of numbers: its distribution, outliers and boxes."""
    listed = [(each.name, [value.text for value in each.shown]) for each in dimensions]
    found = []
    for name in study.table.numbers:
        known = measure_distribution(study, name)
        if known:
            kinds = by_kind(study, name, listed) if study.table.is_events else {}
            found.append(_measure(study, known, kinds))
    return found


def _measure(
    study: TableStudy, known: Distribution, kinds: dict[str, list[KindQuantiles]]
) -> TableSection:
    salt = f"{study.table.name}-{known.name}"
    curved = (
        " The axis is curved: even near zero, logarithmic away from it, for both signs."
        if known.is_curved
        else ""
    )
    pictures = [
        Picture("Distribution", figures.histogram(salt, known),
                f"The outermost classes take in what lies beyond.{curved}"),
        *(
            Picture(f"By {plain(column).lower()}",
                    figures.boxes(f"{salt}-{column}", known, column, rows),
                    f"Dot: median; thick: the middle half; thin: the middle 90 %.{sampled(study)}")
            for column, rows in kinds.items() if len(rows) > 1
        ),
    ]  # fmt: skip
    text = _distribution_text(known) + sampled(study)
    finding = _distribution_finding(known)
    return TableSection(plain(known.name), finding, text, pictures, [_extremes(known.extremes)])


def _distribution_finding(known: Distribution) -> str:
    """Return in one line where values lie, and how many are outliers."""
    text = f"median {number(known.median)}"
    outliers = known.below + known.above
    if known.limits is None or not outliers:
        return text
    return f"{text}; {count(outliers)} {'outlier' if outliers == 1 else 'outliers'}"


def _distribution_text(known: Distribution) -> str:
    """Return the distribution and the outliers in words."""
    low, high = known.quantiles[2], known.quantiles[-3]
    text = (
        f"Median {number(known.median)}, mean {number(known.mean)}; 90 % lie between "
        f"{number(low)} and {number(high)}. "
        f"{count(known.negative)} rows are negative, {count(known.zero)} are zero."
    )
    if known.infinite:
        text += f" {count(known.infinite)} rows are infinite or no number."
    if known.limits is None:
        return f"{text} Half of the rows are equal, so no outlier limits can be drawn."
    beyond = known.below + known.above
    low, high = known.limits
    sides = [(known.below, f"below {number(low)}"), (known.above, f"above {number(high)}")]
    found = " and ".join(f"{count(rows)} {where}" for rows, where in sides if rows)
    if not found:
        return f"{text} No row lies beyond the outlier limits."
    return f"{text} Outliers: {count(beyond)} rows ({share(beyond / known.rows)}), {found}."


def _extremes(extremes: Sequence[ExtremeValue]) -> Listing:
    rows = [(each.customer, _moment(each), each.place, number(each.value)) for each in extremes]
    used = [place for place in range(4) if any(row[place] for row in rows)]
    headers = ("Customer", "Time (UTC)", "Raw file", "Value")
    return Listing(
        [headers[place] for place in used],
        [[row[place] for place in used] for row in rows],
        "The largest and the smallest values, and where they stand.",
        words=len(used) - 1,
    )


def _moment(each: ExtremeValue) -> str:
    return f"{each.time:%Y-%m-%d %H:%M}" if each.time else ""


def codes(study: TableStudy, dimensions: Sequence[Dimension]) -> TableSection | None:
    """Return the shares of the values of each dimension."""
    if not dimensions:
        return None
    pictures = [
        Picture(each.name, figures.shares(f"{study.table.name}-{each.name}", each),
                _dimension_caption(study, each))
        for each in dimensions if each.shown
    ]  # fmt: skip
    finding = ", ".join(each.name for each in dimensions if each.shown)
    return TableSection("Shares of each value", finding, "", pictures)


def _dimension_caption(study: TableStudy, each: Dimension) -> str:
    hidden = each.values - len(each.shown)
    text = f"{count(each.values)} values" if each.values > 1 else "One value only"
    text += f", of which {count(len(each.shown))} are shown." if hidden else "."
    if each.missing > 0:
        text += f" {share(each.missing)} of the rows carry none."
    if not study.table.is_events:
        return text
    if each.other is None:
        return f"{text} No spec declares any."
    return f"{text} {share(each.other)} of the rows fall to “other”."


def vectors(study: TableStudy) -> list[TableSection]:
    """Return the clouds of each column of vectors."""
    found = []
    for name in study.table.vectors:
        seen = cloud(study, name)
        if seen is None:
            found.append(
                TableSection(plain(name), "", "Too few unlike vectors to draw a picture of them.")
            )
            continue
        drawn = figures.cloud(f"{study.table.name}-{name}", seen)
        picture = Picture("Two principal components", drawn, _cloud_caption(study, seen))
        finding = f"{count(seen.rows)} vectors of {seen.width} numbers"
        found.append(TableSection(plain(name), finding, "", [picture]))
    return found


def _cloud_caption(study: TableStudy, seen: VectorCloud) -> str:
    drawn = "all" if seen.rows == study.table.rows else f"a fixed sample of {count(seen.rows)}"
    text = (
        f"The components and clusters were fitted for this page alone, on {drawn} of the "
        f"{count(study.table.rows)} vectors of {seen.width} numbers (at most {count(MOST)}). "
        "Clusters by k-means on the leading components; of 2 to 7 clusters, as many as part the "
        "vectors best (silhouette). In brackets, each cluster's share."
    )
    if sum(seen.explained) < 0.1:
        text += " The two components show little of the variance: do not read much into the shapes."
    return text


def places(study: TableStudy) -> TableSection | None:
    """Return where the positions are."""
    known = [seen for name in study.table.cells if (seen := cells(study, name))]
    if not known:
        return None
    finding = ", ".join(f"{count(each.cells)} cells of {each.name}" for each in known)
    return TableSection(
        "Places", finding, "", [picture for each in known for picture in _cells(study, each)]
    )


def _cells(study: TableStudy, each: MapCells) -> list[Picture]:
    salt, per_customer = f"{study.table.name}-{each.name}", each.per_customer
    top = sum(share for *_, share in each.busiest)
    return [
        Picture(f"Cells a customer, {each.name}",
                figures.binned_bars(f"{salt}-held", "distinct cells", "customers", per_customer),
                f"{count(each.cells)} cells in all. Half of the customers were in at most "
                f"{number(per_customer.median)} of them, nine in ten in at most "
                f"{number(per_customer.high)}."
                f"{sampled(study)}"),
        Picture(f"Busiest cells, {each.name}",
                figures.ranking(f"{salt}-busiest", "positions", each.busiest),
                f"These {len(each.busiest)} hold {share(top)} of the positions."),
    ]  # fmt: skip
