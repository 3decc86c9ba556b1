"""Landing and predicting on damaged files: python -m tests.benchmarks.fuzz --damages 20000.

Well-formed files are damaged at random: bytes, fields, lines, quotes, line ends, headers. Each must
be read, or refused with an error of the project's own. Whatever is read is accepted or set aside:
no line is lost. An oracle in plain Python reads the lines of files without quotes and says which of
them are right, and with what values.
"""

import argparse
import csv
import math
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from ml import Predictor
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from tests.damages import damaged
from tests.field_oracle import (
    WrongFieldError,
    a_count,
    a_purchase,
    a_text,
    an_amount,
    an_input,
    the_id,
    the_number,
    the_time,
)
from tests.landed import EVENTS, SESSIONS, Company
from tests.learnable import FEATURES, customer_months, fake_store, learnable
from tests.workspaces import make_workspace

LINES = 20
DAMAGES_PER_FILE = 4
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Corpus:
    """Files of one kind: staging model, header, how a line is made, the oracle of each field."""

    name: str
    header: str
    make: Callable[[random.Random, int], list[str]]
    oracle: tuple[Callable[[str], Any], ...]
    files: tuple[str, ...]


def _event(chance: random.Random, number: int) -> list[str]:
    moment = datetime(2023, 1, 1) + timedelta(seconds=chance.randrange(30_000_000))
    return [f"c{number}", f"{moment:%Y-%m-%d %H:%M:%S}", f"{chance.randrange(-9999, 99999) / 100}"]


def _session(chance: random.Random, number: int) -> list[str]:
    counts = [f"{chance.randrange(1, 9000) / 100:.2f}", f"{chance.randrange(1, 40)}"]
    words = [f"{chance.random():.4f}", chance.choice("ab"), chance.choice(["New", "Returning"])]
    return [f"s{number}", *counts, *words, chance.choice("01")]


TRANSACTIONS = Corpus(
    "stg_transactions__events", EVENTS, _event, (the_id, the_time, the_number),
    tuple(f"transactions/{number}.csv" for number in range(5)),
)  # fmt: skip
SITE = Corpus(
    "stg_retailtech__sessions", SESSIONS, _session,
    (the_id, a_count, a_count, an_amount, a_text, a_text, a_purchase),
    ("raw_customer_data.csv",),
)  # fmt: skip


@dataclass
class Tally:
    """What was tried, and each thing that went wrong with the file that shows it."""

    damages: int = 0
    read: int = 0
    accepted: int = 0
    judged: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line, and one for each fault."""
        counts = (
            f"{self.damages:,} damages: {self.read:,} rows read, {self.accepted:,} accepted, "
            f"{self.judged:,} judged by the oracle, {self.refused:,} files refused, "
            f"{len(self.wrong)} faults"
        )
        return "\n".join([counts, *self.wrong])


def fuzz_landing(home: Path, corpus: Corpus, damages: int, seed: int) -> Tally:
    """Land damaged files of the corpus and stage them with the project's own SQL.

    Args:
        home: an empty folder.
        corpus: the kind of the files.
        damages: about how many damages to make.
        seed: of the random choices.
    """
    staged = compiled(home / "compiled", corpus)
    chance, tally = random.Random(seed), Tally()
    with tqdm(total=damages, desc=corpus.name) as bar:
        while tally.damages < damages:
            before = tally.damages
            place = home / str(tally.damages)
            place.mkdir()
            company = Company(place)
            try:
                _land(company, corpus, chance, tally, staged)
            finally:
                company.warehouse.close()
                shutil.rmtree(place)
            bar.update(tally.damages - before)
    return tally


def compiled(home: Path, corpus: Corpus) -> str:
    """The SQL of the corpus' staging model, as dbt compiles it."""
    ws = make_workspace(home, home / "raw")
    path = ws.raw / corpus.files[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(_whole(corpus, random.Random(0), 0))
    ws.must("dbt", "compile", "--quiet", "--select", corpus.name)
    (found,) = (home / "target" / "compiled").rglob(f"{corpus.name}.sql")
    return found.read_text(encoding="utf-8")


def _whole(corpus: Corpus, chance: random.Random, first: int) -> bytes:
    lines = [corpus.header.split(","), *(corpus.make(chance, first + n) for n in range(LINES))]
    return "".join(f"{','.join(line)}\n" for line in lines).encode()


def _land(
    company: Company, corpus: Corpus, chance: random.Random, tally: Tally, staged: str
) -> None:
    files: dict[str, bytes] = {}
    for number, name in enumerate(corpus.files):
        text = damaged(chance, _whole(corpus, chance, 1000 * number), DAMAGES_PER_FILE)
        files[name] = company.put(name, text).read_bytes()
        tally.damages += DAMAGES_PER_FILE
    while files:
        try:
            company.land()
            return _judge(company, corpus, files, tally, staged)
        except AlmanacError as error:
            # A wrong header stops the build; the other files are read without this one.
            tally.refused += 1
            blamed = next((name for name in files if name in str(error)), None)
            if not blamed or "\n" not in str(error):
                return tally.wrong.append(f"no file or no next command in: {error}")
            (company.raw / blamed).unlink()
            del files[blamed]
        except Exception as error:
            return tally.wrong.append(f"{error!r} on {files}")
    return None


def _judge(
    company: Company, corpus: Corpus, files: Mapping[str, bytes], tally: Tally, staged: str
) -> None:
    """Compare what was read, accepted and set aside with the lines of the files."""
    found = company.rows(
        f"select _file, _row, reject_reason, [{_texts(corpus)}] from ({staged.rstrip(' ;')})"
    )
    tally.read += len(found)
    tally.accepted += sum(reason is None for _, _, reason, _ in found)
    for name, content in files.items():
        rows = {row: (reason, values) for file, row, reason, values in found if file == name}
        if b'"' not in content:
            _judge_lines(corpus, content, rows, tally)


def _texts(corpus: Corpus) -> str:
    return ", ".join(f"cast({column} as varchar)" for column in corpus.header.split(","))


def _judge_lines(corpus: Corpus, content: bytes, rows: Mapping[int, Row], tally: Tally) -> None:
    columns, lines = _parts(content)
    if rows.keys() != lines.keys():
        tally.wrong.append(f"lines {sorted(rows.keys() ^ lines.keys())} of {content!r}")
        return
    seen: set[str] = set()
    for number, line in lines.items():
        reason, values = rows[number]
        tally.judged += 1
        try:
            right = _oracle(corpus, columns, line, seen)
        except (WrongFieldError, UnicodeDecodeError):
            if reason is None:
                tally.wrong.append(f"accepted as {values}: {line!r}")
            continue
        if reason is not None:
            tally.wrong.append(f"set aside, {reason}: {line!r}")
        elif not all(map(_same, values, right)):
            tally.wrong.append(f"{values} is not {right}: {line!r}")


def _parts(content: bytes) -> tuple[list[str], dict[int, bytes]]:
    """The columns of a file without quotes, and its lines that are not blank, by their number."""
    header, *lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    numbered = enumerate(lines, start=2)
    there = {number: line for number, line in numbered if line.decode(errors="replace").strip()}
    return header.decode().split(","), there


def _fields(columns: list[str], line: bytes) -> dict[str, str]:
    """The fields of a line by their columns; a delimiter too many at the end is none."""
    fields = line.decode().split(",")
    if len(fields) == len(columns) + 1 and not fields[-1]:
        fields.pop()
    if len(fields) != len(columns):
        raise WrongFieldError(line)
    return dict(zip((each.strip() for each in columns), fields, strict=True))


def _oracle(corpus: Corpus, columns: list[str], line: bytes, seen: set[str]) -> list[Any]:
    fields = _fields(columns, line)
    if corpus is SITE:
        # A session is the first of its customer's, whether or not that one is right.
        customer = fields["customer_id"].strip(" \xa0")
        if customer in seen:
            raise WrongFieldError(line)
        seen.add(customer)
    names = corpus.header.split(",")
    return [read(fields.get(name, "")) for name, read in zip(names, corpus.oracle, strict=True)]


def _same(text: str | None, right: Any) -> bool:
    """Whether a value, as text, is what the oracle says."""
    if text is None or right is None:
        return text is right
    return float(text) == right if isinstance(right, float) else text == str(right)


def fuzz_predict(home: Path, damages: int, seed: int) -> Tally:
    """Predict damaged files of records; every line is answered as its record is, or set aside.

    Args:
        home: an empty folder.
        damages: about how many damages to make.
        seed: of the random choices.
    """
    ws = learnable(home)
    with pytest.MonkeyPatch.context() as patch:
        fake_store.__wrapped__(patch)
        train(ws, target(ws, "activity"), Plan(families=("logistic",)))
    predictor = Predictor("activity", ws)
    rows = customer_months().head(LINES)[["customer_id", *FEATURES]]
    whole = rows.to_csv(index=False).encode()
    chance, tally = random.Random(seed), Tally()
    with tqdm(total=damages, desc="predict") as bar:
        while tally.damages < damages:
            content = damaged(chance, whole, DAMAGES_PER_FILE)
            tally.damages += DAMAGES_PER_FILE
            bar.update(DAMAGES_PER_FILE)
            _predict(home, predictor, content, tally)
    return tally


def _predict(home: Path, predictor: Predictor, content: bytes, tally: Tally) -> None:
    path, output = home / "in.csv", home / "out.csv"
    path.write_bytes(content)
    output.unlink(missing_ok=True)
    try:
        done = predictor.predict_csv(path, output)
    except AlmanacError as error:
        tally.refused += 1
        if "\n" not in str(error) or output.exists():
            tally.wrong.append(f"refused with {error}: {content!r}")
        return
    except Exception as error:
        tally.wrong.append(f"{error!r} on {content!r}")
        return
    tally.read += done.predicted + done.rejected
    tally.accepted += done.predicted
    if b'"' in content:
        return
    with output.open(newline="", encoding="utf-8") as file:
        answers = {int(row["line"]): float(row["probability"]) for row in csv.DictReader(file)}
    columns, lines = _parts(content)
    for number, line in lines.items():
        tally.judged += 1
        record = _record(columns, line)
        answered = number in answers
        if answered != (record is not None):
            tally.wrong.append(f"{'answered' if answered else 'set aside'}: {line!r} of {columns}")
        elif record and not _is_close(predictor.predict(record)["probability"], answers[number]):
            tally.wrong.append(f"another answer than of {record}: {line!r}")
    if len(lines) != done.predicted + done.rejected:
        tally.wrong.append(f"{len(lines)} lines, {done} of {content!r}")


def _is_close(one: float, other: float) -> bool:
    # Linear algebra sums a batch in another order than a row.
    return math.isclose(one, other, rel_tol=1e-12)


def _record(columns: list[str], line: bytes) -> dict[str, Any] | None:
    """The record that a line means; None where it is none."""
    try:
        fields = _fields(columns, line)
        record: dict[str, Any] = {
            name: text if name == "customer_id" else an_input(text) for name, text in fields.items()
        }
    except (WrongFieldError, UnicodeDecodeError):
        return None
    # Any text but none names a record.
    is_named = record.get("customer_id") != ""
    known = [each for name, each in record.items() if name != "customer_id" and each is not None]
    return record if is_named and known else None


def main() -> None:
    """Parse the arguments, damage and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--damages", type=int, default=20_000, help="of each of the three kinds")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for corpus in (TRANSACTIONS, SITE):
            home = Path(folder, corpus.name)
            home.mkdir()
            print(corpus.name, fuzz_landing(home, corpus, asked.damages, asked.seed), flush=True)
        home = Path(folder, "predict")
        print("ml predict", fuzz_predict(home, asked.damages, asked.seed), flush=True)


if __name__ == "__main__":
    main()
