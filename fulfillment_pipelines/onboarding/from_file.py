"""See sample files as lists of fields: CSV, Excel, JSON Lines, XML and Parquet, read as the transport does."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import pyarrow as pa
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from pyarrow import parquet

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, SampledSystem, Written
from fulfillment_pipelines.systems.transports.files.json_lines import read_json_lines
from fulfillment_pipelines.systems.transports.files.records import FileRecords, UnreadableFileError
from fulfillment_pipelines.systems.transports.files.text import guessed_encoding
from fulfillment_pipelines.systems.transports.files.workbook import header_rows, read_workbook
from fulfillment_pipelines.systems.transports.files.xml_records import read_xml

_LARGEST_BYTES: Final = 64 * 1024 * 1024
_DELIMITERS: Final = ",;\t|"
_STAMP: Final = re.compile(r"\d{8}(T?\d{4,6}Z?)?|\d{4}-\d{2}-\d{2}(T\d{2}-?\d{2}(-?\d{2})?Z?)?")
_DIGITS: Final = re.compile(r"\d+")
_BYTE_ORDER_MARK: Final = "\ufeff"

_Sample = tuple[Mapping[str, Written], tuple[SampledField, ...]]
_Samples = Mapping[str, _Sample]
"""What a file holds by the name of its sheet; by an empty name where it holds one list."""


def sample_files(name: str, paths: Sequence[Path], *, rows: int) -> SampledSystem:
    """Return what sample files show of a system that drops files.

    Args:
        name: Declared name of the system.
        paths: One sample of each kind of file.
        rows: How many records of each are looked at.

    Raises:
        ConfigurationError: A file is not there, is too large, or is of no known kind.
        BadDataError: A file cannot be read as what its name says.
    """
    reference = f"{name.upper()}_DIRECTORY"
    return SampledSystem(
        transport={"kind": "files", "directory": {"ref": reference}},
        references={reference: "the folder it drops its files into: a path, or a URL such as sftp://host/outbox"},
        entities=tuple(entity for path in paths for entity in _entities(path, rows)),
    )


def _entities(path: Path, rows: int) -> list[SampledEntity]:
    """What a file holds: one list, or one for each sheet of a workbook."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ConfigurationError(
            f"{path} is of no kind that can be looked at.",
            expected=f"a file that ends in {', '.join(_READERS)}",
            found=path.suffix or "no ending",
            remedy="give the sample an ending that says its format",
        )
    try:
        samples = read(_content(path))
    except (UnreadableFileError, pa.ArrowException, ParseError, DefusedXmlException, ValueError) as error:
        raise BadDataError(
            f"{path} cannot be read.",
            expected=f"a whole file of the kind {path.suffix.lstrip('.')}",
            found=str(error).split("\n", maxsplit=1)[0],
            remedy="give another sample, or another ending if it is of another kind",
        ) from error
    name = _STAMP.sub(" ", path.stem).strip(" _-.") or path.stem
    return [
        SampledEntity(
            name=f"{name} {sheet}".strip(),
            fields=tuple(
                SampledField(field.name, field.values[:rows], instant=field.instant, number=field.number)
                for field in fields
            ),
            address={"path": _pattern(path), **address, **_as_of(path)},
        )
        for sheet, (address, fields) in samples.items()
    ]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigurationError(
                f"{path} is too large for a sample.",
                expected=f"at most {_LARGEST_BYTES // 1024 // 1024} MiB",
                found=f"{path.stat().st_size // 1024 // 1024} MiB",
                remedy="give a part of it",
            )
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The sample {path} cannot be read.",
            expected="a file",
            found=error.strerror or type(error).__name__,
            remedy="correct the path",
        ) from error


def _pattern(path: Path) -> str:
    """The names of all files of the kind: what changes from file to file is left open."""
    stamped = _STAMP.sub("*", path.stem)
    return f"{stamped if stamped != path.stem else _DIGITS.sub('*', path.stem)}{path.suffix}"


def _as_of(path: Path) -> Mapping[str, Written]:
    found = _STAMP.search(path.stem)
    if found is None:
        return {}
    before, after = re.escape(path.stem[: found.start()]), re.escape(path.stem[found.end() :] + path.suffix)
    return {"as_of": {"file_name": f"{before}([0-9TZ-]+){after}"}}


def _read_csv(content: bytes) -> _Samples:
    encoding = guessed_encoding(content) or "utf-8"
    text = content.decode(encoding).removeprefix(_BYTE_ORDER_MARK)
    first = text.split("\n", maxsplit=1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if not lines:
        raise UnreadableFileError("a file with rows", "an empty file")
    header = [cell.strip() for cell in lines[0]]
    named = all(header) and not any(_DIGITS.fullmatch(cell) for cell in header)
    names = header if named else [f"column_{number}" for number in range(1, len(header) + 1)]
    body = lines[1:] if named else lines
    columns = {name: tuple(row[at] if at < len(row) else None for row in body) for at, name in enumerate(names)}
    address: dict[str, Written] = {"format": "csv", "delimiter": delimiter, "encoding": encoding}
    return {"": ({**address, **({} if named else {"header": False})}, _fields(columns))}


def _read_excel(content: bytes) -> _Samples:
    found: dict[str, _Sample] = {}
    headers = header_rows(content, most_bytes=_LARGEST_BYTES)
    for sheet in filter(headers.get, headers):
        row, only = headers[sheet], len(headers) == 1
        read = partial(read_workbook, content, sheet=sheet, header_row=row, most_bytes=_LARGEST_BYTES)
        wanted = sorted(read(()).fields)
        address: dict[str, Written] = {"format": "excel", **({} if only else {"sheet": sheet})}
        found["" if only else sheet] = (
            {**address, **({"header_row": row} if row > 1 else {})},
            _recorded(read(wanted), wanted),
        )
    if not found:
        raise UnreadableFileError("a workbook with rows", "empty sheets")
    return found


def _read_json_lines(content: bytes) -> _Samples:
    text = content.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    wanted = sorted(read_json_lines(text, ()).fields)
    return {"": ({"format": "jsonl"}, _recorded(read_json_lines(text, wanted), wanted))}


def _read_xml(content: bytes) -> _Samples:
    records = _repeated(ElementTree.fromstring(content, forbid_dtd=True))
    wanted = sorted(read_xml(content, records, ()).fields)
    return {"": ({"format": "xml", "records": records}, _recorded(read_xml(content, records, wanted), wanted))}


def _repeated(root: Any) -> str:
    """The path of the elements that stand there most often: they are the records."""
    counts: Counter[str] = Counter()

    def count(element: Any, path: str) -> None:
        for child in element:
            below = f"{path}/{child.tag.rsplit('}', 1)[-1]}".lstrip("/")
            if len(child) or child.attrib:
                counts[below] += 1
                count(child, below)

    count(root, "")
    if not counts:
        raise UnreadableFileError("an XML document with records that have fields", "none")
    most = max(counts.values())
    return next(path for path, number in counts.items() if number == most)


def _read_parquet(content: bytes) -> _Samples:
    table = parquet.read_table(io.BytesIO(content))
    fields = [
        SampledField(
            column.name,
            tuple(None if value is None else str(value) for value in table.column(column.name).to_pylist()),
            instant=pa.types.is_temporal(column.type),
            number=pa.types.is_integer(column.type)
            or pa.types.is_floating(column.type)
            or pa.types.is_decimal(column.type),
        )
        for column in table.schema
    ]
    return {"": ({"format": "parquet"}, tuple(fields))}


def _recorded(found: FileRecords, wanted: Sequence[str]) -> tuple[SampledField, ...]:
    return _fields({name: tuple(found.columns[name]) for name in wanted})


def _fields(columns: Mapping[str, tuple[str | None, ...]]) -> tuple[SampledField, ...]:
    return tuple(SampledField(name, values) for name, values in columns.items())


_READERS: Final[Mapping[str, Callable[[bytes], _Samples]]] = {
    ".csv": _read_csv,
    ".txt": _read_csv,
    ".tsv": _read_csv,
    ".xlsx": _read_excel,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".xml": _read_xml,
    ".parquet": _read_parquet,
}
