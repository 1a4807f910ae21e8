"""Run the suite on one system and gather what it said into a certificate.

A check that breaks in our own hands is a failed check, never a silent one. Writing the certificate down belongs in
`page.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import sqlglot
from sqlglot import exp

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.certification.benches.bench import Bench
from fulfillment_pipelines.certification.benches.files import FilesBench
from fulfillment_pipelines.certification.benches.http import HttpBench
from fulfillment_pipelines.certification.benches.memory import MemoryBench
from fulfillment_pipelines.certification.benches.sql import SqlBench
from fulfillment_pipelines.certification.checks.check import Check, Needs, told
from fulfillment_pipelines.certification.checks.timing import percentile_95
from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.example import ExampleCorrections
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import (
    Certificate,
    CheckResult,
    EntityReport,
    Finding,
    not_run,
)
from fulfillment_pipelines.certification.workbench import Workbench
from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError
from fulfillment_pipelines.systems.declaration import (
    FilesDeclaration,
    HttpDeclaration,
    MemoryDeclaration,
    SqlDeclaration,
)
from fulfillment_pipelines.systems.memory import MemorySystem


@contextmanager
def on_the_bench(
    subject: Subject,
    policy: CertificationPolicy,
    *,
    example: ExampleCorrections | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Examination]:
    """Put a system on the bench; nothing is connected until a check looks at it.

    Args:
        subject: The system.
        policy: Sizes and limits.
        example: The corrections that may really be made.
        wait: Lets seconds pass between two looks at a correction that was taken in.

    Raises:
        ConfigurationError: It lives in memory, and is not the system that ships.
    """
    with TemporaryDirectory(prefix="certification-") as folder, ExitStack() as closing:
        workbench = Workbench(subject, Path(folder))
        closing.callback(workbench.close)
        yield Examination(
            subject=subject,
            policy=policy,
            bench=_bench_of(subject, policy),
            workbench=workbench,
            example=example,
            wait=wait,
        )


def results_of(
    examination: Examination, checks: Sequence[Check] = CHECKS, *, done: Callable[[CheckResult], None] = lambda _: None
) -> tuple[CheckResult, ...]:
    """Run checks in their order, each on every entity it looks at.

    Args:
        examination: The system on the bench.
        checks: What is looked at.
        done: Told each result as it comes.
    """
    results: list[CheckResult] = []
    for check in checks:
        for entity in examination.subject.entities if check.per_entity else ("",):
            results.append(_result(examination, check, entity))
            done(results[-1])
    return tuple(results)


def certificate_of(
    examination: Examination, results: Sequence[CheckResult], *, issued_by: str, product_version: str
) -> Certificate:
    """Return the certificate of what was found.

    Args:
        examination: The system on the bench, after its checks.
        results: What the checks said.
        issued_by: Who ran them.
        product_version: Version of the product that ran them.
    """
    subject, declaration = examination.subject, examination.subject.declaration
    return Certificate(
        system=subject.name,
        title=declaration.title,
        role=declaration.role.value,
        node=declaration.node,
        transport=declaration.transport.kind,
        distributor=subject.distributor,
        interface_version=declaration.contract_version,
        declaration=subject.declaration_name,
        declaration_sha256=subject.declaration_sha256,
        product_version=product_version,
        issued_at=subject.clock.now(),
        issued_by=issued_by,
        freshness_seconds=declaration.freshness_seconds,
        writes=examination.example is not None,
        results=tuple(results),
        entities=tuple(report for entity in subject.entities if (report := _report(examination, entity)) is not None),
    )


def _bench_of(subject: Subject, policy: CertificationPolicy) -> Bench:
    match subject.declaration:
        case HttpDeclaration() as declaration:
            return HttpBench(subject, declaration, policy)
        case SqlDeclaration() as declaration:
            return SqlBench(subject, declaration, policy)
        case FilesDeclaration() as declaration:
            return FilesBench(subject, declaration, policy)
        case MemoryDeclaration() as declaration:
            system = subject.connect(declaration, subject.references)
            if isinstance(system, MemorySystem):
                return MemoryBench(subject, declaration, system)
    raise ConfigurationError(
        f"The system '{subject.name}' cannot be put to the test.",
        expected="a transport that has a bench",
        found=subject.declaration.transport.kind,
        remedy="certify the system that stands behind it",
    )


def _result(examination: Examination, check: Check, entity: str) -> CheckResult:
    began = time.monotonic()
    finding = _finding(examination, check, entity)
    return CheckResult(
        check_id=check.check_id,
        title=check.title,
        area=check.area,
        entity=entity,
        verdict=finding.verdict,
        said=finding.said,
        evidence=finding.evidence,
        seconds=round(time.monotonic() - began, 3),
    )


def _finding(examination: Examination, check: Check, entity: str) -> Finding:
    def look() -> Finding:
        why_not = _nothing_to_look_at(examination, entity) if check.needs is Needs.ROWS else None
        return check.look(examination, entity) if why_not is None else why_not

    return told(look)


def _nothing_to_look_at(examination: Examination, entity: str) -> Finding | None:
    try:
        rows = examination.clean(entity).rows.num_rows
    except FulfillmentError:
        return not_run("Nothing could be pulled; see 'A pull is complete'.")
    return None if rows else not_run("The entity has no rows: there is nothing to look at.")


def _report(examination: Examination, entity: str) -> EntityReport | None:
    """Return what was seen of an entity; None where it could not be pulled or its mapping does not run."""
    feed = examination.subject.feeds[entity]
    try:
        clean, checked = examination.clean(entity), examination.checked(entity)
    except FulfillmentError:
        return None
    seconds = examination.durations[entity]
    return EntityReport(
        entity=entity,
        contract=feed.contract.name,
        contract_version=feed.contract.version,
        mapping_version=feed.mapping.version,
        rows=checked.rows,
        quarantined_rows=checked.failing_rows,
        failures=checked.failures,
        unread_fields=tuple(clean.decoded.undeclared),
        unmapped_fields=_unmapped(feed),
        columns=checked.columns,
        pulls=len(seconds),
        p50_seconds=round(median(seconds), 4),
        p95_seconds=round(percentile_95(seconds), 4),
        rows_per_second=round(checked.rows / median(seconds), 1) if median(seconds) else 0.0,
    )


def _unmapped(feed: CanonicalFeed) -> tuple[str, ...]:
    """Return the declared fields that the mapping does not read."""
    tree = sqlglot.parse_one(feed.mapping.body, read="duckdb")
    read = {column.name for column in tree.find_all(exp.Column)}
    return tuple(name for name in feed.layout.fields if name not in read)
