"""`fulfillment systems certify`: put a declared system to the test, and write down what was found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from fulfillment_pipelines.certification.certify import certificate_of, on_the_bench, results_of
from fulfillment_pipelines.certification.checks.check import Check
from fulfillment_pipelines.certification.example import (
    ExampleCorrections,
    WriteExample,
    example_corrections,
    read_example,
)
from fulfillment_pipelines.certification.page import write_certificate
from fulfillment_pipelines.certification.policy import read_certification_policy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import Certificate, CheckResult, Verdict
from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.corrections.content import Content
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.errors import ConfigurationError, RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engaged_switches
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.platform import Platform, build_platform, runtime_folder
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.sql_models import read_models

Name = Annotated[str, typer.Argument(help="Declared name of the system.")]
Entities = Annotated[list[str] | None, typer.Option("--entity", help="Look at this entity only; may be repeated.")]
Write = Annotated[
    Path | None,
    typer.Option("--write", help="Example correction that may really be made, and its undoing.", exists=True),
]
By = Annotated[str, typer.Option(help="Who approves the example, as people.yaml names the person; of governance.")]
Into = Annotated[
    Path | None, typer.Option("--into", help="Folder the certificate is written to; one of this run unless given.")
]

_TABLE_COLUMNS: Final = (Verdict.FAILED, Verdict.NOT_RUN)


def certify_system(  # noqa: PLR0917 - Typer reads the options from the signature
    name: Name,
    config: Config = None,
    entities: Entities = None,
    write: Write = None,
    by: By = "",
    into: Into = None,
    as_json: AsJson = False,
) -> None:
    """Put a system to the test as it is configured, and write a certificate (HTML and JSON); exits 1 when it fails.

    The system is only read: faults are made on this side of the wire. Nothing is written to it unless an example
    correction is given and approved, which is sent, looked for and taken back.

    Example: fulfillment systems certify portal --into docs/certificates
    """
    example = read_example(write) if write else None
    with build_platform(read_settings(), config=config) as platform:
        subject = _subject(platform, name, entities or [])
        corrections = _approved(platform, subject, example, by) if example else None
        certificate = _tested(platform, subject, corrections, quiet=as_json)
        stamp = certificate.issued_at.strftime("%Y%m%dT%H%M%SZ")
        folder = into or runtime_folder(platform.settings, platform.distributor) / "certificates" / stamp
    page, _ = write_certificate(certificate, folder)
    if as_json:
        show_json(certificate.as_json())
    else:
        _show(certificate, page)
    if not certificate.passed:
        raise typer.Exit(EXIT_FAILED)


def _subject(platform: Platform, name: str, entities: Sequence[str]) -> Subject:
    registry = platform.registry
    declaration = registry.declaration(name)
    for entity in entities:
        registry.feed(name, entity)
    path = dict(zip(registry.systems, platform.distributor.systems, strict=True))[name]
    chosen = tuple(entity for entity in declaration.entities if not entities or entity in entities)
    if not chosen:
        raise ConfigurationError(
            f"The system '{name}' cannot be certified: it is not read.",
            expected="at least one entity",
            found="none",
            remedy="declare an entity of it, or certify the system that shows its effects",
        )
    return Subject(
        declaration=declaration,
        declaration_name=path.name,
        declaration_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        distributor=platform.distributor.title,
        references=registry.references,
        connect=registry.connect_apart,
        sink_of=platform.guarded_sink_of,
        feeds={feed.entity: feed for feed in platform.feeds if feed.system == name},
        entities=chosen,
        reference=platform.reference,
        operations=read_models(platform.settings.project_root / "sql" / "00_operations"),
        clock=platform.machine_clock,
    )


def _approved(platform: Platform, subject: Subject, example: WriteExample, by: str) -> ExampleCorrections:
    """Let the audit log tell that a person has approved what will be written, before any of it is.

    Raises:
        RejectedError: The person is not of governance, or a kill switch stops what is written to the system.
    """
    _require_governance(platform, by)
    platform.prepare_ledger()
    with platform.ledger.unit_of_work() as work:
        stopped = {KillSwitch(SwitchScope.EVERYTHING), KillSwitch(SwitchScope.TARGET, subject.name)}
        if stopped & engaged_switches(work):
            raise RejectedError(
                f"Nothing is written to '{subject.name}': a kill switch is engaged.",
                remedy="see `fulfillment switches list`, or certify without --write",
            )
        approve = partial(_approve, work, by, platform.machine_clock.now())
        corrections = example_corrections(example, subject.name, f"certification-{uuid4().hex[:12]}", approve)
        work.commit()
    return corrections


def _require_governance(platform: Platform, by: str) -> None:
    """An example changes a live system without a finding behind it, so that not everybody may approve one."""
    governance, people = platform.policies.approvals.governance_role, platform.policies.people
    if not people.holds(by, governance):
        raise RejectedError(
            "An example correction is written only when somebody of governance approves it.",
            expected=f"--by with one of {', '.join(people.holders(governance))}",
            found=by or "nobody",
            remedy="name who approves it, or certify without --write",
        )


def _approve(work: UnitOfWork, by: str, now: datetime, correction: Correction) -> Correction:
    content_hash = Content.of_correction(correction).sha256
    entry = audit.AuditEntry(
        recorded_at=now,
        actor=by,
        action="example.approved",
        subject=correction.correction_id,
        detail={
            "content_hash": content_hash,
            "target": correction.target,
            "message": correction.message,
            "payload": json.dumps(dict(correction.payload), sort_keys=True),
        },
        reason="an example for a certificate",
    )
    audit.append(work, [entry])
    return replace(correction, approved_by=by, content_hash=content_hash)


def _tested(platform: Platform, subject: Subject, example: ExampleCorrections | None, *, quiet: bool) -> Certificate:
    policy = read_certification_policy(platform.distributor.seeds)
    with (
        _without_retry_notes(),
        on_the_bench(subject, policy, example=example) as examination,
        _progress(subject, quiet=quiet) as done,
    ):
        results = results_of(examination, done=done)
        return certificate_of(
            examination,
            results,
            issued_by=platform.settings.actor,
            product_version=metadata.version("fulfillment-pipelines"),
        )


@contextmanager
def _without_retry_notes() -> Iterator[None]:
    """Silence the notes on retries: faults are made on purpose here, and each would be told."""
    hooks = get_on_retry_hooks()
    set_on_retry_hooks([])
    try:
        yield
    finally:
        set_on_retry_hooks(hooks)


@contextmanager
def _progress(subject: Subject, *, quiet: bool) -> Iterator[Any]:
    total = sum(_looks(check, subject) for check in CHECKS)
    told = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=told, transient=True, disable=quiet or not told.is_terminal) as progress:
        task = progress.add_task(f"certifying {subject.name}", total=total)

        def done(result: CheckResult) -> None:
            progress.update(task, advance=1, description=f"{result.title} {result.entity}".strip())

        yield done


def _looks(check: Check, subject: Subject) -> int:
    return len(subject.entities) if check.per_entity else 1


def _show(certificate: Certificate, page: Path) -> None:
    rows = [
        {"check": one.title, "entity": one.entity, "verdict": one.verdict.value, "said": one.said}
        for one in sorted(certificate.results, key=lambda one: list(Verdict).index(one.verdict))
        if one.verdict in _TABLE_COLUMNS
    ]
    show_rows(
        f"{certificate.title}: what did not pass", rows, as_json=False, empty="nothing; every check that applies passed"
    )
    counts = ", ".join(f"{certificate.count(verdict)} {verdict.value.lower()}" for verdict in Verdict)
    console().print(f"{counts}.", markup=False)
    if not certificate.complete:
        console().print("What was not run is not known to be right.", markup=False)
    console().print(f"Certificate: {page}", markup=False, soft_wrap=True)
