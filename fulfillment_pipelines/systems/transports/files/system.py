"""Systems that exchange files: one folder, its sources and its sink.

Files that are dropped for us are read in `source.py`, messages are written in `sink.py`; documents of trading
partners are in the room `edi`.
"""

from __future__ import annotations

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage
from fulfillment_pipelines.systems.declaration.files import FilesDeclaration
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.drift import declared_entity
from fulfillment_pipelines.systems.transports.edi.acknowledger import Acknowledger
from fulfillment_pipelines.systems.transports.edi.answers import AnswerBook
from fulfillment_pipelines.systems.transports.edi.sink import EdiSink
from fulfillment_pipelines.systems.transports.edi.source import EdiSource
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.files.sink import FileSink
from fulfillment_pipelines.systems.transports.files.source import FileSource


class FileSystem:
    """A system behind a folder, local or remote.

    Args:
        declaration: What it is declared to be.
        references: Where the folder's address comes from.
        clock: Tells when a file was read and a message dropped.
        control_numbers: Counts our interchanges; None where no documents are sent to trading partners.
    """

    def __init__(
        self,
        declaration: FilesDeclaration,
        references: References,
        clock: Clock,
        control_numbers: ControlNumbers | None = None,
    ) -> None:
        self.name = declaration.name
        self._declaration = declaration
        self._clock = clock
        self._control_numbers = control_numbers
        self._folder = Folder(declaration, references)
        self._answers = AnswerBook(self._folder)

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self._declaration.entities)
        if isinstance(declared, EdiEntity):
            return EdiSource(self.name, entity, declared, self._folder, self._clock)
        return FileSource(self.name, entity, declared, self._folder, self._clock)

    def sink(self) -> CorrectionSink:
        """Return the sink that drops message files and documents."""
        if any(isinstance(message, DocumentMessage) for message in self._declaration.messages.values()):
            numbers, answers = self._control_numbers, self._answers
            return EdiSink(self._declaration, self._folder, self._clock, control_numbers=numbers, answers=answers)
        return FileSink(self._declaration, self._folder, self._clock)

    def acknowledge(self) -> tuple[str, ...]:
        """Answer trading partners' documents with 997s, as `partners:` declares; return where new answers lie.

        Raises:
            SystemDownError: The folder cannot be read.
            RetryableError: An answer could not be written, or the count of interchanges is out of reach.
            ConfigurationError: A partner is to be answered and nobody counts our interchanges.
        """
        declared = self._declaration
        return Acknowledger(declared.name, declared.partners, self._folder, self._control_numbers).answer()

    def check(self) -> None:
        """Return when the folder is there and can be listed.

        Raises:
            SystemDownError: It is not.
        """
        self._folder.check()

    def close(self) -> None:
        """Forget the folder; a later use finds it again."""
        self._folder.close()
