"""Systems that drop files: the newest whole file of an entity is its snapshot.

Half-written files are passed over and told of. What is in a file is looked at by `contents.py`;
messages to such a system are in `sink.py`, documents of trading partners in the room `edi`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, SystemDownError
from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage
from fulfillment_pipelines.systems.declaration.files import FileEntity, FilesDeclaration
from fulfillment_pipelines.systems.declaration.parts import FileNameAsOf, FixedAsOf
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.drift import refuse_missing_fields, undeclared_entity
from fulfillment_pipelines.systems.transports.edi.answers import AnswerBook
from fulfillment_pipelines.systems.transports.edi.sink import EdiSink
from fulfillment_pipelines.systems.transports.edi.source import EdiSource
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers
from fulfillment_pipelines.systems.transports.files.contents import FileContents, examine
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.files.sink import FileSink
from fulfillment_pipelines.systems.transports.instants import instant_of

_HALF_WRITTEN_SUFFIX = ".part"


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
        declared = self._declaration.entities.get(entity)
        if declared is None:
            raise undeclared_entity(self.name, entity, self._declaration.entities)
        if isinstance(declared, EdiEntity):
            return EdiSource(self.name, entity, declared, self._folder, self._clock)
        return FileSource(self.name, entity, declared, self._folder, self._clock)

    def sink(self) -> CorrectionSink:
        """Return the sink that drops message files and documents."""
        if any(isinstance(message, DocumentMessage) for message in self._declaration.messages.values()):
            numbers, answers = self._control_numbers, self._answers
            return EdiSink(self._declaration, self._folder, self._clock, control_numbers=numbers, answers=answers)
        return FileSink(self._declaration, self._folder, self._clock)

    def check(self) -> None:
        """Return when the folder is there and can be listed.

        Raises:
            SystemDownError: It is not.
        """
        self._folder.check()

    def close(self) -> None:
        """Forget the folder; a later use finds it again."""
        self._folder.close()


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """A file that may be the snapshot; the greatest is the newest."""

    as_of: datetime
    path: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class FileSource:
    """The files of one entity."""

    def __init__(self, system: str, entity: str, declared: FileEntity, folder: Folder, clock: Clock) -> None:
        self.system = system
        self.entity = entity
        self.name = f"{system}/{entity}"
        self._declared = declared
        self._folder = folder
        self._clock = clock

    def pull(self, scope: Scope) -> Snapshot:  # noqa: ARG002 - a dropped file is always of everything
        """Return the newest whole file.

        A file that is newer and half-written leaves the snapshot incomplete, with the file named.

        Raises:
            SystemDownError: No file is there.
            BadDataError: No file is whole, or a declared field is gone.
            ConfigurationError: The folder's address is wrong.
        """
        half_written: list[str] = []
        for candidate in self._newest_first():
            content = self._folder.read(candidate.path)
            if content is None:
                continue
            contents = examine(content, self._declared)
            if contents.problem:
                half_written.append(f"{candidate.name}: {contents.problem}")
                continue
            if contents.fields is not None:
                refuse_missing_fields(self.name, self._declared, contents.fields, where=candidate.name)
            return self._snapshot(candidate, content, contents, half_written)
        if half_written:
            raise BadDataError(
                f"{self.name}: no file that matches {self._declared.path} is whole.",
                expected="a file that was written to its end",
                found="; ".join(half_written),
                remedy="have the system drop the file again; nothing of it was taken",
            )
        raise SystemDownError(
            f"{self.name}: no file matches {self._declared.path}.",
            expected="at least one dropped file",
            found="none",
            remedy="see whether the system's export runs and the folder is the right one",
        )

    def _snapshot(
        self, candidate: _Candidate, content: bytes, contents: FileContents, half_written: list[str]
    ) -> Snapshot:
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=Scope(),
            as_of=candidate.as_of,
            pages=(Page(candidate.name, content, self._declared.format),),
            complete=not half_written,
            declared_rows=contents.declared_rows,
            declared_sums=contents.declared_sums,
            problem=f"Newer files are half-written, {candidate.name} was taken instead. Found: "
            + "; ".join(half_written)
            if half_written
            else "",
        )

    def _newest_first(self) -> list[_Candidate]:
        found = self._folder.glob(self._declared.path)
        return sorted(self._candidates(path for path in found if not path.endswith(_HALF_WRITTEN_SUFFIX)), reverse=True)

    def _candidates(self, paths: Iterator[str]) -> Iterator[_Candidate]:
        """Yield files with their instants; a file whose name carries no readable instant is not of this entity."""
        for path in paths:
            match self._declared.as_of:
                case FixedAsOf(fixed=moment):
                    yield _Candidate(instant_of(moment), path)
                case FileNameAsOf(file_name=pattern):
                    if (found := re.search(pattern, PurePosixPath(path).name)) and (as_of := _instant(found[1])):
                        yield _Candidate(as_of, path)
                case None:
                    yield _Candidate(self._clock.now(), path)


def _instant(written: str) -> datetime | None:
    try:
        return instant_of(written)
    except ValueError:
        return None
