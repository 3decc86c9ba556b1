"""What still names a customer after an erasure: pages, which are deleted, and other files."""

import mmap
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.landing.forgotten import FORGOTTEN, LONG
from ml.workspace.files import fresh_file
from ml.workspace.settings import Workspace


def remove_from_truth(ws: Workspace, customer: str) -> list[tuple[str, int]]:
    """Remove a made-up customer from the simulator's probabilities, where there are any."""
    if not ws.truth.exists():
        return []
    table = pq.read_table(ws.truth)
    left = table.filter(pc.not_equal(table["customer_id"], customer))
    with fresh_file(ws.truth) as fresh:
        pq.write_table(left, fresh)
    return [("simulator's probabilities", table.num_rows - left.num_rows)]


def remove_pages(ws: Workspace, customers: Collection[str]) -> Iterator[str]:
    """Delete the pages of the workspace that name the customer, and yield their paths.

    A catalogue of which one file does goes as a whole: its pages belong together.
    """
    for page in sorted(ws.home.glob("*.html")):
        if _names(page, customers):
            page.unlink()
            yield str(page)
    if any(_names(each, customers) for each in ws.catalogue.rglob("*") if each.is_file()):
        shutil.rmtree(ws.catalogue)
        yield str(ws.catalogue)


def files_with(ws: Workspace, customers: Collection[str], read: Collection[str]) -> Iterator[str]:
    """Yield files in which an id stands as a word: the workspace's, and raw ones not `read`.

    The warehouse, its published copy, the online store and tables are not searched: an erasure
    writes them anew. Nor are ids of less than LONG characters looked for, which are a word of
    many a file by chance.
    """
    rewritten = {".duckdb", ".db", ".wal", ".db-wal", ".db-shm", ".parquet"}
    known = {ws.home / FORGOTTEN, *(ws.raw / each for each in read)}
    for path in sorted({*ws.home.rglob("*"), *ws.raw.rglob("*")} - known):
        if path.suffix in rewritten or not path.is_file() or path.is_symlink():
            continue
        if _names(path, customers):
            yield str(path)


def _names(path: Path, customers: Collection[str]) -> bool:
    if not path.stat().st_size:
        return False
    searched = [each.encode() for each in customers if len(each) >= LONG]
    if not searched:
        return False
    words = b"|".join(re.escape(each) for each in searched)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return re.search(rb"(?<![\w-])(?:" + words + rb")(?![\w-])", content) is not None
