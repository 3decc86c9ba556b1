"""The questions asked of a table: each function returns a part of its chapter, or None."""

from collections.abc import Sequence
from datetime import date

from ml.pages.profile import profile_figures as figures
from ml.pages.profile.amounts import Extreme, Kind, Spread, by_kind, spread
from ml.pages.profile.blocks import Listing, Part, Picture
from ml.pages.profile.category_values import Dimension
from ml.pages.profile.map_cells import Cells, cells
from ml.pages.profile.rhythm import Rhythm, Spells, events_a_customer, gaps
from ml.pages.profile.table_study import Study
from ml.pages.profile.vectors import MOST, Cloud, cloud
from ml.pages.words import count, day, plain, share

# From here on, hundredths are noise.
EXACT = 100_000


def number(value: float) -> str:
    """Return a measured number with at most two decimals, four digits if it is small."""
    text = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
    if abs(value) >= EXACT:
        text = f"{value:,.0f}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", "\u202f").replace("-", "−")


def volumes(found: Study, times: Rhythm) -> Part:
    """Return when the events happen."""
    name = found.table.name
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
    return Part("Volumes and seasons", text, [*pictures, days], _holes(times))


def _months_caption(times: Rhythm) -> str:
    first, last = times.first, times.last
    return (
        f"From {day(first)} to {day(last)}; the first and the last month may be cut short. "
        f"The fullest has {count(max(events for _, events, _ in times.months))} events, "
        f"the emptiest {count(min(events for _, events, _ in times.months))}."
    )


def _holes(times: Rhythm) -> list[Listing]:
    if not times.holes:
        return []
    rows = [[_day(first), _day(last), count(length)] for first, last, length in times.holes]
    caption = f"The longest runs of days without any event; {count(times.empty_days)} days in all."
    return [Listing(("No event from", "to", "Days"), rows, caption, words=2)]


def _day(moment: date) -> str:
    return f"{moment.day} {moment:%B %Y}"


def customers(found: Study) -> Part:
    """Return how many events customers have, and how long they pause between two."""
    name, held = found.table.name, events_a_customer(found)
    pictures = [
        Picture("Events a customer",
                figures.spells(f"{name}-held", "events a customer", "customers", held),
                f"Half of the customers have at most {number(held.median)} events, nine in ten "
                f"at most {number(held.high)}."),
    ]  # fmt: skip
    pauses = gaps(found)
    if pauses:
        pictures.append(_pauses(found, pauses))
    text = "" if pauses else "No customer has two events, so there are no gaps between events."
    return Part("Customers", text, pictures)


def _pauses(found: Study, pauses: Spells) -> Picture:
    return Picture(
        "Gaps between a customer's events",
        figures.spells(f"{found.table.name}-gaps", "time to the next event", "gaps", pauses),
        f"{_typical(pauses)}{sampled(found)}",
    )


def _typical(pauses: Spells) -> str:
    if pauses.high == 0:
        return "Nine in ten events fall on the same instant as the customer's one before."
    return (
        f"Half of the gaps are at most {_days(pauses.median)}, "
        f"nine in ten at most {_days(pauses.high)}."
    )


def _days(days: float) -> str:
    if days < 2:
        return f"{number(round(24 * days, 1))} hours"
    return f"{number(round(days, 1))} days"


def sampled(found: Study) -> str:
    """Return the sentence that says what was sampled; nothing where all was read."""
    if not found.is_sampled:
        return ""
    return (
        f" Measured on all rows of a fixed sample of customers: {count(found.sampled_rows)} rows."
    )


def measures(found: Study, dimensions: Sequence[Dimension]) -> list[Part]:
    """Return how each column of numbers is spread, its outliers, and it by kind."""
    listed = [(each.name, [value.text for value in each.shown]) for each in dimensions]
    parts = []
    for name in found.table.numbers:
        known = spread(found, name)
        if known:
            kinds = by_kind(found, name, listed) if found.table.is_events else {}
            parts.append(_measure(found, known, kinds))
    return parts


def _measure(found: Study, known: Spread, kinds: dict[str, list[Kind]]) -> Part:
    salt = f"{found.table.name}-{known.name}"
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
                    f"Dot: median; thick: the middle half; thin: the middle 90 %.{sampled(found)}")
            for column, rows in kinds.items() if len(rows) > 1
        ),
    ]  # fmt: skip
    text = _spread_text(known) + sampled(found)
    return Part(plain(known.name), text, pictures, [_extremes(known.extremes)])


def _spread_text(known: Spread) -> str:
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


def _extremes(extremes: Sequence[Extreme]) -> Listing:
    rows = [(each.customer, _moment(each), each.place, number(each.value)) for each in extremes]
    used = [place for place in range(4) if any(row[place] for row in rows)]
    headers = ("Customer", "Time (UTC)", "Raw file", "Value")
    return Listing(
        [headers[place] for place in used],
        [[row[place] for place in used] for row in rows],
        "The largest and the smallest values, and where they stand.",
        words=len(used) - 1,
    )


def _moment(each: Extreme) -> str:
    return f"{each.time:%Y-%m-%d %H:%M}" if each.time else ""


def codes(found: Study, dimensions: Sequence[Dimension]) -> Part | None:
    """Return the shares of the values of each dimension."""
    if not dimensions:
        return None
    pictures = [
        Picture(each.name, figures.shares(f"{found.table.name}-{each.name}", each),
                _share_text(found, each))
        for each in dimensions if each.shown
    ]  # fmt: skip
    return Part("Shares of each value", "", pictures)


def _share_text(found: Study, each: Dimension) -> str:
    hidden = each.values - len(each.shown)
    text = f"{count(each.values)} values" if each.values > 1 else "One value only"
    text += f", of which {count(len(each.shown))} are shown." if hidden else "."
    if each.missing > 0:
        text += f" {share(each.missing)} of the rows carry none."
    if not found.table.is_events:
        return text
    if each.other is None:
        return f"{text} No spec declares any."
    return f"{text} {share(each.other)} of the rows fall to “other”."


def vectors(found: Study) -> list[Part]:
    """Return the clouds of each column of vectors."""
    parts = []
    for name in found.table.vectors:
        seen = cloud(found, name)
        if seen is None:
            parts.append(Part(plain(name), "Too few unlike vectors to draw a picture of them."))
            continue
        drawn = figures.cloud(f"{found.table.name}-{name}", seen)
        picture = Picture("Two principal components", drawn, _cloud_text(found, seen))
        parts.append(Part(plain(name), "", [picture]))
    return parts


def _cloud_text(found: Study, seen: Cloud) -> str:
    drawn = "all" if seen.rows == found.table.rows else f"a fixed sample of {count(seen.rows)}"
    text = (
        f"The components and clusters were fitted for this page alone, on {drawn} of the "
        f"{count(found.table.rows)} vectors of {seen.width} numbers (at most {count(MOST)}). "
        "Clusters by k-means on the leading components; of 2 to 7 clusters, as many as part the "
        "vectors best (silhouette). In brackets, each cluster's share."
    )
    if sum(seen.explained) < 0.1:
        text += " The two components show little of the variance: do not read much into the shapes."
    return text


def places(found: Study) -> Part | None:
    """Return where the positions are."""
    known = [seen for name in found.table.cells if (seen := cells(found, name))]
    if not known:
        return None
    return Part("Places", "", [picture for each in known for picture in _cells(found, each)])


def _cells(found: Study, each: Cells) -> list[Picture]:
    salt, held = f"{found.table.name}-{each.name}", each.a_customer
    top = sum(part for *_, part in each.busiest)
    return [
        Picture(f"Cells a customer, {each.name}",
                figures.spells(f"{salt}-held", "distinct cells", "customers", held),
                f"{count(each.cells)} cells in all. Half of the customers were in at most "
                f"{number(held.median)} of them, nine in ten in at most {number(held.high)}."
                f"{sampled(found)}"),
        Picture(f"Busiest cells, {each.name}",
                figures.ranking(f"{salt}-busiest", "positions", each.busiest),
                f"These {len(each.busiest)} hold {share(top)} of the positions."),
    ]  # fmt: skip
