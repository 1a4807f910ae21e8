"""The outbox row of an approved correction: how urgent it is, what it must stay behind, and until when it is tried.

Whether it is approved belongs in `proposals` and `approval`; carrying it out, in `dispatch`.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import Delivery, DeliveryStatus, DeliveryStep


def first_delivery(record: CorrectionRecord, policy: DeliveryPolicy, now: datetime) -> Delivery:
    """Return the outbox row of a correction that was approved a moment ago."""
    repeats = record.correction_class is CorrectionClass.RETRY or record.message in policy.read_back_first
    # A look tells that a target is down without leaving open whether it has the message, which could not go another
    # way then.
    has_another_way = policy.limits_for(record.target).fallback is not None
    priority = policy.priority_of(record.correction_class, record.message)
    return Delivery(
        correction_id=record.correction_id,
        target=record.target,
        status=DeliveryStatus.READY,
        next_step=DeliveryStep.READ_BACK if repeats or has_another_way else DeliveryStep.SEND,
        due_at=now,
        attempts=0,
        read_backs=0,
        leased_by="",
        lease_until=None,
        last_error="",
        created_at=now,
        finished_at=None,
        priority=priority,
        ordering_key=ordering_key_of(record, policy),
        via=record.target,
        deadline_at=now + timedelta(seconds=policy.urgencies[priority].budget_seconds),
    )


def ordering_key_of(record: CorrectionRecord, policy: DeliveryPolicy) -> str:
    """Return what a correction is about: its order, else what the policy names next, else its case."""
    payload = json.loads(record.payload)
    for names in policy.ordering:
        values = [payload.get(name) for name in names]
        if all(value not in (None, "") for value in values):
            return "/".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    return record.case_id
