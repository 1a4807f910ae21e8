"""One call of a target, and what it tells: of the message, and of the system.

An outage, a timeout or an answer that makes no sense is the system's failure; a refusal is an answer. What follows
for the correction belongs in `progress`, what follows for the system in `circuit`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import (
    ConfigurationError,
    DuplicateEffectError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
)
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import Outcome
from fulfillment_pipelines.systems.port import CorrectionSink

SinkOf: TypeAlias = Callable[[str], CorrectionSink]
"""Returns the sink of a declared system."""

_OF_AN_ANSWER: Mapping[Observed, Outcome] = MappingProxyType(
    {Observed.APPLIED: Outcome.APPLIED, Observed.QUEUED: Outcome.QUEUED}
)
_OF_A_SIGHT: Mapping[Observed, Outcome] = MappingProxyType(
    {
        Observed.APPLIED: Outcome.APPLIED,
        Observed.QUEUED: Outcome.QUEUED,
        Observed.ABSENT: Outcome.ABSENT,
        Observed.UNKNOWN: Outcome.UNSEEN,
    }
)


class SystemSign(StrEnum):
    """What a call tells of the system, whatever it tells of the message."""

    ANSWERS = "ANSWERS"
    FAILS = "FAILS"
    SILENT = "SILENT"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call.

    Attributes:
        outcome: For the message.
        sign: For the system; SILENT where it was not asked, or asked the wrong way.
        reference: The target's own identifier, where it gave one.
        detail: The error, in words; empty where there was none.
        retry_after_seconds: How long the target asks to be left alone; None where it does not ask.
    """

    outcome: Outcome
    sign: SystemSign
    reference: str = ""
    detail: str = ""
    retry_after_seconds: float | None = None


def send(sink_of: SinkOf, system: str, correction: Correction) -> Answer:
    """Ask for the effect once."""
    try:
        receipt = sink_of(system).apply(correction)
    except FulfillmentError as error:
        return _of_an_error(error, unclear=Outcome.UNKNOWN_OUTCOME)
    outcome = _OF_AN_ANSWER.get(receipt.observed, Outcome.UNKNOWN_OUTCOME)
    return Answer(outcome, SystemSign.ANSWERS, reference=receipt.reference)


def look(sink_of: SinkOf, system: str, correction: Correction) -> Answer:
    """Look for the effect."""
    try:
        observed = sink_of(system).read_back(correction)
    except FulfillmentError as error:
        return _of_an_error(error, unclear=Outcome.RETRYABLE)
    return Answer(_OF_A_SIGHT[observed], SystemSign.ANSWERS)


def noticed(observed: Observed) -> Answer:
    """Return what a target has told by itself, without being asked."""
    return Answer(_OF_A_SIGHT[observed], SystemSign.SILENT, detail="told by the target")


def is_what_was_approved(record: CorrectionRecord) -> bool:
    """Whether what would be sent is, to the last character, what was approved."""
    return not record.content_hash or record.content_hash == content_hash_of(record)


def not_what_was_approved() -> Answer:
    """Return the answer to a message that may not go, because it is not what was approved."""
    said = "Nothing was sent: what would be sent is not what was approved; its content has another hash."
    return Answer(Outcome.REJECTED, SystemSign.SILENT, detail=said)


def message_of(record: CorrectionRecord) -> Correction:
    """Return what is sent of a correction."""
    return Correction(
        correction_id=record.correction_id,
        target=record.target,
        message=record.message,
        payload=json.loads(record.payload),
        precondition=json.loads(record.precondition),
        idempotency_key=record.idempotency_key,
        correction_class=record.correction_class,
        version=record.version,
        content_hash=record.content_hash,
        approved_by=record.decided_by,
    )


def _of_an_error(error: FulfillmentError, *, unclear: Outcome) -> Answer:
    outcome, sign = _meaning(error, unclear)
    return Answer(outcome, sign, detail=str(error), retry_after_seconds=error.retry_after_seconds)


def _meaning(error: FulfillmentError, unclear: Outcome) -> tuple[Outcome, SystemSign]:
    match error:
        case PreconditionError():
            return Outcome.PRECONDITION, SystemSign.ANSWERS
        case RejectedError() | DuplicateEffectError():
            return Outcome.REJECTED, SystemSign.ANSWERS
        case ConfigurationError():
            return Outcome.RETRYABLE, SystemSign.SILENT
        case RetryableError():
            # One that says when to come back is alive.
            asked = error.retry_after_seconds is not None and type(error) is RetryableError
            return Outcome.RETRYABLE, SystemSign.ANSWERS if asked else SystemSign.FAILS
        case _:
            # Also an answer that cannot be read: the request was sent, and its effect is not known.
            return unclear, SystemSign.FAILS
