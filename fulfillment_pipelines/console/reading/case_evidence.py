"""The evidence of a case: what each system says of it now, side by side, with the snapshot in which it said so.

Which rows belong to a case is decided by its key and by the feeds that its rule reads; what is shown of a row, by
`evidence_kinds`. The lake is asked one question for each kind of record, and one for the moments of all snapshots.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.reading.case_words import CODE_WORDS, evidence_of, shown
from fulfillment_pipelines.console.reading.evidence_kinds import EVIDENCE_KINDS, EvidenceKind
from fulfillment_pipelines.console.rendering import money, quantity
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.explanation.questions import Questions, Row
from fulfillment_pipelines.explanation.verdicts import Feed
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind

_SNAPSHOT: Final = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{12}")
_ALWAYS: Final = {"SYS-01": ("feed_reads",), "SYS-02": ("feed_reads", "quarantined_rows"), "INT-05": ("waiting_lines",)}
_FOUND_BY: Final = {
    "feed_reads": ("entity",),
    "quarantined_rows": ("entity",),
    "waiting_lines": ("business_key",),
    "stock_levels": ("sku",),
    "stock_movements": ("sku",),
    "inbound_supply": ("sku",),
    "reservations": ("order_ids", "sku"),
    "credit_accounts": ("customer_id",),
    "transports": ("shipment_ids",),
    "shipment_milestones": ("shipment_ids",),
    "shipment_lines": ("order_ids", "shipment_ids"),
    "delivery_lines": ("order_ids", "shipment_ids"),
    "edi_documents": ("order_ids", "references"),
}
"""By which of its keys a kind is found; all others by the orders alone."""
_OF_THE_PLATFORM: Final = frozenset({"feed_reads", "quarantined_rows", "waiting_lines"})
_FEW: Final = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of one record.

    Attributes:
        text: As it is read; empty where the system does not say it.
        at: The moment, where it is one.
        is_number: Whether it stands on the right.
        differs: Whether the systems do not agree on it.
    """

    text: str
    at: datetime | None = None
    is_number: bool = False
    differs: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """One snapshot: of which feed, of which moment it speaks, and when it was read; None where that is not known."""

    snapshot_id: str
    feed: str
    as_of: datetime | None
    pulled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Record:
    """What one system says of one thing.

    Attributes:
        system: Who says it.
        about: What it is about.
        cells: One for each field of its kind, in their order.
        read: In which snapshot it said so; None where it says nothing.
    """

    system: str
    about: str
    cells: tuple[Cell, ...]
    read: SnapshotRead | None


@dataclass(frozen=True, slots=True)
class RecordTable:
    """All records of one kind.

    Attributes:
        title: What they are.
        fields: Their names in words.
        records: Those of one thing beside each other.
        is_list: Whether they are better read as a list, since each is told by one system alone.
        left_out: How many more there are.
        silent: Systems that the rule compares and that have no such record.
    """

    title: str
    fields: tuple[str, ...]
    records: tuple[Record, ...]
    is_list: bool
    left_out: int
    silent: tuple[str, ...]

    @property
    def rows(self) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        """Field by field: its name and what each record says."""
        return tuple((name, tuple(one.cells[at] for one in self.records)) for at, name in enumerate(self.fields))


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of what the rule itself noted as its grounds, with the snapshot where it names one."""

    name: str
    value: str
    read: SnapshotRead | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a case rests on.

    Attributes:
        tables: What the systems say now.
        grounds: What the rule noted when it last saw the difference.
    """

    tables: tuple[RecordTable, ...]
    grounds: tuple[Said, ...]


@dataclass
class EvidenceKeys:
    """By what the rows of a case are found."""

    order_ids: list[str]
    line_no: int | None
    shipment_ids: list[str]
    references: list[str]
    sku: str = ""
    node: str = ""
    customer_id: str = ""
    system: str = ""
    entity: str = ""
    business_key: str = ""
    legs: frozenset[str] = field(default_factory=frozenset)


def keys_of(case: Case, rule: Rule | None) -> EvidenceKeys:
    """Return by what the rows of a case are found, as its key and its evidence say."""
    evidence, parts = evidence_of(case), case.business_key.split("/")
    scope = rule.scope if rule else None
    orders = [case.order_id, *str(evidence.get("order_ids") or "").split(", ")]
    line = re.search(rf"{re.escape(case.order_id)}/(\d+)", case.business_key) if case.order_id else None
    is_of_order = scope in {ScopeKind.ORDER, ScopeKind.SHIPMENT, None}
    named = [*(parts if is_of_order else ()), str(evidence.get("shipment_id") or "")]
    legs = {part for part in named if part and part not in orders}
    is_feed = scope is ScopeKind.FEED and len(parts) > 1
    return EvidenceKeys(
        order_ids=sorted({one for one in orders if one}),
        line_no=int(line[1]) if line else None,
        shipment_ids=sorted(legs),
        references=[case.business_key, *parts],
        sku=parts[0] if scope is ScopeKind.STOCK else "",
        node=case.node,
        customer_id=parts[0] if scope is ScopeKind.CUSTOMER else "",
        system=parts[0] if is_feed else "",
        entity=parts[1] if is_feed else "",
        business_key=case.business_key,
        legs=frozenset(legs),
    )


def read_evidence(questions: Questions, case: Case, rule: Rule | None, feeds: Sequence[Feed]) -> Evidence:
    """Return what the systems say of a case.

    Args:
        questions: Asks the lake.
        case: The case.
        rule: Its rule; None where it does not apply any more.
        feeds: All declared feeds.

    Raises:
        BadDataError: The lake does not hold what a run makes.
    """
    keys = keys_of(case, rule)
    rows = _rows(questions, keys, _contracts(case.code, rule))
    ids = {str(row["snapshot_id"]) for found in rows.values() for row in found if row.get("snapshot_id")}
    grounds = evidence_of(case)
    ids |= {text for value in grounds.values() for text in _SNAPSHOT.findall(str(value))}
    reads = read_snapshots(questions, ids)
    silent = _silent(rule, feeds, case.node, rows)
    tables = [
        _table(EVIDENCE_KINDS[contract], found, case, reads, silent=silent.get(contract, ()))
        for contract, found in rows.items()
    ]
    return Evidence(
        tables=tuple(table for table in tables if table.records or table.silent),
        grounds=tuple(_said(name, value, reads) for name, value in sorted(grounds.items()) if value is not None),
    )


def read_snapshots(questions: Questions, snapshot_ids: Iterable[str]) -> Mapping[str, SnapshotRead]:
    """Return what is known of snapshots, by identity."""
    wanted = sorted(snapshot_ids)
    rows = questions.ask("snapshot_reads", {"snapshot_ids": wanted}) if wanted else []
    return {
        row["snapshot_id"]: SnapshotRead(
            row["snapshot_id"], f"{row['system']}/{row['entity']}", row["as_of"], row["pulled_at"]
        )
        for row in rows
    }


def record_table(
    contract: str, rows: Sequence[Row], reads: Mapping[str, SnapshotRead], compared: frozenset[str] = frozenset()
) -> RecordTable:
    """Return the records of one kind, those of one thing side by side.

    Args:
        contract: The kind.
        rows: What the systems say.
        reads: When their snapshots were read.
        compared: Fields that are marked besides those that must agree, each as `role.field`.
    """
    kind = EVIDENCE_KINDS[contract]
    kept = rows[: kind.most]
    disagreed = _disagreed(kind, kept)
    records = tuple(_record(kind, row, reads, disagreed[_about(kind, row)], compared) for row in kept)
    things = {_about(kind, row) for row in kept}
    return RecordTable(
        title=kind.title,
        fields=tuple(kind.fields.values()),
        records=records,
        is_list=len(things) == len(records) > _FEW,
        left_out=len(rows) - len(kept),
        silent=(),
    )


def _contracts(code: str, rule: Rule | None) -> list[str]:
    named = {need.contract for need in rule.feeds} if rule else set()
    wanted = [*_ALWAYS.get(code, ()), *(name for name in EVIDENCE_KINDS if name in named)]
    # What the ERP calls an order must be known before the channel's own number is.
    return sorted(wanted, key=lambda name: name != "orders")


def _rows(questions: Questions, keys: EvidenceKeys, contracts: Iterable[str]) -> dict[str, Sequence[Row]]:
    asked: dict[str, Any] = {name: getattr(keys, name) for name in EvidenceKeys.__dataclass_fields__}
    found: dict[str, Sequence[Row]] = {}
    for contract in contracts:
        if not any(asked[name] for name in _FOUND_BY.get(contract, ("order_ids",))):
            continue
        rows = questions.ask(f"evidence_{contract}", asked)
        if contract == "orders":
            named = {row["channel_order_id"] for row in rows if row["channel_order_id"]}
            asked["order_ids"] = sorted({*keys.order_ids, *named})
        if contract == "shipment_lines":
            rows = [row for row in rows if row["shipment_id"] in keys.legs] or rows
            asked["shipment_ids"] = sorted({*keys.shipment_ids, *(row["shipment_id"] for row in rows)})
        if contract == "invoice_lines":
            rows = [row for row in rows if row["shipment_id"] is None or row["shipment_id"] in keys.legs] or rows
        found[contract] = rows
    return {name: found[name] for name in sorted(found, key=list(EVIDENCE_KINDS).index)}


def _silent(
    rule: Rule | None, feeds: Sequence[Feed], node: str, rows: Mapping[str, Sequence[Row]]
) -> Mapping[str, tuple[str, ...]]:
    """Return, by contract, the systems that a rule compares and that have no record of the case."""
    needs = {need for group in (rule.comparisons if rule else ()) for need in group}
    spoke = {(contract, row["role"]) for contract, found in rows.items() for row in found if "role" in row}
    silent: dict[str, set[str]] = {}
    for feed in feeds:
        is_compared = any((need.role.value, need.contract) == (feed.role, feed.contract) for need in needs)
        is_here = not feed.node or not node or feed.node == node
        if is_compared and is_here and feed.contract in rows and (feed.contract, feed.role) not in spoke:
            silent.setdefault(feed.contract, set()).add(feed.system)
    return {contract: tuple(sorted(systems)) for contract, systems in silent.items()}


def _table(
    kind: EvidenceKind, rows: Sequence[Row], case: Case, reads: Mapping[str, SnapshotRead], *, silent: tuple[str, ...]
) -> RecordTable:
    words = CODE_WORDS.get(case.code)
    pairs = (entry.split(".") for entry in (words.compares if words and case.closed_at is None else ()))
    compared = frozenset(f"{role}.{name}" for role, contract, name in pairs if contract == kind.contract)
    table = record_table(kind.contract, rows, reads, compared)
    return RecordTable(table.title, table.fields, table.records, table.is_list, table.left_out, silent)


def _record(
    kind: EvidenceKind,
    row: Row,
    reads: Mapping[str, SnapshotRead],
    disagreed: frozenset[str],
    compared: frozenset[str],
) -> Record:
    cells = tuple(
        _cell(row.get(name), name, differs=name in disagreed or f"{row.get('role')}.{name}" in compared)
        for name in kind.fields
    )
    identity = str(row.get("snapshot_id") or "")
    read = reads.get(identity) or SnapshotRead(identity, row["system"], row.get("as_of"), None)
    named = [name for name in kind.about if name != "order_id" and row.get(name) is not None]
    about = " / ".join(str(row[name]) for name in named)
    return Record(row["system"], about, cells, None if kind.contract in _OF_THE_PLATFORM else read)


def _disagreed(kind: EvidenceKind, rows: Sequence[Row]) -> dict[tuple[Any, ...], frozenset[str]]:
    """Return, by thing, the fields that must agree and that its systems tell differently."""
    things: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        things.setdefault(_about(kind, row), []).append(row)
    return {
        about: frozenset(
            name for name in kind.must_agree if len({row[name] for row in told if row[name] is not None}) > 1
        )
        for about, told in things.items()
    }


def _about(kind: EvidenceKind, row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in kind.about)


def _cell(value: object, name: str, *, differs: bool) -> Cell:
    if value is None:
        return Cell("", differs=differs)
    if isinstance(value, datetime):
        return Cell(f"{value:%Y-%m-%d %H:%M}", at=value, differs=differs)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", differs=differs)
    if isinstance(value, Decimal):
        text = money(value) if name.endswith(("_amount", "_price")) else quantity(value)
        return Cell(text, is_number=True, differs=differs)
    return Cell(str(value), is_number=isinstance(value, int), differs=differs)


def _said(name: str, value: object, reads: Mapping[str, SnapshotRead]) -> Said:
    text = str(value)
    return Said(name.replace("_", " "), shown(text), reads.get(text))
