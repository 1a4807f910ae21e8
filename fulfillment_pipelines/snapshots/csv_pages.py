"""Give the engine a CSV page that it reads right: in UTF-8, with one kind of line end.

The engine knows few encodings, and takes the first line end it sees for that of the whole file: a page whose lines end
in different ways, as spreadsheets write values of several lines, it would read as empty. The landed page stays as it
is; what the engine gets is a copy that is gone afterwards.
"""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_HEADER_CHARACTERS: Final = 1024 * 1024


def csv_header(text: str, delimiter: str) -> list[str]:
    """Return the names in the first record of a text, empty when there is none."""
    header = next(csv.reader(io.StringIO(text[:_HEADER_CHARACTERS], newline=""), delimiter=delimiter), [])
    return [name.strip() for name in header]


@contextmanager
def readable_csv(path: Path, text: str, *, encoding: str, delimiter: str) -> Iterator[Path]:
    """Yield a file that the engine can read.

    Args:
        path: The landed page.
        text: What it says, without its byte order mark.
        encoding: Of the landed page.
        delimiter: Between its values.

    Raises:
        csv.Error: Its lines end in different ways, and its quotes do not match.
    """
    is_uniform = _has_uniform_line_ends(text)
    if is_uniform and codecs.lookup(encoding).name in {"utf-8", "ascii"}:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes((text if is_uniform else _with_uniform_line_ends(text, delimiter)).encode())
        yield copy


def _has_uniform_line_ends(text: str) -> bool:
    pairs, feeds, returns = text.count("\r\n"), text.count("\n"), text.count("\r")
    return (feeds == pairs == returns) or (pairs == 0 and (feeds == 0 or returns == 0))


def _with_uniform_line_ends(text: str, delimiter: str) -> str:
    if '"' not in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    written = io.StringIO(newline="")
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows(records)
    return written.getvalue()
