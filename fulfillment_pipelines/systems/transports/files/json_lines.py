"""Read JSON Lines: one object a line, numbers kept as the text they were sent as."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fulfillment_pipelines.systems.transports.files.records import BrokenRecord, FileRecords, records_of_rows

_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def read_json_lines(text: str, wanted: Sequence[str]) -> FileRecords:
    """Return the objects of a text; a line that is none is a broken record, and empty lines are passed over."""
    rows: list[dict[str, str | None]] = []
    broken: list[BrokenRecord] = []
    for number, line in _lines(text):
        try:
            record = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            broken.append(BrokenRecord(number, f"it is not JSON: {error}", line))
            continue
        if isinstance(record, dict):
            rows.append({name: _text(value) for name, value in record.items()})
        else:
            broken.append(BrokenRecord(number, "it is not an object", line))
    return records_of_rows(rows, wanted, broken)


def broken_last_line(text: str) -> str:
    """Return why the last line shows that the text was cut off; empty when it does not."""
    if text.endswith("\n") or not text:
        return ""
    last = text[text.rfind("\n") + 1 :]
    try:
        _DECODER.decode(last)
    except (ValueError, RecursionError):
        return f"its last line '{last[:40]}…' breaks off"
    return ""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(): JSON may hold the other line ends of Unicode as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if stripped := line.strip():
            yield number, stripped


def whole_characters(text: str) -> str:
    """Return a text in which halves of characters, as a sender leaves that cuts text short, are marked as lost."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return whole_characters(value)
    return None if value is None else json.dumps(value)
