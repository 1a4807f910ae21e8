"""Systems that exchange X12 or EDIFACT documents as files: all files of a folder together are the snapshot.

The files are kept as they are, in one archive; taking them apart belongs to the two readers and to `snapshots/`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, Scope, Snapshot
from fulfillment_pipelines.errors import SystemDownError
from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.transports.files.folder import Folder
from fulfillment_pipelines.systems.transports.instants import instant_of

_HALF_WRITTEN_SUFFIX = ".part"
_NO_DATE = (1980, 1, 1, 0, 0, 0)


class EdiSource:
    """The documents of one entity."""

    def __init__(self, system: str, entity: str, declared: EdiEntity, folder: Folder, clock: Clock) -> None:
        self.system = system
        self.entity = entity
        self.name = f"{system}/{entity}"
        self._declared = declared
        self._folder = folder
        self._clock = clock

    def pull(self, scope: Scope) -> Snapshot:  # noqa: ARG002 - an acknowledgement may come for any earlier document
        """Return every file that is there, in the order of their names; an empty file says only when it was written.

        Raises:
            SystemDownError: The folder cannot be read, or no file's name says when it was written.
            ConfigurationError: The folder's address is wrong.
        """
        paths = sorted(
            path for path in self._folder.glob(self._declared.path) if not path.endswith(_HALF_WRITTEN_SUFFIX)
        )
        names: list[str] = []
        archive = _archive(self._contents(paths, names))
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=Scope(),
            as_of=self._as_of(names),
            pages=(Page("files.zip", archive, self._declared.format),),
        )

    def _contents(self, paths: Sequence[str], names: list[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the files that are still there, one read at a time, and note their names."""
        for name, path in {self._below_folder(path): path for path in paths}.items():
            content = self._folder.read(path)
            if content is not None:
                names.append(name)
                yield name, content

    def _below_folder(self, path: str) -> str:
        """Return as much of a path as the declared pattern has parts: names repeat from folder to folder."""
        parts = self._declared.path.count("/") + 1
        return "/".join(path.split("/")[-parts:])

    def _as_of(self, files: Sequence[str]) -> datetime:
        if self._declared.as_of is None:
            return self._clock.now()
        pattern = re.compile(self._declared.as_of.file_name)
        moments = [moment for name in files if (found := pattern.search(name)) and (moment := _instant(found[1]))]
        if not moments:
            raise SystemDownError(
                f"{self.name}: no file that matches {self._declared.path} says when it was written.",
                expected="at least one exchanged file",
                found=f"{len(files)} files",
                remedy="see whether the partner exchange runs and the folder is the right one",
            )
        return max(moments)


def _archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack files as they come, so that the same files give the same bytes and no two need room unpacked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            if content:
                archive.writestr(zipfile.ZipInfo(name, _NO_DATE), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _instant(written: str) -> datetime | None:
    try:
        return instant_of(written)
    except ValueError:
        return None
