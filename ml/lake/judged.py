"""What staging made of the landed rows of a lake: how many it accepted, and why not the others."""

from collections.abc import Mapping

import duckdb

from ml.lake.bucket import rejects_of
from ml.lake.entry import Entry
from ml.lake.project import Project
from ml.workspace.errors import BadInput


def what_was_read(project: Project, entries: Mapping[str, Entry]) -> str:
    """Return a line on the rows that were read, accepted and set aside, as dbt build prints it.

    Every landed row is one or the other: staging judges each, in the bucket that it landed in.

    Raises:
        BadInput: not one row of a table is acceptable, which is a wrong file and no dirty row.
    """
    read = 0
    aside: dict[str, int] = {}
    for model in project.models:
        relation = rejects_of(model)
        if model.kind != "staged" or relation not in entries:
            continue
        landed = sum(
            _count(entries[name])
            for name in model.reads
            if name in entries and not entries[name].is_fact
        )
        reasons = duckdb.execute(
            "select file, reason, count(*) as times "
            f"from ({entries[relation].whole.query}) group by file, reason "
            "order by times desc, file, reason"
        ).fetchall()
        if landed and sum(times for _, _, times in reasons) == landed:
            file, reason, times = reasons[0]
            raise BadInput(
                f"Not one row of {file} is acceptable; most often ({times:,} times): {reason}.",
                "Correct the file, then: ml lake build",
            )
        read += landed
        for _, reason, times in reasons:
            aside[reason] = aside.get(reason, 0) + times
    total = sum(aside.values())
    line = f"Read {read:,} rows, {read - total:,} accepted, {total:,} set aside"
    if not aside:
        return line
    most = sorted(aside.items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{reason} ({times:,})" for reason, times in most[:3])
    return f"{line}: {named}{', …' if len(most) > 3 else ''}. See: ml rejects"


def _count(entry: Entry) -> int:
    ((rows,),) = duckdb.execute(f"select count(*) from ({entry.whole.query})").fetchall()
    return int(rows)
