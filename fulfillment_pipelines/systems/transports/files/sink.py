"""Messages as files: written under a half-written name, renamed, and found again by their key."""

from __future__ import annotations

import json

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.systems.declaration.files import FileMessage, FilesDeclaration
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.messages import declared_message, filled_path, payload_fields


class FileSink:
    """Drops message files and looks where the system has put them."""

    def __init__(self, declaration: FilesDeclaration, folder: Folder, clock: Clock) -> None:
        self.system = declaration.name
        self._messages = {
            name: message for name, message in declaration.messages.items() if isinstance(message, FileMessage)
        }
        self._folder = folder
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Drop the message, unless a file of its key is already somewhere.

        Returns:
            A receipt that says QUEUED: the system picks files up on its own schedule.

        Raises:
            RejectedError: The system has refused the file before.
            RetryableError: The file could not be written.
            UnknownOutcomeError: It was written and may not have got its name.
            ConfigurationError: The message is not declared, or the payload lacks a field.
        """
        message = declared_message(self._messages, correction)
        fields = payload_fields(correction, {**message.values, **message.body})
        path = filled_path(correction, message.drop)
        if self._is_rejected(correction, message):
            raise RejectedError(
                f"{self.system}: the file of '{correction.message}' {correction.idempotency_key} was refused.",
                found=f"it lies in {filled_path(correction, message.rejected)}",
                remedy="see why with the system's owner; the same file would be refused again",
            )
        if self._whereabouts(correction, message) is Observed.ABSENT:
            content = json.dumps(fields, ensure_ascii=False, indent=1).encode()
            self._folder.drop(path, content)
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.QUEUED,
            reference=path.rsplit("/", 1)[-1],
            received_at=self._clock.now(),
        )

    def read_back(self, correction: Correction) -> Observed:
        """Return where the file is: waiting is QUEUED, processed is APPLIED, refused or nowhere is ABSENT.

        Raises:
            SystemDownError: The folder cannot be read.
            ConfigurationError: The message is not declared.
        """
        return self._whereabouts(correction, declared_message(self._messages, correction))

    def _whereabouts(self, correction: Correction, message: FileMessage) -> Observed:
        # In the order a file travels: looked for the other way round, one that moves meanwhile is never seen.
        if self._folder.exists(filled_path(correction, message.drop)):
            return Observed.QUEUED
        if self._folder.exists(filled_path(correction, message.processed)):
            return Observed.APPLIED
        return Observed.ABSENT

    def _is_rejected(self, correction: Correction, message: FileMessage) -> bool:
        return self._folder.exists(filled_path(correction, message.rejected))
