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
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from ml import Predictor
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from tests.landed import EVENTS, SESSIONS, Company
from tests.learnable import FEATURES, customer_months, fake_store, learnable
from tests.workspaces import make_workspace

LINES = 20
DAMAGES_PER_FILE = 4
Row = tuple[Any, ...]

# Fields that somebody once wrote where a number, a time or an id was expected.
ODD = [
    "", "0", "-0", "+5", ".5", "5.", "1e3", "1E400", "1e308", "-1e15", "nan", "NaN", "inf",
    "-Infinity", "1_000", "1,5", "1,234", "1.234,5", "1 000", "12.5.6", "--5", "5-", "0x10",
    "\u0663", "\uff15", "2 pcs", "NULL", "None", "null", "N/A", "#REF!", "true", "\u0434\u0430",
    "2024-01-05", "2024-1-5", "05.01.2024", "01/02/24", "2024-01-05 10:00", "2024-01-05T10:00:00Z",
    "2024-01-05 24:00:00", "2024-01-05 23:59:60", "2024-02-30", "2023-02-29", "2124-01-01",
    "9999-12-31", "0001-01-01", "1989-12-31 23:59:59", "2024-01-05 10:00:00+05:30",
    "2024-01-05 10:00:00 -0300", "2024-01-05 10:00:00+15", "2024-01-05 01:00:00 PM",
    "2024-01-05 10:00:00 EST", "2024-01-05t10:00:00.123456789z", "2024-01-05 (BC)", "infinity",
    "epoch", "1704448800", "=1+1", "@SUM(1)", "a b", "a\tb", "\xe9", "e\u0301", "\u200b",
    "\xa0c1\xa0", "a\u202eb", "\U0001f600", "'", "\\", "\\N", "%s", "{x}", "$(x)",
    "';drop table x;--",
]  # fmt: skip

DAY = r"(\d{4})-(\d\d)-(\d\d)"
TIME = re.compile(
    DAY + r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?: ?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?))?)?",
    re.ASCII | re.IGNORECASE,
)
NUMBER = re.compile(
    r"[+-]?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d*)?(?:e[+-]?\d{1,3})?"
    r"|[+-]?\.\d+(?:e[+-]?\d{1,3})?",
    re.ASCII | re.IGNORECASE,
)
EARLIEST, LATEST = datetime(1990, 1, 1), datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


class WrongFieldError(ValueError):
    """The oracle does not take a field."""


def the_id(text: str) -> str:
    """The id that a text means."""
    found = text.strip(" \xa0")
    if not found or any(unicodedata.category(sign) in ("Cc", "Cf") for sign in found):
        raise WrongFieldError(text)
    return found


def the_time(text: str) -> datetime:
    """The moment (UTC) that a text means."""
    match = TIME.fullmatch(text.strip(" "))
    if not match:
        raise WrongFieldError(text)
    year, month, day, hour, minute, second, fraction, _, sign, far, further = match.groups()
    if far and int(far) > 14:
        raise WrongFieldError(text)
    try:
        moment = datetime(
            *(int(each or 0) for each in (year, month, day, hour, minute, second)),
            int((fraction or "").ljust(6, "0")[:6]),
        )
    except ValueError as error:
        raise WrongFieldError(text) from error
    if int(further or 0) > 59:
        raise WrongFieldError(text)
    offset = timedelta(hours=int(far or 0), minutes=int(further or 0))
    moment -= -offset if sign == "-" else offset
    if not EARLIEST <= moment <= LATEST:
        raise WrongFieldError(text)
    return moment


def the_number(text: str) -> float:
    """The number that a text means, with a decimal point."""
    if not NUMBER.fullmatch(text.strip(" ")):
        raise WrongFieldError(text)
    found = float(text.strip(" ").replace(",", ""))
    if not abs(found) < 1e15:
        raise WrongFieldError(text)
    return found


def a_count(text: str) -> float | None:
    """A number that is not below zero, or none."""
    found = None if not text.strip(" ") else the_number(text)
    if found is not None and found < 0:
        raise WrongFieldError(text)
    return found


def an_amount(text: str) -> float | None:
    """A number, or none."""
    return None if not text.strip(" ") else the_number(text)


def a_text(text: str) -> str | None:
    """A text, or none."""
    return text.strip(" ") or None


def a_purchase(text: str) -> float | None:
    """0, 1 or none."""
    found = an_amount(text)
    if found not in (None, 0, 1):
        raise WrongFieldError(text)
    return found


@dataclass(frozen=True)
class Corpus:
    """Files of one kind: header, how a line is made, the oracle of each field, and the query."""

    name: str
    header: str
    make: Callable[[random.Random, int], list[str]]
    oracle: tuple[Callable[[str], Any], ...]
    columns: str
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
    EVENTS, tuple(f"transactions/{number}.csv" for number in range(5)),
)  # fmt: skip
SITE = Corpus(
    "stg_retailtech__sessions", SESSIONS, _session,
    (the_id, a_count, a_count, an_amount, a_text, a_text, a_purchase), SESSIONS,
    ("raw_customer_data.csv",),
)  # fmt: skip


def damaged(chance: random.Random, text: bytes, times: int) -> bytes:
    """The file with so many random damages below its header; its header is hit now and then."""
    for _ in range(times):
        lines = re.split(rb"(?<=\n)", text)
        number = 0 if chance.random() < 0.02 else chance.randrange(1, max(2, len(lines)))
        number = min(number, len(lines) - 1)
        lines[number] = _damaged_line(chance, lines[number])
        if chance.random() < 0.03:
            lines[number:number] = [lines[chance.randrange(1, len(lines))]]
        text = b"".join(lines)
    return text


def _damaged_line(chance: random.Random, line: bytes) -> bytes:
    if chance.random() < 0.5:
        fields = line.rstrip(b"\r\n").split(b",")
        place = chance.randrange(len(fields))
        fields[place] = chance.choice(
            [
                chance.choice(ODD).encode(),
                b" " + fields[place] + b" ",
                b'"' + fields[place] + b'"',
                b"",
                fields[place] * chance.choice([2, 9, 2000]),
                fields[chance.randrange(len(fields))],
            ]
        )
        if chance.random() < 0.1:
            fields.insert(place, b"x")
        elif chance.random() < 0.1:
            del fields[place]
        return b",".join(fields) + chance.choice([b"\n"] * 8 + [b"\r\n", b"\n\n"])
    place = chance.randrange(len(line) + 1)
    signs = [b'"', b",", b";", b"\t", b"\r", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"-", b"."]
    signs += [bytes([chance.randrange(256)])]
    return chance.choice(
        [
            line[:place] + chance.choice(signs) + line[place:],
            line[:place] + line[place + 1 :],
            line[:place] + chance.choice(signs) + line[place + 1 :],
            line[:place] + b"\n",
        ]
    )


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
    return ", ".join(f"cast({column} as varchar)" for column in corpus.columns.split(","))


def _judge_lines(corpus: Corpus, content: bytes, rows: Mapping[int, Row], tally: Tally) -> None:
    lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    expected = {
        number for number, line in enumerate(lines, 1) if line.decode(errors="replace").strip()
    }
    if rows.keys() != expected - {1}:
        tally.wrong.append(f"lines {sorted(rows.keys() ^ (expected - {1}))} of {content!r}")
        return
    columns = lines[0].decode().split(",")
    seen: set[str] = set()
    for number in sorted(rows):
        reason, values = rows[number]
        tally.judged += 1
        try:
            right = _oracle(corpus, columns, lines[number - 1], seen)
        except (WrongFieldError, UnicodeDecodeError):
            if reason is None:
                tally.wrong.append(f"accepted as {values}: {lines[number - 1]!r}")
            continue
        if reason is not None:
            tally.wrong.append(f"set aside, {reason}: {lines[number - 1]!r}")
        elif not all(map(_same, values, right)):
            tally.wrong.append(f"{values} is not {right}: {lines[number - 1]!r}")


def _oracle(corpus: Corpus, columns: list[str], line: bytes, seen: set[str]) -> list[Any]:
    fields = line.decode().split(",")
    if len(fields) == len(columns) + 1 and not fields[-1]:
        fields.pop()
    if len(fields) != len(columns):
        raise WrongFieldError(line)
    by_name = dict(zip((each.strip() for each in columns), fields, strict=True))
    if corpus is SITE:
        # A session is the first of its customer's, whether or not that one is right.
        customer = by_name["customer_id"].strip(" \xa0")
        if customer in seen:
            raise WrongFieldError(line)
        seen.add(customer)
    names = corpus.columns.split(",")
    return [read(by_name.get(name, "")) for name, read in zip(names, corpus.oracle, strict=True)]


def _is_there(line: bytes) -> bool:
    """Whether a line is not blank."""
    return bool(line.decode(errors="replace").strip())


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
    lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    columns = lines[0].decode().split(",")
    count = 0
    for number, line in enumerate(lines[1:], 2):
        if not _is_there(line):
            continue
        count += 1
        tally.judged += 1
        record = _record(columns, line)
        answered = number in answers
        if answered != (record is not None):
            tally.wrong.append(f"{'answered' if answered else 'set aside'}: {line!r} of {columns}")
        elif record and not _is_close(predictor.predict(record)["probability"], answers[number]):
            tally.wrong.append(f"another answer than of {record}: {line!r}")
    if count != done.predicted + done.rejected:
        tally.wrong.append(f"{count} lines, {done} of {content!r}")


def _is_close(one: float, other: float) -> bool:
    # Linear algebra sums a batch in another order than a row.
    return math.isclose(one, other, rel_tol=1e-12)


def _record(columns: list[str], line: bytes) -> dict[str, Any] | None:
    """The record that a line means; None where it is none."""
    try:
        fields = line.decode().split(",")
        if len(fields) == len(columns) + 1 and not fields[-1]:
            fields.pop()
        if len(fields) != len(columns):
            return None
        record: dict[str, Any] = {}
        for name, text in zip(columns, fields, strict=True):
            if name == "customer_id":
                # Any text but none names a record.
                if not text:
                    raise WrongFieldError(text)
                record[name] = text
            else:
                record[name] = _input(text)
    except (WrongFieldError, UnicodeDecodeError):
        return None
    known = [each for name, each in record.items() if name != "customer_id" and each is not None]
    return record if known else None


def _input(text: str) -> float | None:
    if not text:
        return None
    if not FLOAT.fullmatch(text.strip(" ")):
        raise WrongFieldError(text)
    found = np.float64(text)
    if abs(found) > np.finfo(np.float32).max:
        raise WrongFieldError(text)
    return float(found)


FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


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
