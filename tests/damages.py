"""Random damages to a delimited file: bytes, fields, lines, quotes, line ends."""

import random
import re

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
