"""Read records from an XML document: elements at a path, their attributes and descendants as fields.

Document types are refused, so that no entity can be declared: neither bombs nor files of this machine get in.
Namespaces are left out of all names: a partner's prefix is not part of what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser as CarefulParser

from fulfillment_pipelines.systems.transports.files.records import (
    BrokenRecord,
    FileRecords,
    UnreadableFileError,
    records_of_rows,
)

MOST_DEPTH: Final = 64
"""Elements within a record; no business document is nested deeper."""

_PROLOG_BYTES: Final = 4096
_SHOWN_CHARACTERS: Final = 500


def read_xml(content: bytes, path: str, wanted: Sequence[str]) -> FileRecords:
    """Return the records of a document.

    Args:
        content: The document; it says its encoding itself.
        path: Names of elements below the root, with slashes, down to the records.
        wanted: Fields as paths from a record: `@id`, `customer/name`, `customer/@id`, `.` for the record's own text,
            `../@number` for what is above it.

    Raises:
        UnreadableFileError: It is not well-formed, declares a document type, is nested too deep, or has other
            elements where the records should be.
    """
    steps = [step for step in path.split("/") if step]
    root = _parsed(content)
    rows: list[dict[str, str | None]] = []
    broken: list[BrokenRecord] = []
    above = [name for name in wanted if name.startswith("../")]
    for number, chain in enumerate(_records([root], steps), start=1):
        row: dict[str, str | None] = {}
        repeated: set[str] = set()
        _gather(chain[-1], "", row, repeated)
        for name in above:
            for value in _values_above(chain, name):
                _put(name, value, row, repeated)
        if repeated.isdisjoint(wanted):
            rows.append(row)
        else:
            problem = f"{', '.join(sorted(repeated.intersection(wanted)))} stands there more than once"
            broken.append(BrokenRecord(number, problem, tostring(chain[-1], encoding="unicode")[:_SHOWN_CHARACTERS]))
    if not rows and not broken:
        _require_empty(root, steps)
    return records_of_rows(rows, wanted, broken)


def _parsed(content: bytes) -> Element:
    try:
        _refuse_document_type(content)
        root = fromstring(content)  # noqa: S314 - a document type, where all of XML's bombs are, was refused above
    except DefusedXmlException as error:
        raise UnreadableFileError("an XML document without a document type", type(error).__name__) from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableFileError("a whole XML document", str(error)) from error
    for element in root.iter():
        element.tag = _bare(element.tag)
        for name in [name for name in element.keys() if name.startswith("{")]:  # noqa: SIM118 - an element is no mapping
            element.set(_bare(name), element.attrib.pop(name))
    return root


class _RootReachedError(Exception):
    """What comes before the first element was read."""


class _StopAtRoot:
    """A target that ends the reading at the first element: no document type comes after it."""

    def start(self, _tag: str, _attributes: dict[str, str]) -> None:
        raise _RootReachedError

    def close(self) -> None:
        """Do nothing: what holds no element is told by who reads all of it."""


def _refuse_document_type(content: bytes) -> None:
    """Read what comes before the first element with the careful parser; it is a slow one."""
    parser = CarefulParser(target=_StopAtRoot(), forbid_dtd=True)
    try:
        for start in range(0, len(content), _PROLOG_BYTES):
            parser.feed(content[start : start + _PROLOG_BYTES])
        parser.close()
    except _RootReachedError:
        return


def _records(chain: list[Element], steps: Sequence[str]) -> Iterator[list[Element]]:
    """Yield each record with the elements above it, the root first."""
    if not steps:
        yield chain
        return
    for child in chain[-1].findall(steps[0]):
        yield from _records([*chain, child], steps[1:])


def _require_empty(root: Element, steps: Sequence[str]) -> None:
    """No records are no news, but for a document that now calls them something else."""
    holders = [chain[-1] for chain in _records([root], steps[:-1])]
    others = sorted({child.tag for holder in holders for child in holder})
    if not holders or others:
        raise UnreadableFileError(f"an XML document with records at '{'/'.join(steps)}'", ", ".join(others) or "none")


def _gather(element: Element, path: str, row: dict[str, str | None], repeated: set[str]) -> None:
    """Put down every field of an element: its attributes, its text, and those of the elements in it."""
    if path.count("/") > MOST_DEPTH:
        raise UnreadableFileError(f"an XML document of at most {MOST_DEPTH} levels below a record", "a deeper one")
    for name, value in element.items():
        _put(f"{path}@{name}", value.strip() or None, row, repeated)
    text = (element.text or "").strip()
    if text or not len(element):
        _put(path[:-1] or ".", text or None, row, repeated)
    for child in element:
        _gather(child, f"{path}{child.tag}/", row, repeated)


def _put(name: str, value: str | None, row: dict[str, str | None], repeated: set[str]) -> None:
    if name in row:
        repeated.add(name)
    row[name] = value


def _values_above(chain: Sequence[Element], name: str) -> Iterator[str | None]:
    levels = 0
    while name.startswith("../"):
        levels, name = levels + 1, name.removeprefix("../")
    *steps, last = name.split("/")
    within = [chain[-1 - levels]] if levels < len(chain) else []
    for step in steps:
        within = [child for parent in within for child in parent.findall(step)]
    for parent in within:
        if last.startswith("@"):
            yield from (value.strip() or None for value in [parent.get(last[1:])] if value is not None)
        else:
            yield from ((child.text or "").strip() or None for child in parent.findall(last))


def _bare(name: str) -> str:
    return name.rsplit("}", 1)[-1]
