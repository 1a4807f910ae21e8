"""Bring `rec_document_matches` up to date: everything, or the lines whose match may have changed.

SQL finds the lines, the legs and the possible pairs; `shares` divides them; SQL writes the rows. Lines compete only
with lines of the same customer and item, so that a part gives the same rows as the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from fulfillment_pipelines.reconcile.matching.policy import MatchingPolicy
from fulfillment_pipelines.reconcile.matching.shares import Fit, Matching, OpenLine, Share, UnbilledLeg
from fulfillment_pipelines.sql_models import read_models, retarget
from fulfillment_pipelines.warehouse import Connection, clear_rows, delete_rows, insert_rows, scalar

TABLE: Final = "rec_document_matches"
_CONTRACTS: Final = ("orders", "order_lines", "shipment_lines", "invoice_lines")
_UNITS: Final = 10_000
"""Smallest units in one base unit: quantities have four decimals."""
_CHANGES: Final = "select count(*) from match_changes where list_contains($contracts, contract)"
_COUNT: Final = "select count(*) from target"
_NO_GROUPS: Final = "create or replace temp table match_nameless_groups (customer_id varchar, sku varchar)"
_NOTE_GROUPS: Final = "insert into match_nameless_groups select customer_id, sku from match_lines"
_KEEP: Final = """
    create or replace temp table match_previous as
    select matches.* from rec_document_matches as matches
    semi join match_examined on matches.system = match_examined.system
        and matches.source_key = match_examined.source_key
"""
_FORGET: Final = """
    (system, source_key) in (select (system, source_key) from gone)
"""
_SHARES: Final = pa.schema(
    [
        ("line_key", pa.string()),
        ("share_no", pa.int64()),
        ("order_id", pa.string()),
        ("line_no", pa.int64()),
        ("shipment_id", pa.string()),
        ("billed_qty", pa.decimal128(18, 4)),
        ("matched_qty", pa.decimal128(18, 4)),
        ("match_label", pa.string()),
        ("match_score", pa.decimal128(5, 4)),
        ("match_reason", pa.string()),
    ]
)


class DocumentMatcher:
    """Matches invoice lines without an exact reference to the legs they bill.

    Args:
        folder: `sql/30_reconcile/matching`.
        policy: Limits and weights; with None nothing is matched, and the table stays empty.
    """

    def __init__(self, folder: Path, policy: MatchingPolicy | None) -> None:
        self._models = {model.name: model for model in read_models(folder)}
        self._policy = policy

    @property
    def versions(self) -> Mapping[str, str]:
        """The table this writes, and a hash of the words and numbers it is made with."""
        words = "".join(model.body for model in self._models.values()) + repr(self._policy)
        return {TABLE: hashlib.sha256(words.encode()).hexdigest()[:12]}

    def run(self, transaction: Connection, existing: frozenset[str], *, full: bool) -> bool:
        """Match every unreferenced line, or those that a change may concern.

        Incrementally, it reads `ops_changed_keys` and `affected_orders`, and adds to `affected_orders` the orders whose
        matches changed. Canonical tables are up to date; nothing has been narrowed yet.

        Args:
            transaction: The lake's cursor within the caller's transaction.
            existing: The lake's tables.
            full: Whether everything is matched anew.

        Returns:
            Whether any row may be other than before.
        """
        if TABLE not in existing:
            transaction.execute(self._models[TABLE].body)
        if self._policy is None:
            return False
        if full:
            clear_rows(transaction, TABLE)
            self._stage(transaction, "match_unresolved")
            self._stage(transaction, "match_lines")
            self._match(transaction, self._policy)
            return True
        self._stage(transaction, "match_changes")
        if scalar(transaction, _CHANGES, {"contracts": list(_CONTRACTS)}):
            return self._run_changed(transaction, self._policy)
        return False

    def _run_changed(self, transaction: Connection, policy: MatchingPolicy) -> bool:
        self._stage(transaction, "match_changed_orders")
        self._stage(transaction, "match_seeds")
        self._stage(transaction, "match_nameless")
        transaction.execute(_NO_GROUPS)
        if _count(transaction, "match_nameless"):
            self._stage_lines(transaction, "match_nameless")
            transaction.execute(_NOTE_GROUPS)
        self._stage(transaction, "match_examined")
        if not _count(transaction, "match_examined"):
            return False
        self._stage_lines(transaction, "match_examined")
        transaction.execute(_KEEP)
        if _count(transaction, "match_previous"):
            delete_rows(transaction, TABLE, _FORGET, "match_examined")
        elif not _count(transaction, "match_unresolved"):
            return False
        self._match(transaction, policy)
        insert_rows(transaction, "affected_orders", self._models["match_moved_orders"].body)
        return True

    def _stage_lines(self, transaction: Connection, wanted: str) -> None:
        """Stage the unreferenced ones of the wanted lines, with what their references lead to."""
        self._stage(transaction, "match_examined_lines", {"match_wanted": wanted})
        self._stage(transaction, "match_unresolved", {"canon_invoice_lines": "match_examined_lines"})
        self._stage(transaction, "match_lines")

    def _match(self, transaction: Connection, policy: MatchingPolicy) -> None:
        """Divide what is staged and write the rows."""
        self._stage(transaction, "match_legs")
        shares: list[Share] = []
        if _count(transaction, "match_lines"):
            fits = self._fits(transaction, policy)
            shares = Matching(_lines(transaction), _legs(transaction), fits, policy).shares()
        transaction.register("match_shares", _table(shares))
        self._stage(transaction, "match_rows")
        insert_rows(transaction, TABLE, "from match_rows")

    def _fits(self, transaction: Connection, policy: MatchingPolicy) -> Iterator[Fit]:
        limits = {
            "window_days": policy.window_days,
            "lead_hours": policy.lead_hours,
            "price_limit_percent": policy.price_limit_percent,
        }
        pairs = transaction.execute(self._models["match_pairs"].body, limits).to_arrow_table()
        for row in pairs.to_pylist():
            yield Fit(**row)

    def _stage(self, transaction: Connection, name: str, names: Mapping[str, str] | None = None) -> None:
        """Put the rows of a model into a table of this process, named after it."""
        body = self._models[name].body
        statement = retarget(body, names) if names else body
        transaction.execute("create or replace temp table " + name + " as " + statement)


def _count(transaction: Connection, table: str) -> int:
    return scalar(transaction, retarget(_COUNT, {"target": table}))


def _lines(transaction: Connection) -> Iterator[OpenLine]:
    for row in _rows(transaction, "match_lines"):
        yield OpenLine(
            line_key=row["line_key"],
            is_credit=row["document_type"] == "CREDIT_MEMO",
            spelled=row["spelled_order_id"],
            reference=row["order_reference"],
            spelled_line_no=row["spelled_line_no"],
            group=(row["customer_id"], row["sku"]),
            quantity=_units(row["invoiced_qty"]),
            resolved_by=row["resolved_by"],
            order_id=row["order_id"],
            line_no=row["line_no"],
            shipment_id=row["shipment_id"],
        )


def _legs(transaction: Connection) -> Iterator[UnbilledLeg]:
    for row in _rows(transaction, "match_legs"):
        yield UnbilledLeg(
            leg_key=row["leg_key"],
            shipment_id=row["shipment_id"],
            order_id=row["order_id"],
            line_no=row["line_no"],
            group=(row["customer_id"], row["sku"]),
            reference=row["order_reference"],
            quantity=_units(row["unbilled_qty"]),
            shipped_at=row["shipped_at"],
            is_departed=row["is_departed"],
        )


def _rows(transaction: Connection, table: str) -> list[dict[str, Any]]:
    found: pa.Table = transaction.execute(retarget("from target", {"target": table})).to_arrow_table()
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _units(quantity: Decimal) -> int:
    return int(quantity * _UNITS)


def _table(shares: Sequence[Share]) -> pa.Table:
    columns: Mapping[str, Sequence[Any]] = {
        "line_key": [share.line_key for share in shares],
        "share_no": [share.share_no for share in shares],
        "order_id": [share.order_id for share in shares],
        "line_no": [share.line_no for share in shares],
        "shipment_id": [share.shipment_id for share in shares],
        "billed_qty": [Decimal(share.billed) / _UNITS for share in shares],
        "matched_qty": [Decimal(share.matched) / _UNITS for share in shares],
        "match_label": [share.label.value for share in shares],
        "match_score": [Decimal(share.score) / 1000 for share in shares],
        "match_reason": [share.reason for share in shares],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in _SHARES], schema=_SHARES)
