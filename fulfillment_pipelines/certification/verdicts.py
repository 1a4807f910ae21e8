"""What a check says, and the certificate that gathers what all of them said: plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What came of a check. Only PASSED is a promise kept."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    NOT_RUN = "NOT RUN"
    NOT_APPLICABLE = "NOT APPLICABLE"


class Area(StrEnum):
    """What a check is about; a certificate is read area by area, in this order."""

    ACCESS = "Access"
    CONTENT = "Content"
    READING = "Reading"
    DRIFT = "Changes of the interface"
    OUTAGES = "Outages and limits"
    WRITING = "Corrections"
    TIMING = "Timing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw.

    Attributes:
        verdict: What came of it.
        said: One sentence for a person: what was seen, or why it was not run or does not apply.
        evidence: What supports the sentence, name to value, in the order in which it is shown.
    """

    verdict: Verdict
    said: str
    evidence: Mapping[str, str] = field(default_factory=dict)


def passed(said: str, **evidence: object) -> Finding:
    """Return that the promise was kept."""
    return Finding(Verdict.PASSED, said, _shown(evidence))


def failed(said: str, **evidence: object) -> Finding:
    """Return that the promise was broken."""
    return Finding(Verdict.FAILED, said, _shown(evidence))


def not_run(why: str, **evidence: object) -> Finding:
    """Return that it is not known whether the promise is kept, and why."""
    return Finding(Verdict.NOT_RUN, why, _shown(evidence))


def not_applicable(why: str, **evidence: object) -> Finding:
    """Return that the system makes no such promise, and why."""
    return Finding(Verdict.NOT_APPLICABLE, why, _shown(evidence))


def _shown(evidence: Mapping[str, object]) -> dict[str, str]:
    return {name.replace("_", " "): str(value) for name, value in evidence.items()}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of a certificate.

    Attributes:
        check_id: Identity of the check, the same in every certificate.
        title: The promise, in words.
        area: What it is about.
        entity: Which entity was looked at; empty where the check is of the whole system.
        verdict: What came of it.
        said: One sentence for a person.
        evidence: What supports it.
        seconds: How long it took.
    """

    check_id: str
    title: str
    area: Area
    entity: str
    verdict: Verdict
    said: str
    evidence: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class ColumnCoverage:
    """How far one column of the contract is filled by what came.

    Attributes:
        column: Its canonical name.
        required: Whether a row without it is quarantined.
        mapped: Whether the mapping gives it at all.
        filled_rows: Rows that have a value.
        rows: Rows that came.
    """

    column: str
    required: bool
    mapped: bool
    filled_rows: int
    rows: int

    @property
    def filled_share(self) -> float:
        """Filled rows of all rows, from 0 to 1; 0 where none came."""
        return self.filled_rows / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class EntityReport:
    """What was seen of one entity.

    Attributes:
        entity: Declared name.
        contract: The canonical contract its rows are held to.
        contract_version: Version of that contract.
        mapping_version: Hash of the snapshot SQL, or of the mapping, that was used.
        rows: Rows landed.
        quarantined_rows: Rows that broke the contract.
        failures: Rows that fail each check of the contract, by check.
        unread_fields: Fields the system sends and the declaration does not name.
        unmapped_fields: Fields that are declared and that the mapping does not use.
        columns: Coverage of the contract's columns.
        pulls: How many pulls were timed.
        p50_seconds: Median duration of a pull.
        p95_seconds: Duration that 95 of 100 pulls keep to; the longest where few were timed.
        rows_per_second: Rows by the median duration.
    """

    entity: str
    contract: str
    contract_version: int
    mapping_version: str
    rows: int
    quarantined_rows: int
    failures: Mapping[str, int]
    unread_fields: Sequence[str]
    unmapped_fields: Sequence[str]
    columns: Sequence[ColumnCoverage]
    pulls: int
    p50_seconds: float
    p95_seconds: float
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was found when a declared system was put to the test.

    Attributes:
        system: Declared name.
        title: Its name for people.
        role: What it is to the distributor.
        node: The site it speaks for; empty for all.
        transport: How it is reached: http, sql, files or memory.
        distributor: Whose system it is.
        interface_version: Version of the interface agreed with its owner.
        declaration: Name of the declaration's file.
        declaration_sha256: Hash of that file: the certificate is of this declaration and no other.
        product_version: Version of the product that tested.
        issued_at: When the test ended.
        issued_by: Who ran it.
        freshness_seconds: How old a snapshot may be, as declared.
        writes: Whether an example correction was sent.
        results: Every check, in the order of the suite.
        entities: What was seen of each entity.
    """

    system: str
    title: str
    role: str
    node: str
    transport: str
    distributor: str
    interface_version: str
    declaration: str
    declaration_sha256: str
    product_version: str
    issued_at: datetime
    issued_by: str
    freshness_seconds: int
    writes: bool
    results: tuple[CheckResult, ...]
    entities: tuple[EntityReport, ...]

    def count(self, verdict: Verdict) -> int:
        """Return how many checks came to a verdict."""
        return sum(1 for result in self.results if result.verdict is verdict)

    @property
    def passed(self) -> bool:
        """Whether nothing failed; what was not run is no failure, and no promise either."""
        return self.count(Verdict.FAILED) == 0

    @property
    def complete(self) -> bool:
        """Whether every check that applies was run."""
        return self.count(Verdict.NOT_RUN) == 0

    def as_json(self) -> dict[str, Any]:
        """Return the certificate for programs: all of it, the counts, and the hash that the page shows, too."""
        said = asdict(self) | {"issued_at": self.issued_at.isoformat()}
        counts = {verdict.value: self.count(verdict) for verdict in Verdict}
        return {**said, "counts": counts, "passed": self.passed, "complete": self.complete, "sha256": self.sha256}

    @property
    def sha256(self) -> str:
        """Hash of everything the certificate says: the page and the JSON of one test show the same."""
        said = json.dumps(asdict(self), sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()
