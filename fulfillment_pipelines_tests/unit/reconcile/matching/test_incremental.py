"""Matching what changed gives the rows of matching everything, after any change; and nothing is billed twice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Row = dict[str, Any]
World = dict[str, list[Row]]

CUSTOMERS = ("C-1", "C-2")
ITEMS = ("VLV-1", "VLV-2")
CONTRACTS = {
    "canon_orders": "orders",
    "canon_order_lines": "order_lines",
    "canon_shipment_lines": "shipment_lines",
    "canon_invoice_lines": "invoice_lines",
}


def _at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Four orders of two customers and items, their legs, and documents that name them well, badly or not at all."""
    world: World = {table: [] for table in CONTRACTS}
    for number in range(1, 5):
        order = {"role": "erp", "order_id": f"SO-{number}", "source_key": f"SO-{number}"}
        if draw(st.integers(0, 5)) == 0:
            continue
        sku = draw(st.sampled_from(ITEMS))
        world["canon_orders"].append({**order, "customer_id": draw(st.sampled_from(CUSTOMERS))})
        world["canon_order_lines"].append({**order, "line_no": 1, "sku": sku})
        world["canon_shipment_lines"] += [
            {
                **order,
                "role": role,
                "shipment_id": f"SH-{number}{leg}",
                "source_key": f"SH-{number}{leg}",
                "line_no": 1,
                "sku": draw(st.sampled_from([sku, sku, *ITEMS])),
                "shipped_qty": draw(st.integers(1, 4)),
                "shipped_at": _at(draw(st.integers(1, 10))),
            }
            for leg, role in enumerate(draw(st.lists(st.sampled_from(["wms", "erp"]), max_size=2)))
        ]
    world["canon_invoice_lines"] = [_document(draw, number) for number in range(draw(st.integers(1, 4)))]
    return world


def _document(draw: st.DrawFn, number: int) -> Row:
    spelled = draw(st.sampled_from([None, None, None, "SO-1", "S0-2", "so3", "SO-9", "XX"]))
    names_item = draw(st.integers(0, 4)) > 0
    return {
        "role": "finance",
        "invoice_id": f"IN-{number}",
        "source_key": f"IN-{number}/1",
        "order_id": spelled,
        "line_no": 1 if spelled else None,
        "shipment_id": draw(st.sampled_from([None, None, "SH-10", "SH-20"])) if spelled else None,
        "customer_id": draw(st.sampled_from(CUSTOMERS)) if names_item else None,
        "sku": draw(st.sampled_from(ITEMS)) if names_item else None,
        "document_type": draw(st.sampled_from(["INVOICE", "INVOICE", "INVOICE", "CREDIT_MEMO"])),
        "status": draw(st.sampled_from(["POSTED", "POSTED", "POSTED", "VOID"])),
        "invoiced_qty": draw(st.integers(1, 8)),
        "line_amount": 10,
        "posted_at": draw(st.sampled_from([_at(6), _at(11), None])),
        "as_of": _at(11),
        "snapshot_id": "snap-1",
    }


def _changed_keys(before: World, after: World) -> Iterator[Row]:
    """The keys that merging would note: of each row that came, went or changed, as it was and as it is."""
    for table, contract in CONTRACTS.items():
        old = {(row["role"], row["source_key"]): row for row in before[table]}
        new = {(row["role"], row["source_key"]): row for row in after[table]}
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                for row in (old.get(key), new.get(key)):
                    if row is not None:
                        named = {name: row.get(name) for name in ("order_id", "customer_id", "sku")}
                        yield {"contract": contract, "system": key[0], "source_key": key[1], **named}


def _mixed(draw: st.DrawFn, before: World, fresh: World) -> World:
    """Some rows of the one world and some of the other."""
    return {
        table: [row for row in before[table] if draw(st.booleans())]
        + [row for row in fresh[table] if row["source_key"] not in {kept["source_key"] for kept in before[table]}]
        for table in CONTRACTS
    }


@st.composite
def histories(draw: st.DrawFn) -> list[World]:
    history = [draw(worlds())]
    for _ in range(draw(st.integers(1, 3))):
        history.append(_mixed(draw, history[-1], draw(worlds())))
    return history


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories())
def test_matching_what_changed_gives_the_rows_of_matching_everything(matching_lake: Any, history: list[World]) -> None:
    changes: Sequence[list[Row]] = [
        [],
        *(list(_changed_keys(before, after)) for before, after in itertools.pairwise(history)),
    ]
    in_turn = matching_lake.match_in_turn(list(zip(history, changes, strict=True)))
    assert in_turn == matching_lake.match(history[-1])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), shuffle=st.randoms(use_true_random=False))
def test_shuffled_rows_give_the_same_matches(matching_lake: Any, world: World, shuffle: random.Random) -> None:
    shuffled = {table: shuffle.sample(rows, len(rows)) for table, rows in world.items()}
    assert matching_lake.match(shuffled) == matching_lake.match(world)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_no_leg_backs_more_than_it_has_and_no_line_bills_more_than_it_says(matching_lake: Any, world: World) -> None:
    rows: Sequence[Mapping[str, Any]] = matching_lake.match(world)
    by_leg, billed = Counter[str](), Counter[str]()
    for row in rows:
        assert 0 <= row["matched_qty"] <= row["billed_qty"]
        billed[row["source_key"]] += row["billed_qty"]
        if row["shipment_id"] is not None:
            by_leg[row["shipment_id"]] += row["matched_qty"]
    shipped = {row["shipment_id"]: row["shipped_qty"] for row in world["canon_shipment_lines"]}
    assert all(total <= shipped.get(leg, 0) for leg, total in by_leg.items())
    said = {row["source_key"]: Decimal(row["invoiced_qty"]) for row in world["canon_invoice_lines"]}
    assert all(total == said[key] for key, total in billed.items())
