"""Documents for trading partners: written once under a half-written name, renamed, and followed until answered.

The interchange of a key is always the same: its control number and date are kept with the key.
"""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.domain.edi import ControlNumber
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, RejectedError
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage, EdifactPartner
from fulfillment_pipelines.systems.declaration.files import FilesDeclaration
from fulfillment_pipelines.systems.declaration.parts import LiteralValue
from fulfillment_pipelines.systems.transports.edi.answers import (
    ACKNOWLEDGMENT,
    AnswerBook,
    SentDocument,
    document_id,
)
from fulfillment_pipelines.systems.transports.edi.documents import document_of
from fulfillment_pipelines.systems.transports.edi.edifact.control import CONTROL
from fulfillment_pipelines.systems.transports.edi.outgoing import (
    AnyPartner,
    interchange_number,
    type_sent,
    widest_number,
    written_for,
)
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.files.sink import FileSink
from fulfillment_pipelines.systems.transports.messages import declared_message, filled_path


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is seen of a document: where it stands, and why it was refused."""

    observed: Observed
    refusal: str = ""


class EdiSink:
    """Drops documents for trading partners, and message files for whoever runs the exchange.

    Args:
        declaration: The exchange.
        folder: Its folder.
        clock: Tells when a message was dropped.
        control_numbers: Counts our interchanges.
        answers: What the partners have answered.
    """

    def __init__(
        self,
        declaration: FilesDeclaration,
        folder: Folder,
        clock: Clock,
        *,
        control_numbers: ControlNumbers | None,
        answers: AnswerBook,
    ) -> None:
        self.system = declaration.name
        self._messages = declaration.messages
        self._partners = declaration.partners
        self._folder = folder
        self._clock = clock
        self._numbers = control_numbers
        self._answers = answers
        self._files = FileSink(declaration, folder, clock)

    def apply(self, correction: Correction) -> Receipt:
        """Drop the interchange, unless it is somewhere already; a repeated one is the same, byte for byte.

        Returns:
            A receipt that says QUEUED until the partner has accepted the document, and names it.

        Raises:
            RejectedError: The document cannot be written, was not sent on, or the partner has refused it.
            RetryableError: The file could not be written, or the count of interchanges is out of reach.
            UnknownOutcomeError: It was written and may not have got its name.
            ConfigurationError: The message or the partner is not declared, or the payload lacks a field.
        """
        message = declared_message(self._messages, correction)
        if not isinstance(message, DocumentMessage):
            return self._files.apply(correction)
        partner = self._partner(correction, message)
        self._require_writable(correction, message, partner)
        sight = self._sight(correction, message, partner)
        if sight.refusal:
            raise RejectedError(
                f"{self.system}: the document of '{correction.message}' {correction.idempotency_key} was refused.",
                found=sight.refusal,
                remedy="see why with the partner; the same document would be refused again",
            )
        control = self._count().number_for(partner.sender.id, partner.receiver.id, correction.idempotency_key)
        if sight.observed is Observed.ABSENT:
            content = _written(correction, message, partner, control)
            self._folder.drop(filled_path(correction, message.drop), content)
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.APPLIED if sight.observed is Observed.APPLIED else Observed.QUEUED,
            reference=document_id(_sent(message, partner, control)),
            received_at=self._clock.now(),
        )

    def read_back(self, correction: Correction) -> Observed:
        """Return how far the document is: sent on or waiting is QUEUED, accepted APPLIED, refused or nowhere ABSENT.

        Raises:
            SystemDownError: The folder cannot be read.
            RetryableError: The count of interchanges is out of reach.
            ConfigurationError: The message or the partner is not declared.
        """
        message = declared_message(self._messages, correction)
        if not isinstance(message, DocumentMessage):
            return self._files.read_back(correction)
        return self._sight(correction, message, self._partner(correction, message)).observed

    def _sight(self, correction: Correction, message: DocumentMessage, partner: AnyPartner) -> _Sight:
        # In the order a file travels: looked for the other way round, one that moves meanwhile is never seen.
        if self._folder.exists(filled_path(correction, message.drop)):
            return _Sight(Observed.QUEUED)
        if self._folder.exists(filled_path(correction, message.rejected)):
            return _Sight(Observed.ABSENT, f"it lies in {filled_path(correction, message.rejected)}")
        control = self._count().number_of(partner.sender.id, partner.receiver.id, correction.idempotency_key)
        if control is None:
            return _Sight(Observed.ABSENT)
        return self._sight_behind(correction, message, partner, control)

    def _sight_behind(
        self, correction: Correction, message: DocumentMessage, partner: AnyPartner, control: ControlNumber
    ) -> _Sight:
        """Return what is seen of a document that has a number and lies in no place of ours."""
        is_sent = bool(self._folder.glob(filled_path(correction, message.sent)))
        if isinstance(partner, EdifactPartner) and partner.answers == "none":
            return _Sight(Observed.APPLIED if is_sent else Observed.ABSENT)
        answer = self._answers.newest_answer(message.answers, _sent(message, partner, control))
        if answer is None:
            return _Sight(Observed.QUEUED if is_sent else Observed.ABSENT)
        if answer.is_acceptance:
            return _Sight(Observed.APPLIED)
        kind = CONTROL if isinstance(partner, EdifactPartner) else ACKNOWLEDGMENT
        return _Sight(Observed.ABSENT, f"the partner's {kind} says {answer.code}")

    def _partner(self, correction: Correction, message: DocumentMessage) -> AnyPartner:
        source = message.partner
        name = source.literal if isinstance(source, LiteralValue) else correction.payload.get(source)
        if name not in self._partners:
            raise ConfigurationError(
                f"{self.system}: '{correction.message}' goes to no partner that is declared.",
                expected=f"one of {', '.join(self._partners)}",
                found=str(name),
                remedy="declare the partner under `partners:` in the system's YAML, or correct what names it",
            )
        return self._partners[str(name)]

    def _require_writable(self, correction: Correction, message: DocumentMessage, partner: AnyPartner) -> None:
        """Refuse a document that cannot be written before it takes a number, which would leave a hole in the count."""
        try:
            _written(correction, message, partner, ControlNumber(widest_number(partner), self._clock.now()))
        except BadDataError as error:
            raise RejectedError(
                f"{self.system}: '{correction.message}' {correction.idempotency_key} is no document. {error.what}",
                expected=error.expected,
                found=error.found,
                remedy=error.remedy,
            ) from error

    def _count(self) -> ControlNumbers:
        if self._numbers is None:
            raise ConfigurationError(
                f"{self.system}: nobody counts its interchanges.",
                expected="a count that outlives the process",
                found="none",
                remedy="hand `control_numbers` over where the system is connected",
            )
        return self._numbers


def _written(correction: Correction, message: DocumentMessage, partner: AnyPartner, control: ControlNumber) -> bytes:
    number = interchange_number(partner, control)
    document = document_of(correction, message, ControlNumber(number, control.allocated_at))
    return written_for(partner, document, number, control.allocated_at)


def _sent(message: DocumentMessage, partner: AnyPartner, control: ControlNumber) -> SentDocument:
    number, kind = interchange_number(partner, control), type_sent(partner, message.document)
    return SentDocument(partner.sender.id, partner.receiver.id, kind, number)
