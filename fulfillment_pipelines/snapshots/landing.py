"""Keep every snapshot as it was received: bytes in files, facts about them in a manifest beside them.

A landed snapshot is a directory that appears whole or not at all and is never edited. Reading records out
of the pages belongs to `decoding`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from fulfillment_pipelines.domain.snapshot import Page, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError

PART_SUFFIX: Final = ".part"
"""Ends the name of a directory that is not a snapshot: one that is being written, or on its way out."""

_MANIFEST: Final = "manifest.json"


class Manifest(BaseModel):
    """What is known of one landed snapshot.

    Attributes:
        snapshot_id: Moment and content: the same answer at the same moment has the same identity.
        cursor: The cursor to continue from; None for an entity that is always pulled whole.
        whole: Whether rows absent from the snapshot no longer exist in the system.
        content_sha256: Hash over the pages in order.
        other_fields: Fields the system has for the entity beside those in the pages.
    """

    model_config = ConfigDict(frozen=True)

    snapshot_id: str
    system: str
    entity: str
    contract_version: str
    as_of: datetime
    pulled_at: datetime
    duration_seconds: float
    since: str | None
    cursor: str | None
    whole: bool
    complete: bool
    problem: str
    declared_rows: int | None
    declared_sums: dict[str, str]
    pages: tuple[str, ...]
    content_bytes: int
    content_sha256: str
    other_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LandedSnapshot:
    """A snapshot on disk: its manifest and the files of its pages, in order."""

    manifest: Manifest
    directory: Path

    @property
    def page_paths(self) -> tuple[Path, ...]:
        """The files of the pages, in the order received."""
        return tuple(self.directory / page for page in self.manifest.pages)


class LandingArea:
    """The directory that keeps every snapshot: `{system}/{entity}/{snapshot_id}/`.

    Args:
        directory: Root of the landing area; made when the first snapshot lands.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def land(
        self, snapshot: Snapshot, *, contract_version: str, pulled_at: datetime, duration_seconds: float
    ) -> LandedSnapshot:
        """Write a snapshot's pages and manifest; landing the same answer twice changes nothing."""
        digest = _content_hash(snapshot)
        snapshot_id = f"{snapshot.as_of.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{_identity(snapshot.scope, digest)[:12]}"
        manifest = Manifest(
            snapshot_id=snapshot_id,
            system=snapshot.system,
            entity=snapshot.entity,
            contract_version=contract_version,
            as_of=snapshot.as_of.astimezone(UTC),
            pulled_at=pulled_at,
            duration_seconds=duration_seconds,
            since=snapshot.scope.since,
            cursor=snapshot.cursor,
            whole=snapshot.scope.everything and snapshot.complete,
            complete=snapshot.complete,
            problem=snapshot.problem,
            declared_rows=snapshot.declared_rows,
            declared_sums=dict(snapshot.declared_sums),
            pages=tuple(_page_file_name(number, page) for number, page in enumerate(snapshot.pages, start=1)),
            content_bytes=sum(len(page.content) for page in snapshot.pages),
            content_sha256=digest,
            other_fields=snapshot.other_fields,
        )
        target = self._directory / snapshot.system / snapshot.entity / snapshot_id
        if not target.exists():
            _write_whole(target, snapshot, manifest)
        return LandedSnapshot(manifest, target)

    def landed(self, system: str, entity: str, known: Container[str] = ()) -> Iterator[LandedSnapshot]:
        """Return the landed snapshots of a feed, the oldest first.

        Args:
            system: Declared name of the system.
            entity: Declared name of the entity.
            known: Identities to leave out: reading the manifests of a month costs more than a pass.

        Raises:
            BadDataError: A manifest cannot be read.
        """
        feed = self._directory / system / entity
        unknown = (snapshot_id for snapshot_id in self.identities(system, entity) if snapshot_id not in known)
        yield from in_turn(
            LandedSnapshot(_read_manifest(feed / snapshot_id / _MANIFEST), feed / snapshot_id)
            for snapshot_id in unknown
        )

    def identities(self, system: str, entity: str) -> list[str]:
        """Return the identities of a feed's landed snapshots, the oldest first."""
        feed = self._directory / system / entity
        if not feed.is_dir():
            return []
        return sorted(path.name for path in os.scandir(feed) if not path.name.endswith(PART_SUFFIX))

    def latest(self, system: str, entity: str) -> LandedSnapshot | None:
        """Return the latest landed snapshot of a feed; None where there is none.

        Raises:
            BadDataError: Its manifest cannot be read.
        """
        identities = self.identities(system, entity)
        return next(self.landed(system, entity, known=identities[:-1]), None)

    def everything(self) -> Iterator[tuple[str, str, str]]:
        """Return system, entity and identity of every landed snapshot, whether or not its feed is still declared."""
        for path in self._directory.glob("*/*/*"):
            if not path.name.endswith(PART_SUFFIX):
                system, entity, snapshot_id = path.parts[-3:]
                yield system, entity, snapshot_id

    def remove(self, system: str, entity: str, snapshot_id: str) -> None:
        """Remove a snapshot, whole or not at all; one that is gone already is no error."""
        directory = self._directory / system / entity / snapshot_id
        if directory.is_dir():
            shutil.rmtree(directory.rename(directory.with_name(directory.name + PART_SUFFIX)))

    def remove_parts(self, before: datetime) -> int:
        """Remove what a crash left half written or half removed, and return how many there were.

        Args:
            before: Of this machine's time; what was touched since may still be on its way.
        """
        parts = self._directory.glob("*/*/*" + PART_SUFFIX)
        old = [part for part in parts if part.stat().st_mtime < before.timestamp()]
        for part in old:
            shutil.rmtree(part, ignore_errors=True)
        return len(old)


def in_turn(snapshots: Iterable[LandedSnapshot]) -> Iterator[LandedSnapshot]:
    """Return a feed's snapshots, which come in the order of their moments, those of one moment as they were pulled.

    What a system says of one moment may differ from one pull to the next where its clock is coarse.
    """
    for _, of_one_moment in groupby(snapshots, key=lambda snapshot: snapshot.manifest.as_of):
        yield from sorted(of_one_moment, key=lambda snapshot: snapshot.manifest.pulled_at)


def _write_whole(target: Path, snapshot: Snapshot, manifest: Manifest) -> None:
    """Write beside the target and rename, so that a crash leaves nothing that looks like a snapshot."""
    part = target.with_name(target.name + PART_SUFFIX)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, page in zip(manifest.pages, snapshot.pages, strict=True):
        (part / name).write_bytes(page.content)
    with (part / _MANIFEST).open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    part.rename(target)


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadDataError(
            f"The manifest of the landed snapshot {path.parent.name} cannot be read.",
            expected="the manifest that was written when it landed",
            found=str(error).splitlines()[0],
            remedy="restore the landing directory from backup; landed snapshots are never edited",
        ) from error


def _content_hash(snapshot: Snapshot) -> str:
    digest = hashlib.sha256()
    for page in snapshot.pages:
        digest.update(len(page.content).to_bytes(8, "big"))
        digest.update(page.content)
    digest.update(b"complete" if snapshot.complete else b"partial")
    return digest.hexdigest()


def _identity(scope: Scope, content_digest: str) -> str:
    """Return what tells answers of one moment apart: the same rows mean less where not everything was asked for."""
    if scope.everything:
        return content_digest
    asked = json.dumps([content_digest, scope.since, list(scope.keys)])
    return hashlib.sha256(asked.encode()).hexdigest()


def _page_file_name(number: int, page: Page) -> str:
    return f"{number:05d}.{page.format.value}"
