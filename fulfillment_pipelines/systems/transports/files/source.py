"""Read the files of one entity: the newest finished one is its snapshot.

A file is not finished while it is written, while its marker is missing, or until it was left alone for as long as
declared; such a one is passed over. What is in a file is looked at by `contents.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.declaration.files import FileEntity, ModifiedAsOf
from fulfillment_pipelines.systems.declaration.parts import FileNameAsOf, FixedAsOf
from fulfillment_pipelines.systems.transports.drift import refuse_missing_fields
from fulfillment_pipelines.systems.transports.files.contents import FileContents, examine
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.files.location import Entry
from fulfillment_pipelines.systems.transports.instants import instant_of

_HALF_WRITTEN_SUFFIX: Final = ".part"
_LOCK_PREFIX: Final = "~$"
"""Excel's, beside a workbook that somebody has open."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """A file that may be the snapshot; the greatest is the newest."""

    as_of: datetime
    modified_at: datetime
    path: str
    entry: Entry = field(compare=False)

    @property
    def name(self) -> str:
        return self.entry.name


@dataclass(slots=True)
class _PassedOver:
    """Newer files that were not taken: broken ones, and ones that are not finished."""

    broken: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


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

        A file that is newer and half-written leaves the snapshot incomplete, with the file named. One that is not
        finished does so only where the files do not say what they speak of: else an old export would pass for new.

        Raises:
            SystemDownError: No file is there, or none is finished yet.
            BadDataError: No file is whole, a declared field is gone, or the newest is not what it is declared to be.
            ConfigurationError: The folder's address is wrong, or it refuses us.
        """
        passed = _PassedOver()
        for candidate in self._newest_first():
            content = self._finished_content(candidate, passed)
            if content is None:
                continue
            contents = examine(content, self._declared)
            if contents.misread:
                raise self._misread(candidate, contents)
            if contents.problem:
                passed.broken.append(f"{candidate.name}: {contents.problem}")
                continue
            if contents.fields is not None:
                refuse_missing_fields(self.name, self._declared, contents.fields, where=candidate.name)
            return self._snapshot(candidate, content, contents, passed)
        raise self._nothing_to_take(passed)

    def _finished_content(self, candidate: _Candidate, passed: _PassedOver) -> bytes | None:
        """Return a file's bytes, None when it is gone or not finished."""
        reason = self._why_unfinished(candidate.entry)
        if not reason:
            content = self._folder.read_bounded(candidate.entry, self._declared.most_bytes)
            if content is None:
                return None
            now = self._folder.look(candidate.entry.path)
            if now is None or now.state == candidate.entry.state:
                return content
            reason = "it changed while it was read"
        passed.unfinished.append(f"{candidate.name}: {reason}")
        return None

    def _why_unfinished(self, entry: Entry) -> str:
        settle = timedelta(seconds=self._declared.settle_seconds)
        if settle and entry.modified_at is not None and self._clock.now() - entry.modified_at < settle:
            return f"it was written to less than {self._declared.settle_seconds} seconds ago"
        if self._declared.complete_when:
            marker = self._folder.look(self._marker_path(entry.path))
            if marker is None:
                return "the file that says it is finished is not there"
            if marker.modified_at and entry.modified_at and marker.modified_at < entry.modified_at:
                return "it was written anew since it was said to be finished"
        return ""

    def _marker_path(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        stem = name.rpartition(".")[0] or name
        marker = self._declared.complete_when
        return marker.replace("{path}", path).replace("{stem}", f"{folder}/{stem}")

    def _snapshot(self, candidate: _Candidate, content: bytes, contents: FileContents, passed: _PassedOver) -> Snapshot:
        newer = [*passed.broken, *(passed.unfinished if self._declared.as_of is None else ())]
        problem = f"Newer files are half-written, {candidate.name} was taken instead. Found: {'; '.join(newer)}"
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=Scope(),
            as_of=candidate.as_of,
            pages=(Page(candidate.name, content, self._declared.format),),
            complete=not newer,
            declared_rows=contents.declared_rows,
            declared_sums=contents.declared_sums,
            problem=problem if newer else "",
        )

    def _misread(self, candidate: _Candidate, contents: FileContents) -> BadDataError:
        return BadDataError(
            f"{self.name}: {candidate.name} cannot be read as it is declared.",
            expected=", ".join(self._declared.fields),
            found=contents.misread,
            remedy="correct `encoding` or `delimiter` in the system's YAML, or have the export changed back",
        )

    def _nothing_to_take(self, passed: _PassedOver) -> BadDataError | SystemDownError:
        if passed.broken:
            return BadDataError(
                f"{self.name}: no file that matches {self._declared.path} is whole.",
                expected="a file that was written to its end",
                found="; ".join(passed.broken),
                remedy="have the system drop the file again; nothing of it was taken",
            )
        if passed.unfinished:
            return SystemDownError(
                f"{self.name}: no file that matches {self._declared.path} is finished yet.",
                expected="a file that is no longer written to",
                found="; ".join(passed.unfinished),
                remedy="wait for the next pull; if it stays so, see whether the system's export comes to its end",
            )
        return SystemDownError(
            f"{self.name}: no file matches {self._declared.path}.",
            expected="at least one dropped file",
            found="none",
            remedy="see whether the system's export runs and the folder is the right one",
        )

    def _newest_first(self) -> Sequence[_Candidate]:
        found = self._folder.listing(self._declared.path)
        markers = {self._marker_path(entry.path) for entry in found} if self._declared.complete_when else set()
        files = (
            entry
            for entry in found
            if not entry.name.endswith(_HALF_WRITTEN_SUFFIX)
            and not entry.name.startswith(_LOCK_PREFIX)
            and entry.path not in markers
        )
        return sorted(self._candidates(files), reverse=True)

    def _candidates(self, entries: Iterable[Entry]) -> Iterator[_Candidate]:
        """Yield files with their instants; a file whose name carries no readable instant is not of this entity."""
        for entry in entries:
            as_of = self._as_of(entry)
            if as_of is not None:
                yield _Candidate(as_of, entry.modified_at or _LONG_AGO, entry.path, entry)

    def _as_of(self, entry: Entry) -> datetime | None:
        match self._declared.as_of:
            case FixedAsOf(fixed=moment):
                return instant_of(moment)
            case FileNameAsOf(file_name=pattern):
                found = re.search(pattern, entry.name)
                return _instant(found[1]) if found else None
            case ModifiedAsOf():
                if entry.modified_at is None:
                    raise ConfigurationError(
                        f"{self.name}: the folder does not say when its files were written.",
                        expected="`as_of: {modified: true}` only where it does",
                        remedy="take the moment from the file's name",
                    )
                return entry.modified_at
            case None:
                return self._clock.now()


def _instant(written: str) -> datetime | None:
    try:
        return instant_of(written)
    except ValueError:
        return None
