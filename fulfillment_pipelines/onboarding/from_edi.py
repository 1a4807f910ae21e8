"""See a folder of X12 documents as lists of fields: what the usual places of each kind of document hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from fulfillment_pipelines.canonical.contracts import contract_named
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, SampledSystem, Written
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.systems.declaration.edi import EdiEntity, EdiRows
from fulfillment_pipelines.systems.declaration.parts import Declared
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Interchange
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges
from fulfillment_pipelines.systems.yaml_file import read_yaml

_LARGEST_BYTES: Final = 64 * 1024 * 1024
_MOST_FILES: Final = 1000
_SHOWN_FILES: Final = 3


class EdiLayout(Declared):
    """Where one contract's columns usually stand.

    Attributes:
        contract: The contract.
        rows: What makes a row.
        elements: Column to the places where it may stand, the usual one first.
    """

    contract: str
    rows: tuple[EdiRows, ...]
    elements: Mapping[str, str | tuple[str, ...]]


_LAYOUTS: Final = TypeAdapter(tuple[EdiLayout, ...])


def sample_documents(name: str, folder: Path, *, rows: int) -> SampledSystem:
    """Return what a folder of X12 documents shows of a trading partner or a gateway.

    Args:
        name: Declared name of the system.
        folder: The folder; folders in it are looked into as well.
        rows: How many rows of each kind are looked at.

    Raises:
        ConfigurationError: There is no such folder, or nothing in it is X12.
    """
    documents, unread = _documents(folder)
    if not documents:
        raise ConfigurationError(
            f"No X12 document was found in {folder}.",
            expected="files with interchanges that begin with ISA",
            found=f"{len(unread)} other files" if folder.is_dir() else "no such folder",
            remedy="correct the folder, or write the declaration by hand (docs/edi.md)",
        )
    shipped = Path(str(files("fulfillment_pipelines.onboarding") / "edi_layouts.yaml"))
    layouts = read_yaml(shipped, _LAYOUTS, what="file of EDI layouts")
    reference = f"{name.upper()}_DIRECTORY"
    kinds = Counter(document.type for document in documents)
    placed = {kind for layout in layouts for row in layout.rows for kind in row.documents}
    return SampledSystem(
        transport={"kind": "files", "directory": {"ref": reference}},
        references={reference: "the folder the documents are in: a path, or a URL such as sftp://host/in"},
        entities=tuple(_entities(layouts, documents, _pattern(folder), rows)),
        remarks=(
            *(f"left out: {count} documents {kind}" for kind, count in sorted(kinds.items()) if kind not in placed),
            *([_told(unread)] if unread else []),
        ),
    )


def _told(unread: Sequence[str]) -> str:
    more = f" and {len(unread) - _SHOWN_FILES} more" if len(unread) > _SHOWN_FILES else ""
    return f"left out: no X12: {', '.join(unread[:_SHOWN_FILES])}{more}"


def _documents(folder: Path) -> tuple[list[Document], list[str]]:
    documents: list[Document] = []
    unread: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file())[:_MOST_FILES]:
        text = path.read_bytes()[:_LARGEST_BYTES].decode("utf-8", errors="replace")
        whole = (read for read in read_interchanges(text) if isinstance(read, Interchange))
        found = [document for interchange in whole for document in interchange.documents]
        documents += found
        if not found:
            unread.append(path.name)
    return documents, unread


def _pattern(folder: Path) -> str:
    """The names of all such files; those in folders below are found by a star of their own."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    endings = {path.suffix for path in paths}
    depths = {len(path.parts) for path in paths}
    below = "*/" * (max(depths) - 1) if len(depths) == 1 else ""
    return f"{below}*{endings.pop() if len(endings) == 1 else ''}"


def _entities(
    layouts: Sequence[EdiLayout], documents: Sequence[Document], pattern: str, rows: int
) -> Iterator[SampledEntity]:
    for layout in layouts:
        kinds = {kind for row in layout.rows for kind in row.documents}
        own = [document for document in documents if document.type in kinds]
        if own:
            yield _entity(layout, own, pattern, rows)


def _entity(layout: EdiLayout, documents: Sequence[Document], pattern: str, rows: int) -> SampledEntity:
    spoken = {document.type for document in documents}
    read_as: dict[str, Any] = {
        "contract": layout.contract,
        "path": pattern,
        "format": "x12",
        "rows": [_row(row) for row in layout.rows if spoken.intersection(row.documents)],
        "elements": {name: _listed(places) for name, places in layout.elements.items()},
        "key": [next(iter(layout.elements))],
    }
    declared = EdiEntity.model_validate(read_as)
    found = [record for document in documents for record in records_of(document, declared.layout)][:rows]
    values = {name: tuple(record[name] for record in found) for name in declared.fields}
    filled = [name for name in declared.fields if any(values[name])]
    elements: dict[str, Written] = {name: layout.elements[name] for name in filled}
    return SampledEntity(
        name=contract_named(layout.contract).name,
        fields=tuple(SampledField(name, values[name]) for name in filled),
        address={"path": pattern, "format": "x12", "rows": tuple(read_as["rows"]), "elements": elements},
    )


def _row(row: EdiRows) -> dict[str, Written]:
    written: dict[str, Written] = {"documents": row.documents}
    if row.segment:
        written["segment"] = row.segment
    if row.level:
        written["level"] = row.level
    return {**written, "ends": row.ends} if row.ends else written


def _listed(places: str | tuple[str, ...]) -> list[str]:
    return [places] if isinstance(places, str) else list(places)
