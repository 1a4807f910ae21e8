"""One correction that was given up: what it would send, every attempt, and what a person can change of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.correction import CorrectionState, Scalar
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import AttemptReceipt
from fulfillment_pipelines.ledger.readings import show_correction
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.messages.catalogue import message_type


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One field of what would be sent.

    Attributes:
        name: The field.
        value: What it holds.
        is_editable: Whether a person may say that something else is sent; the others say of what it speaks.
    """

    name: str
    value: Scalar
    is_editable: bool

    @property
    def text(self) -> str:
        """Its value as it is typed."""
        if self.value is None:
            return ""
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """The page.

    Attributes:
        record: The correction.
        case: The case that it would cure.
        fields: What it would send.
        receipts: Every attempt, oldest first.
    """

    record: CorrectionRecord
    case: Case
    fields: tuple[PayloadField, ...]
    receipts: tuple[AttemptReceipt, ...]

    @property
    def is_dead(self) -> bool:
        """Whether it was given up and stands so."""
        return self.record.state is CorrectionState.DEAD_LETTER


def read_dead_letter(work: UnitOfWork, correction_id: str) -> DeadLetterPage:
    """Return the page of one correction.

    Raises:
        NotThereError: There is no such correction.
    """
    file = show_correction(work, correction_id)
    if file is None:
        raise NotThereError(
            f"There is no correction {correction_id}.",
            expected="the identity of a correction, COR- and 16 hexadecimal digits",
            found="no correction of that identity",
            remedy="choose one on the page /integrations",
        )
    record = file.correction
    sets = message_type(record.message).sets
    return DeadLetterPage(
        record=record,
        case=cases_by_id(work, [record.case_id])[record.case_id],
        fields=tuple(
            PayloadField(name, value, not sets or name in sets) for name, value in json.loads(record.payload).items()
        ),
        receipts=file.receipts,
    )


def changed_texts(page: DeadLetterPage, typed: dict[str, str]) -> dict[str, str]:
    """Return the fields that were typed otherwise than they are."""
    return {
        field.name: typed[field.name]
        for field in page.fields
        if field.is_editable and field.name in typed and typed[field.name] != field.text
    }
