from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from fulfillment_pipelines.corrections.content import Content
from fulfillment_pipelines.domain.correction import Correction, CorrectionClass

CORRECTION = Correction(
    correction_id="COR-1",
    target="finance",
    message="invoice.amend",
    payload={"invoice_id": "INV-9", "invoiced_qty": "6"},
    precondition={"status": "DRAFT"},
    idempotency_key="key-1",
    correction_class=CorrectionClass.PUBLISH,
    version=1,
)


def test_the_hash_can_be_recomputed_with_nothing_but_sha256() -> None:
    text = (
        '{"correction_class":"P","idempotency_key":"key-1","message":"invoice.amend",'
        '"payload":{"invoice_id":"INV-9","invoiced_qty":"6"},"precondition":{"status":"DRAFT"},'
        '"target":"finance","version":1}'
    )
    assert Content.of_correction(CORRECTION).sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_keys_makes_no_difference() -> None:
    turned = replace(CORRECTION, payload={"invoiced_qty": "6", "invoice_id": "INV-9"})
    assert Content.of_correction(turned).sha256 == Content.of_correction(CORRECTION).sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "erp"},
        {"message": "invoice.request"},
        {"payload": {"invoice_id": "INV-9", "invoiced_qty": "60"}},
        {"payload": {"invoice_id": "INV-9"}},
        {"payload": {"invoice_id": "INV-9", "invoiced_qty": 6}},
        {"precondition": {"status": "POSTED"}},
        {"precondition": {}},
        {"idempotency_key": "key-2"},
        {"correction_class": CorrectionClass.JUDGEMENT},
        {"version": 2},
    ],
    ids=str,
)
def test_whatever_is_sent_is_part_of_the_hash(changes: dict[str, object]) -> None:
    changed = replace(CORRECTION, **changes)  # type: ignore[arg-type]
    assert Content.of_correction(changed).sha256 != Content.of_correction(CORRECTION).sha256


def test_who_approved_it_and_under_which_number_is_kept_is_no_part_of_it() -> None:
    elsewhere = replace(CORRECTION, approved_by="ada", correction_id="COR-2", content_hash="x")
    assert Content.of_correction(elsewhere).sha256 == Content.of_correction(CORRECTION).sha256
