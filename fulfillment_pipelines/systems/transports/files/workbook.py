"""Read one sheet of an Excel workbook: numbers and dates as exact text, errors as errors.

Cells hold binary numbers; the shortest decimal that is the same number is what a person typed. A cell that holds an
error (`#N/A`) has no value, and its row is not passed on as if it had.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.transports.files.records import (
    BrokenRecord,
    FileRecords,
    UnreadableFileError,
    records_of_rows,
)

_WHAT: Final = "a whole Excel workbook (.xlsx)"
_CELL_NAME: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_MOST_CELLS: Final = 32 * 1024 * 1024
"""Of the rectangle that a sheet spans: its reader holds all of it, and ends the process when it does not fit."""

_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    ParseError,
    DefusedXmlException,
    KeyError,
    ValueError,
    RuntimeError,  # of an encrypted archive
    OSError,
    EOFError,
)
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_workbook(
    content: bytes, wanted: Sequence[str], *, sheet: str = "", header_row: int = 1, most_bytes: int
) -> FileRecords:
    """Return the rows below the header of a sheet; rows without any value are passed over.

    Args:
        content: The workbook.
        wanted: Names of columns.
        sheet: Name of the sheet; empty for the only one.
        header_row: One-based row of the names.
        most_bytes: The largest size that it may unpack to.

    Raises:
        UnreadableFileError: It is no workbook or not whole, is too large, lacks the sheet, or names a wanted column
            twice.
        ConfigurationError: What reads workbooks is not installed.
    """
    outline = _outlined(content, sheet, most_bytes)
    cells = _cells(content, sheet)
    if len(cells) < header_row:
        raise UnreadableFileError(f"a sheet whose row {header_row} names its columns", f"{len(cells)} rows")
    names = [(_text(value) or "").strip() for value in cells[header_row - 1]]
    twice = [name for name, count in Counter(names).items() if count > 1 and name in wanted]
    if twice:
        raise UnreadableFileError("a sheet that names each column once", f"{', '.join(twice)} twice")
    rows: list[Mapping[str, str | None]] = []
    broken: list[BrokenRecord] = []
    for number, values in enumerate(cells[header_row:], start=header_row + 1):
        row = {name: _text(value) for name, value in zip(names, values, strict=True) if name}
        if number in outline.rows_with_errors:
            text = ", ".join(value for value in row.values() if value is not None)
            broken.append(BrokenRecord(number, "a cell holds an error in place of a value", text))
        elif any(value is not None for value in row.values()):
            rows.append(row)
    found = records_of_rows(rows, wanted, broken)
    return FileRecords(frozenset(name for name in names if name), found.columns, found.broken, found.undeclared)


def header_rows(content: bytes, *, most_bytes: int) -> dict[str, int]:
    """Return every sheet with the row that seems to name its columns, the first wide one; 0 for an empty sheet.

    Args:
        content: The workbook.
        most_bytes: The largest size that it may unpack to.

    Raises:
        UnreadableFileError: It is no workbook or not whole, or is too large.
        ConfigurationError: What reads workbooks is not installed.
    """
    found: dict[str, int] = {}
    for sheet in _sheets(content):
        _outlined(content, sheet, most_bytes)
        filled = [sum(value != "" for value in row) for row in _cells(content, sheet)]
        widest = max(filled, default=0)
        found[sheet] = next((number for number, count in enumerate(filled, start=1) if count * 2 > widest), 0)
    return found


def _sheets(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return list(_named_sheets(archive))
    except _BROKEN as error:
        raise UnreadableFileError(_WHAT, str(error) or type(error).__name__) from error


def _cells(content: bytes, sheet: str) -> list[list[Any]]:
    try:
        import python_calamine  # noqa: PLC0415 - it is optional, and only a workbook needs it
    except ImportError as error:
        raise ConfigurationError(
            "An Excel workbook came, and what reads workbooks is not installed.",
            expected="the package python-calamine",
            found="none",
            remedy="pip install 'fulfillment-pipelines[excel]'",
        ) from error
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        return book.get_sheet_by_name(sheet or book.sheet_names[0]).to_python(skip_empty_area=False)
    except python_calamine.CalamineError as error:
        raise UnreadableFileError(_WHAT, str(error) or type(error).__name__) from error


class _Outline:
    """What a sheet spans, and where it holds errors: its reader shows a cell with an error as an empty one."""

    def __init__(self) -> None:
        self.last_row = 0
        self.last_column = 0
        self.rows_with_errors: set[int] = set()
        self._row = 0
        self._column = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take note of an element."""
        match tag.rpartition(":")[2]:
            case "row":
                self._row = int(attributes.get("r", self._row + 1))
                self._column = 0
            case "c":
                self._place(attributes.get("r"))
                self.last_row = max(self.last_row, self._row)
                self.last_column = max(self.last_column, self._column)
                if attributes.get("t") == "e":
                    self.rows_with_errors.add(self._row)

    def refuse_document_type(self, *_: object) -> None:
        """Let no entity in."""
        raise ValueError("it declares a document type")

    def _place(self, name: str | None) -> None:
        if name is None:
            self._column += 1
            return
        found = _CELL_NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"a cell is named {name[:20]}")
        self._row = int(found[2])
        self._column = 0
        for letter in found[1]:
            self._column = self._column * 26 + ord(letter) - ord("A") + 1


def _outlined(content: bytes, sheet: str, most_bytes: int) -> _Outline:
    outline = _Outline()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > most_bytes:
                raise UnreadableFileError(f"a workbook that unpacks to at most {most_bytes} bytes", "more")
            part = archive.read(_part_of_sheet(archive, sheet))
        parser = expat.ParserCreate()
        parser.StartElementHandler = outline.start
        parser.StartDoctypeDeclHandler = outline.refuse_document_type
        parser.Parse(part, True)
    except _BROKEN as error:
        raise UnreadableFileError(_WHAT, str(error) or type(error).__name__) from error
    if outline.last_row * outline.last_column > _MOST_CELLS:
        raise UnreadableFileError(
            f"a sheet of at most {_MOST_CELLS} cells",
            f"{outline.last_row} rows of {outline.last_column}: perhaps one cell far away from the others",
        )
    return outline


def _part_of_sheet(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the archive's part that holds a sheet."""
    sheets = _named_sheets(archive)
    if sheet not in sheets and (sheet or len(sheets) != 1):
        wanted = f"a workbook with a sheet '{sheet}'" if sheet else "a workbook with one sheet, or `sheet` declared"
        raise UnreadableFileError(wanted, ", ".join(sheets) or "no sheet")
    relation = sheets[sheet or next(iter(sheets))]
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"), forbid_dtd=True)
    target = next((str(found.get("Target")) for found in relations.iter() if found.get("Id") == relation), "")
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _named_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the sheets by name, each with the relation that leads to its part."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"), forbid_dtd=True)
    return {str(found.get("name")): str(found.get(_RELATION)) for found in book.iter() if found.tag.endswith("}sheet")}


def _text(value: Any) -> str | None:
    """Return a cell as text: numbers without an exponent, dates and times in ISO 8601, an empty one as nothing."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            number = Decimal(repr(value))
            return f"{number.to_integral_value() if number == number.to_integral_value() else number:f}"
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            hours, seconds = divmod(int(value.total_seconds()), 3600)
            return f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    return str(value) or None
