"""Landed snapshots that several machines share: in an object store, with a copy of what was read on each machine.

A store renames nothing, so pages are written first and the manifest last: a snapshot without its manifest has not
landed. What a snapshot is, and its form in a folder, belongs to `landing`; how long it is kept, to the upkeep.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pyarrow import fs as arrow_files

from fulfillment_pipelines.domain.snapshot import Snapshot
from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea, Manifest, in_turn
from fulfillment_pipelines.stores.object_store import SCHEME, ObjectStore

_MANIFEST: Final = "manifest.json"

_Identity = tuple[str, str, str]


@dataclass(frozen=True)
class SharedSnapshot(LandedSnapshot):
    """A snapshot in the store; its pages are fetched when they are first asked for.

    Attributes:
        fetch: Copies an object of the snapshot, by its name, into the snapshot's directory.
    """

    fetch: Callable[[str], None]

    @property
    def page_paths(self) -> tuple[Path, ...]:
        """The files of the pages, in the order received, on this machine."""
        paths = tuple(self.directory / page for page in self.manifest.pages)
        for path in paths:
            if not path.exists():
                self.fetch(path.name)
        return paths


class SharedLandingArea(LandingArea):
    """The prefix that keeps every snapshot: `{system}/{entity}/{snapshot_id}/`.

    Args:
        directory: Of this machine's copies; it may be lost at any time.
        url: `s3://bucket/prefix`.
        store: The account; connected at first use.
        listing_seconds: How long a list of a feed's snapshots counts. A store charges for every list, and a loop would
            ask for one of each feed several times a second; what this process lands itself is known at once.
        monotonic: Seconds of a clock that is never set.
    """

    def __init__(
        self,
        directory: Path,
        url: str,
        store: ObjectStore,
        *,
        listing_seconds: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(directory)
        self._copies = directory
        self._root = url.removeprefix(SCHEME).rstrip("/")
        self._store = store
        self._connected: arrow_files.FileSystem | None = None
        self._listing_seconds = listing_seconds
        self._monotonic = monotonic
        self._listed: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    def land(
        self, snapshot: Snapshot, *, contract_version: str, pulled_at: datetime, duration_seconds: float
    ) -> LandedSnapshot:
        """Write a snapshot here, then to the store; landing the same answer twice changes nothing.

        Raises:
            RetryableError: The store does not take it; it has not landed.
        """
        landed = super().land(
            snapshot, contract_version=contract_version, pulled_at=pulled_at, duration_seconds=duration_seconds
        )
        manifest = landed.manifest
        prefix = f"{manifest.system}/{manifest.entity}/{manifest.snapshot_id}"
        try:
            if self._files.get_file_info(f"{self._root}/{prefix}/{_MANIFEST}").type is arrow_files.FileType.NotFound:
                for name in (*manifest.pages, _MANIFEST):
                    with self._files.open_output_stream(f"{self._root}/{prefix}/{name}") as stream:
                        stream.write((landed.directory / name).read_bytes())
        except OSError as error:
            raise _no_answer(error) from error
        feed = manifest.system, manifest.entity
        if feed in self._listed:
            listed_at, identities = self._listed[feed]
            self._listed[feed] = listed_at, identities | {manifest.snapshot_id}
        return landed

    def landed(self, system: str, entity: str, known: Container[str] = ()) -> Iterator[LandedSnapshot]:
        """Return a feed's snapshots in the store, the oldest first, whichever machine landed them; see `LandingArea`.

        Raises:
            BadDataError: A manifest cannot be read.
            RetryableError: The store does not answer.
        """
        unknown = (snapshot_id for snapshot_id in self.identities(system, entity) if snapshot_id not in known)
        found = (self._landed(f"{system}/{entity}/{snapshot_id}") for snapshot_id in unknown)
        yield from in_turn(snapshot for snapshot in found if snapshot is not None)

    def identities(self, system: str, entity: str) -> list[str]:
        """Return the identities of a feed's snapshots in the store, the oldest first; one may still be on its way in.

        Raises:
            RetryableError: The store does not answer.
        """
        now, feed = self._monotonic(), (system, entity)
        listed_at, identities = self._listed.get(feed, (float("-inf"), frozenset()))
        if now - listed_at >= self._listing_seconds:
            found = self._below(f"{self._root}/{system}/{entity}", arrow_files.FileType.Directory)
            identities = frozenset(folder.base_name for folder in found)
            self._listed[feed] = now, identities
        return sorted(identities)

    def everything(self) -> Iterator[tuple[str, str, str]]:
        """Return system, entity and identity of every snapshot in the store.

        Raises:
            RetryableError: The store does not answer.
        """
        for identity, file in self._objects():
            if file.base_name == _MANIFEST:
                yield identity

    def remove(self, system: str, entity: str, snapshot_id: str) -> None:
        """Remove a snapshot from the store and from this machine, its manifest first: without it, nothing has landed.

        Raises:
            RetryableError: The store does not answer.
        """
        prefix = f"{self._root}/{system}/{entity}/{snapshot_id}"
        try:
            with suppress(FileNotFoundError):
                self._files.delete_file(f"{prefix}/{_MANIFEST}")
            # Each by itself: after a crash between the two, the manifest alone is gone.
            with suppress(FileNotFoundError):
                self._files.delete_dir(prefix)
        except OSError as error:
            raise _no_answer(error) from error
        super().remove(system, entity, snapshot_id)
        self._listed.pop((system, entity), None)

    def remove_parts(self, before: datetime) -> int:
        """Remove uploads and removals that never ended, and this machine's copies of what the store has no longer.

        Raises:
            RetryableError: The store does not answer.
        """
        landed: set[_Identity] = set()
        touched_at: dict[_Identity, datetime] = {}
        for identity, file in self._objects():
            touched_at[identity] = max(file.mtime, touched_at.get(identity, file.mtime))
            if file.base_name == _MANIFEST:
                landed.add(identity)
        unended = [identity for identity, at in touched_at.items() if identity not in landed and at < before]
        for identity in unended:
            self.remove(*identity)
        return len(unended) + self._remove_copies(landed, before) + super().remove_parts(before)

    def _objects(self) -> Iterator[tuple[_Identity, arrow_files.FileInfo]]:
        """Return every object of a snapshot with the snapshot's identity; what else people put there is left alone."""
        for file in self._below(self._root, arrow_files.FileType.File, recursive=True):
            match file.path.removeprefix(f"{self._root}/").split("/"):
                case [system, entity, snapshot_id, _]:
                    yield (system, entity, snapshot_id), file

    def _remove_copies(self, landed: Container[_Identity], before: datetime) -> int:
        """Remove copies of what is in the store no longer; a younger one may be on its way there."""
        copies = [self._copies.joinpath(*identity) for identity in super().everything() if identity not in landed]
        old = [copy for copy in copies if copy.stat().st_mtime < before.timestamp()]
        for copy in old:
            shutil.rmtree(copy, ignore_errors=True)
        return len(old)

    def _below(self, prefix: str, kind: arrow_files.FileType, *, recursive: bool = False) -> list[arrow_files.FileInfo]:
        selector = arrow_files.FileSelector(prefix, allow_not_found=True, recursive=recursive)
        try:
            found = self._files.get_file_info(selector)
        except OSError as error:
            raise _no_answer(error) from error
        return sorted((info for info in found if info.type is kind), key=lambda info: info.path)

    def _landed(self, prefix: str) -> LandedSnapshot | None:
        """Return a snapshot; None while its manifest is not there yet."""
        directory = self._copies / prefix

        def fetch(name: str) -> None:
            self._fetch(f"{prefix}/{name}", directory / name)

        try:
            if not (directory / _MANIFEST).exists():
                fetch(_MANIFEST)
            manifest = Manifest.model_validate_json((directory / _MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise BadDataError(
                f"The manifest of the landed snapshot {directory.name} cannot be read.",
                expected="the manifest that was written when it landed",
                found=str(error).splitlines()[0],
                remedy="restore the bucket's version of it; landed snapshots are never edited",
            ) from error
        return SharedSnapshot(manifest, directory, fetch)

    def _fetch(self, path: str, copy: Path) -> None:
        """Copy an object beside its place, then rename it, so that no half of it is read after a crash."""
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(copy.name + ".part")
        try:
            with self._files.open_input_stream(f"{self._root}/{path}") as stream:
                part.write_bytes(stream.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _no_answer(error) from error
        part.rename(copy)

    @property
    def _files(self) -> arrow_files.FileSystem:
        if self._connected is None:
            self._connected = self._store.for_arrow()
        return self._connected


def _no_answer(error: OSError) -> RetryableError:
    return RetryableError(
        "The object store that keeps landed snapshots does not answer.",
        expected="to read and write below FULFILLMENT_LANDING_URL",
        found=str(error).splitlines()[0],
        remedy="look at the store and its keys, then run again",
    )
