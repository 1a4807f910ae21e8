"""What is written into other people's systems, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Scalar: TypeAlias = str | int | bool | None


class CorrectionClass(StrEnum):
    """Why a correction may be automatic (domain book §2.5); a judgement never is."""

    PUBLISH = "P"
    GUARD = "G"
    RETRY = "R"
    NOTIFY = "N"
    JUDGEMENT = "J"


class CorrectionState(StrEnum):
    """Where a correction stands; `corrections.lifecycle` holds the legal moves."""

    PROPOSED = "PROPOSED"
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    ACKED = "ACKED"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    RETRYING = "RETRYING"
    VERIFIED = "VERIFIED"
    SUPERSEDED = "SUPERSEDED"
    DEAD_LETTER = "DEAD_LETTER"


class Observed(StrEnum):
    """What a read-back sees of a correction in its target."""

    APPLIED = "APPLIED"
    ABSENT = "ABSENT"
    QUEUED = "QUEUED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Correction:
    """One message to one system that would cure one finding.

    Attributes:
        correction_id: Identity in the ledger.
        target: Declared name of the system that receives it.
        message: What it asks for, for example `ship.confirm`; declared in the target's YAML.
        payload: The content, under canonical field names. Decimals and instants are text.
        precondition: Values the target must still hold, under canonical field names.
        idempotency_key: The same for every attempt at the same effect.
        correction_class: Why it may be automatic. What does not say so is a judgement.
        version: 1 for what a rule proposed; one more with every edit by a person.
        content_hash: Hash of the content that was approved; what is sent must have it.
        approved_by: Who approved that content; empty where nobody has.
    """

    correction_id: str
    target: str
    message: str
    payload: Mapping[str, Scalar]
    precondition: Mapping[str, Scalar]
    idempotency_key: str
    correction_class: CorrectionClass = CorrectionClass.JUDGEMENT
    version: int = 1
    content_hash: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the target answered.

    Attributes:
        idempotency_key: Of the correction that was sent.
        observed: APPLIED when the target says it has the effect, QUEUED when it has only taken the
            message in, as a legacy system does until its next cycle.
        reference: The target's own identifier for the effect; empty where it gives none.
        received_at: When the answer came, in UTC.
    """

    idempotency_key: str
    observed: Observed
    reference: str
    received_at: datetime
