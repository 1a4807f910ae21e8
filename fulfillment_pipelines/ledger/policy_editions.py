"""The policies that were ever in force, word for word, so that a decision of last year is judged by last year's rules.

A policy is a file of the seeds folder, known by the version of all of them together, or a rule, known by its own; both
are what decisions carry. Which files decide belongs in `corrections.policies`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select, update

from fulfillment_pipelines.errors import AuditChainError, BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.tables import audit_log, policy_edition
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

CHANGED: Final = "policy.changed"
"""How the audit log calls it that a file says something else than when it was last recorded."""

REMOVED_VERSION: Final = "removed"
"""The version under which a file is recorded that decides no more."""

_LEAST_PREFIX: Final = 4


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file that decides.

    Attributes:
        policy_version: The version that decisions under it carry.
        file_name: Its name.
        content: Its text; empty for a file that decides no more.
    """

    policy_version: str
    file_name: str
    content: str

    @property
    def content_hash(self) -> str:
        """SHA-256 of its text; empty where it decides no more."""
        return hashlib.sha256(self.content.encode()).hexdigest() if self.content else ""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """That one file was seen to say something else than before.

    Attributes:
        recorded_at: When it was seen.
        actor: Who ran the platform then.
        file_name: The file.
        policy_version: The version from then on.
        previous_version: The version until then; empty for none.
        content_hash: Of its text from then on; empty where it was removed.
        previous_hash: Of its text until then; empty for none.
    """

    recorded_at: datetime
    actor: str
    file_name: str
    policy_version: str
    previous_version: str
    content_hash: str
    previous_hash: str


@dataclass(frozen=True, slots=True)
class _InForce:
    policy_version: str
    content_hash: str
    recorded_at: datetime


def record_policies(
    ledger: Ledger, files: Iterable[PolicyFile], *, actor: str, now: datetime
) -> tuple[PolicyChange, ...]:
    """Compare the files that decide with those recorded last; keep and audit what has changed.

    Args:
        ledger: The ledger, migrated. Nothing is written where nothing has changed.
        files: All files that decide now.
        actor: Who runs the platform.
        now: The moment, by the machine's clock.

    Returns:
        The changes, by file name.

    Raises:
        RetryableError: The ledger is busy.
    """
    wanted = {file.file_name: file for file in files}
    with ledger.reading() as work:
        if not _outdated(_in_force(work), wanted):
            return ()
    with ledger.unit_of_work() as work:
        changes = record_policies_within(work, wanted.values(), actor=actor, now=now)
        work.commit()
    return changes


def record_policies_within(
    work: UnitOfWork, files: Iterable[PolicyFile], *, actor: str, now: datetime
) -> tuple[PolicyChange, ...]:
    """Do the same as part of the running transaction, as when a person changes a file; the caller commits."""
    work.take_turn("audit")
    return _record(work, {file.file_name: file for file in files}, actor, now)


def edition_text(work: UnitOfWork, file_name: str, content_hash: str) -> str | None:
    """Return the text that a file had under a hash of the audit log; None where that text was not kept.

    Raises:
        AuditChainError: The text is not the one that was recorded.
    """
    columns = policy_edition.c
    had = (columns.file_name == file_name) & (columns.content_hash == content_hash)
    rows = work.rows(select(columns.policy_version, columns.content).where(had).limit(1))
    if not rows:
        return None
    found = PolicyFile(rows[0].policy_version, file_name, rows[0].content)
    _require_recorded(found, content_hash)
    return found.content


def policy_changes(work: UnitOfWork, file_name: str = "") -> list[PolicyChange]:
    """Return the changes that the audit log in the database tells of, the oldest first; of one file, if named."""
    query = select(audit_log).where(audit_log.c.action == CHANGED).order_by(audit_log.c.sequence)
    if file_name:
        query = query.where(audit_log.c.subject == file_name)
    changes: list[PolicyChange] = []
    for row in work.rows(query):
        detail = json.loads(row.detail)
        changes.append(
            PolicyChange(
                recorded_at=row.recorded_at,
                actor=row.actor,
                file_name=row.subject,
                policy_version=row.policy_version,
                previous_version=detail["previous_version"],
                content_hash=detail["content_hash"],
                previous_hash=detail["previous_hash"],
            )
        )
    return changes


def policies_of(work: UnitOfWork, version: str) -> Mapping[str, str]:
    """Return the text of every file of a version, by file name.

    Args:
        work: A transaction.
        version: The version of a decision, or its beginning as far as that is unmistakable.

    Raises:
        BadDataError: No version begins so, or more than one.
        AuditChainError: A text is not the one that was recorded.
    """
    columns = policy_edition.c
    starts_so = columns.policy_version.startswith(version, autoescape=True)
    query = select(columns.policy_version, columns.file_name, columns.content, columns.content_hash).where(starts_so)
    rows = work.rows(query.order_by(columns.file_name)) if len(version) >= _LEAST_PREFIX else ()
    found = {row.policy_version for row in rows}
    if len(found) != 1:
        raise BadDataError(
            f"There is no one policy version '{version}'.",
            expected=f"the version of a policy or of a rule, or its first characters, at least {_LEAST_PREFIX}",
            found=", ".join(sorted(found)) or "none that begins so",
            remedy="`fulfillment policy history` shows the versions there are",
        )
    for row in rows:
        _require_recorded(PolicyFile(row.policy_version, row.file_name, row.content), row.content_hash)
    return {row.file_name: row.content for row in rows}


def _require_recorded(file: PolicyFile, content_hash: str) -> None:
    if file.content_hash != content_hash:
        raise AuditChainError(
            f"The text of {file.file_name} in the version {file.policy_version} was changed after it was recorded.",
            expected=f"a text with the hash {content_hash}",
            found=file.content_hash,
            remedy="compare with a backup of the ledger; the row policy.changed of the audit log has the hash too",
        )


def _in_force(work: UnitOfWork) -> dict[str, _InForce]:
    """Return what was recorded last of each file."""
    columns = [column for column in policy_edition.c if column.name != "content"]
    rows = work.rows(select(*columns).order_by(policy_edition.c.recorded_at))
    return {row.file_name: _InForce(row.policy_version, row.content_hash, row.recorded_at) for row in rows}


def _outdated(in_force: Mapping[str, _InForce], wanted: Mapping[str, PolicyFile]) -> list[PolicyFile]:
    """Return the files to record: with another text, of another version, or gone."""
    known = {name: (last.policy_version, last.content_hash) for name, last in in_force.items()}
    fresh = [file for name, file in wanted.items() if known.get(name) != (file.policy_version, file.content_hash)]
    gone = (name for name, last in in_force.items() if name not in wanted and last.content_hash)
    return sorted([*fresh, *(PolicyFile(REMOVED_VERSION, name, "") for name in gone)], key=lambda file: file.file_name)


def _record(work: UnitOfWork, wanted: Mapping[str, PolicyFile], actor: str, now: datetime) -> tuple[PolicyChange, ...]:
    in_force = _in_force(work)
    outdated = _outdated(in_force, wanted)
    # Also where a clock was set back, what is recorded later is later.
    latest = max((last.recorded_at for last in in_force.values()), default=None)
    at = now if latest is None else max(now, latest + timedelta(microseconds=1))
    _keep(work, outdated, at)
    nothing = _InForce("", "", at)
    changes = [
        PolicyChange(
            recorded_at=at,
            actor=actor,
            file_name=file.file_name,
            policy_version=file.policy_version,
            previous_version=in_force.get(file.file_name, nothing).policy_version,
            content_hash=file.content_hash,
            previous_hash=in_force.get(file.file_name, nothing).content_hash,
        )
        for file in outdated
        if file.content_hash != in_force.get(file.file_name, nothing).content_hash
    ]
    audit.append(work, [_entry(change) for change in changes])
    return tuple(changes)


def _keep(work: UnitOfWork, files: Sequence[PolicyFile], at: datetime) -> None:
    """Store the texts; one that comes into force again is marked as recorded now."""
    keys = (policy_edition.c.policy_version, policy_edition.c.file_name)
    known = {(row.policy_version, row.file_name) for row in work.rows(select(*keys))}
    for file in files:
        if (file.policy_version, file.file_name) in known:
            again = update(policy_edition).where(keys[0] == file.policy_version, keys[1] == file.file_name)
            work.change(again.values(recorded_at=at))
    new = [file for file in files if (file.policy_version, file.file_name) not in known]
    work.change(
        insert(policy_edition),
        [
            {
                "policy_version": file.policy_version,
                "file_name": file.file_name,
                "content_hash": file.content_hash,
                "content": file.content,
                "recorded_at": at,
            }
            for file in new
        ],
    )


def _entry(change: PolicyChange) -> audit.AuditEntry:
    detail = {
        "content_hash": change.content_hash,
        "previous_hash": change.previous_hash,
        "previous_version": change.previous_version,
    }
    reason = "recorded for the first time" if not change.previous_hash else "the file says something else than before"
    if not change.content_hash:
        reason = "the file decides no more"
    return audit.AuditEntry(
        change.recorded_at, change.actor, CHANGED, change.file_name, detail, reason, change.policy_version
    )
