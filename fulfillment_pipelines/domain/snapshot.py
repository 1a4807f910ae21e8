"""What a system gave us: the scope that was asked for, the pages that came, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fulfillment_pipelines.domain.edi import DocumentLayout


class Role(StrEnum):
    """What a system is to the distributor; authority per attribute follows from it (domain book §2.4)."""

    ERP = "erp"
    WMS = "wms"
    FINANCE = "finance"
    CHANNEL = "channel"
    CARRIER = "carrier"
    CRM = "crm"


class PageFormat(StrEnum):
    """How the bytes of a page are to be read; a page of X12 or EDIFACT is a ZIP archive of the files as they were."""

    JSON = "json"
    CSV = "csv"
    FIXED_WIDTH = "fixed_width"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"
    EXCEL = "excel"
    XML = "xml"
    X12 = "x12"
    EDIFACT = "edifact"


class FeedState(StrEnum):
    """What a feed's last pull allows its readers to believe."""

    OK = "OK"
    STALE = "STALE"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pull asks for: everything, or what changed since a cursor, or a set of keys.

    Attributes:
        since: The cursor value of the last complete pull, as the system wrote it; None asks for all.
        keys: Source keys to read again; empty asks for all.
        most_rows: Of what changed since a cursor, about so many rows at most; what is left comes with the next cursor.
            None for all.
        leaves_room: Whether corrections may go out meanwhile, to which half of a declared rate is left.
    """

    since: str | None = None
    keys: tuple[str, ...] = ()
    most_rows: int | None = None
    leaves_room: bool = False

    @property
    def everything(self) -> bool:
        """Whether rows that are absent from the answer no longer exist in the system."""
        return self.since is None and not self.keys


@dataclass(frozen=True, slots=True)
class PageLayout:
    """How the records lie in a page.

    Attributes:
        format: How the bytes are to be read.
        fields: The source's own names of the fields that are kept.
        records_path: Where the list of records is in a JSON page, in dots, empty where the page is the list; where the
            records are in an XML page, in slashes below its root.
        widths: Width of each field of a fixed-width line, in order.
        delimiter: Between the fields of a CSV line.
        encoding: Of a text file.
        trailer_prefix: How the line that ends a file begins; empty where there is none.
        has_header: Whether a CSV file begins with the names of its fields; else they are `fields` in order.
        sheet: Of an Excel workbook; empty for the only one.
        header_row: One-based row of the sheet that names the fields.
        most_bytes: The largest size that a page may unpack to.
        optional: Fields that may be absent from every record.
        documents: Where the fields stand in EDI documents; None for every other format.
    """

    format: PageFormat
    fields: tuple[str, ...]
    records_path: str = ""
    widths: tuple[int, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    trailer_prefix: str = ""
    has_header: bool = True
    sheet: str = ""
    header_row: int = 1
    most_bytes: int = 512 * 1024 * 1024
    optional: frozenset[str] = frozenset()
    documents: DocumentLayout | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page, file or result set as it was received, byte for byte."""

    name: str
    content: bytes
    format: PageFormat


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one system said of one entity at one moment.

    Attributes:
        system: The declared name of the system.
        entity: The declared name of the entity.
        scope: What was asked for.
        as_of: The moment the answer speaks of, in UTC: as the system declares it, else when it was asked.
        pages: The pages in the order received.
        complete: False when the pull broke off after at least one page.
        declared_rows: The number of rows the system says there are; None where it does not say.
        declared_sums: Control totals the system declares, by field.
        cursor: The cursor to continue from; None for an entity that is always pulled whole.
        problem: Why the snapshot is not complete, in words for a person; empty when it is.
        other_fields: Fields the system has for the entity that are not in the pages, because only declared ones were
            asked for; empty where the pages hold all there is.
        has_more: Whether the system has more than the scope let it give; the cursor goes on from what came.
    """

    system: str
    entity: str
    scope: Scope
    as_of: datetime
    pages: Sequence[Page]
    complete: bool = True
    declared_rows: int | None = None
    declared_sums: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    problem: str = ""
    other_fields: tuple[str, ...] = ()
    has_more: bool = False
