"""What an approval is bound to: the hash of everything that a target would receive.

Whoever approves, approves this content; what differs from it by one character is never sent. Who may approve what
belongs in `approval`, and what is done with content that differs, in `guarded_sink`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.ledger.corrections import CorrectionRecord


@dataclass(frozen=True, slots=True)
class Content:
    """Everything of a correction that is sent, or that decides what the target makes of it.

    Attributes:
        target: Declared name of the system it was approved for.
        message: What it asks for.
        payload: The content, under canonical field names.
        precondition: Values the target must still hold.
        idempotency_key: The same for every attempt at the same effect.
        correction_class: P, G, R, N or J.
        version: 1 for what a rule proposed; one more with every edit by a person.
    """

    target: str
    message: str
    payload: Mapping[str, Scalar]
    precondition: Mapping[str, Scalar]
    idempotency_key: str
    correction_class: str
    version: int

    @classmethod
    def of_record(cls, record: CorrectionRecord) -> Self:
        """Return the content of a correction as the ledger has it."""
        return cls(
            target=record.target,
            message=record.message,
            payload=json.loads(record.payload),
            precondition=json.loads(record.precondition),
            idempotency_key=record.idempotency_key,
            correction_class=record.correction_class,
            version=record.version,
        )

    @classmethod
    def of_correction(cls, correction: Correction) -> Self:
        """Return the content of a correction that is about to be sent."""
        return cls(
            target=correction.target,
            message=correction.message,
            payload=correction.payload,
            precondition=correction.precondition,
            idempotency_key=correction.idempotency_key,
            correction_class=correction.correction_class,
            version=correction.version,
        )

    @property
    def sha256(self) -> str:
        """Hash of the content as JSON: keys in order, no blanks, UTF-8."""
        said = {
            "target": self.target,
            "message": self.message,
            "payload": dict(self.payload),
            "precondition": dict(self.precondition),
            "idempotency_key": self.idempotency_key,
            "correction_class": self.correction_class,
            "version": self.version,
        }
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def content_hash_of(record: CorrectionRecord) -> str:
    """Return the hash of everything that would be sent for a correction; to be kept with it before it is decided."""
    return Content.of_record(record).sha256
