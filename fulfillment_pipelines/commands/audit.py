"""`fulfillment audit`: prove that the record of every decision is whole, publish its head, export it, retain it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fulfillment_pipelines.commands.opening import Config, opened_platform, reading_ledger
from fulfillment_pipelines.commands.output import EXIT_FAILED, AsJson, console, show_json, show_rows
from fulfillment_pipelines.corrections.retaining.retention import Retention, RetentionResult, retain
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_archive import missing_archives, verify_with_archives
from fulfillment_pipelines.ledger.audit_chain import BEGINNING, AuditReport, ChainEnd
from fulfillment_pipelines.ledger.audit_export import ExportFilter, export, verify_file
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.platform import audit_archive_folder, lasting_archive_folder
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor

app = typer.Typer(
    no_args_is_help=True, help="The hash-chained record of every decision, delivery and change of policy."
)

Anchor = Annotated[
    list[str] | None,
    typer.Option("--anchor", help="SEQ:HASH as `audit anchor` has printed it earlier; may be given more than once."),
]


@app.command("verify")
def verify_audit(  # noqa: PLR0917 - Typer reads the options from the signature
    since: Annotated[int | None, typer.Option(help="Believe this row and read only those behind it.", min=1)] = None,
    anchor: Anchor = None,
    file: Annotated[
        Path | None, typer.Option(help="Verify an exported file; no ledger is opened.", exists=True)
    ] = None,
    excerpt: Annotated[bool, typer.Option(help="The file was exported with a filter: rows may be missing.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Prove that no row was edited, removed, inserted or moved; exits 1 and says which when one was.

    Archived rows are read from their files, as part of the same chain.

    Example: fulfillment audit verify --anchor 1204:5f1e0c8a55a1a3b5f0f5f6f3f4c9d4b1a2e3c4d5e6f708192a3b4c5d6e7f8091
    """
    anchors = [_anchor_of(text) for text in anchor or ()]
    if file is not None:
        with _progress(None, shown=not as_json) as progress:
            report = verify_file(file, anchors=anchors, excerpt=excerpt, progress=progress)
    else:
        report = _verify_ledger(config, since, anchors, as_json=as_json)
    if as_json:
        show_json({**asdict(report), "intact": report.intact})
    elif report.intact:
        console().print(
            f"The audit log is intact: {report.rows:,} rows, head {report.head_sequence}:{report.head_hash}",
            markup=False,
        )
    else:
        _show_broken(report)
    if not report.intact:
        raise typer.Exit(EXIT_FAILED)


@app.command("anchor")
def show_anchor(config: Config = None, as_json: AsJson = False) -> None:
    """Print the head of the audit log; kept elsewhere, it proves later that nothing before it was rewritten.

    Example: fulfillment audit anchor
    """
    with reading_ledger(config) as work:
        head = audit.head_of(work) or BEGINNING
    if as_json:
        show_json(head._asdict())
        return
    typer.echo(f"{head.sequence}:{head.row_hash}")


@app.command("export")
def export_audit(  # noqa: PLR0917 - Typer reads the options from the signature
    since: Annotated[datetime | None, typer.Option(help="Recorded at this moment (UTC) or later.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Recorded before this moment (UTC).")] = None,
    subject: Annotated[str | None, typer.Option(help="What it was done to, for example a correction.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    action: Annotated[str | None, typer.Option(help="What was done, for example correction.approved.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; the output unless given.", dir_okay=False)] = None,
    config: Config = None,
) -> None:
    """Write rows of the ledger as JSON Lines, each with the text and the hashes that another tool can verify.

    Example: fulfillment audit export --since 2026-01-01 --out audit.jsonl
    """
    wanted = ExportFilter(_in_utc(since), _in_utc(until), subject, actor, action)
    with reading_ledger(config) as work:
        if out is None:
            export(work, wanted, sys.stdout)
            return
        with _written(out) as stream:
            rows = export(work, wanted, stream)
    Console(stderr=True).print(f"{rows:,} rows written to {out}", markup=False)


@app.command("retain")
def apply_retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go and what holds keep.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let go of what is older than the retention policy asks to keep, unless a legal hold keeps it.

    Rows of the audit log move to a file, which stays part of the log; ended cases and receipts are erased.

    Example: fulfillment audit retain --dry-run
    """
    with opened_platform(config) as platform, platform.ledger.unit_of_work() as work:
        folder = lasting_archive_folder(platform.settings, platform.distributor)
        retention = Retention(platform.policies.retention, platform.policies.version, folder)
        now = platform.clock.now()
        result = retain(work, retention, actor=platform.settings.actor, now=now, dry_run=dry_run)
        if not dry_run:
            work.commit()
    _show_retained(result, dry_run=dry_run, as_json=as_json)


def _verify_ledger(config: Path | None, since: int | None, anchors: list[ChainEnd], *, as_json: bool) -> AuditReport:
    settings = read_settings()
    folder = audit_archive_folder(settings, load_distributor(config or settings.config, settings.runtime_dir))
    with reading_ledger(config) as work:
        head = audit.head_of(work) or BEGINNING
        with _progress(head.sequence - (since or 0), shown=not as_json) as progress:
            if since is not None:
                return audit.verify(work, since=since, anchors=anchors, progress=progress)
            report = verify_with_archives(work, folder, anchors=anchors, progress=progress)
        _tell_missing_archives(work, folder)
        return report


def _tell_missing_archives(work: UnitOfWork, folder: Path) -> None:
    for archive in missing_archives(work, folder):
        told = (
            f"The archive {archive.file_name} (rows to {archive.last_sequence}) is not in {folder}; put it back there."
        )
        Console(stderr=True).print(told, markup=False, soft_wrap=True)


def _show_broken(report: AuditReport) -> None:
    rows = [
        {
            "kind": found.kind.value,
            "rows": str(found.sequence) if found.sequence == found.through else f"{found.sequence}-{found.through}",
            "recorded_at": found.recorded_at,
            "actor": found.actor,
            "action": found.action,
            "subject": found.subject,
            "detail": found.detail,
        }
        for found in report.breaks
    ]
    show_rows("The audit log is broken", rows, as_json=False)
    if report.further:
        console().print(f"and {report.further:,} places more", markup=False)


def _show_retained(result: RetentionResult, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        show_json({**asdict(result), "dry_run": dry_run})
        return
    would = "would go" if dry_run else "went"
    rows = [{"what": name, would: count} for name, count in asdict(result.erased).items()]
    rows.append({"what": "rows of the audit log, to a file", would: result.archived_rows})
    show_rows("Retention", rows, as_json=False)
    held = [
        {"hold_id": hold.hold_id, "kept_cases": len(hold.case_ids), "ordered_by": hold.by, "reason": hold.reason}
        for hold in result.held
    ]
    show_rows("Kept by legal holds", held, as_json=False, empty="there is no hold")
    if result.archive is not None:
        console().print(f"Archived to {result.archive.file_name}, SHA-256 {result.archive.file_hash}", markup=False)


def _anchor_of(text: str) -> ChainEnd:
    sequence, _, row_hash = text.partition(":")
    if not sequence.isdecimal() or not row_hash:
        raise ConfigurationError(
            f"'{text}' is no anchor.",
            expected="the number of a row, a colon and its hash",
            found=text,
            remedy="copy what `fulfillment audit anchor` has printed",
        )
    return ChainEnd(int(sequence), row_hash)


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    """Write a file that is there whole or not at all."""
    begun = path.with_name(path.name + ".part")
    try:
        with begun.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        begun.replace(path)
    except OSError as error:
        raise BadDataError(
            f"{path} cannot be written.", found=str(error), remedy="name a file in a folder that may be written to"
        ) from error


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show how far a verification has come, where somebody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    told = Console(stderr=True)
    with Progress(*columns, console=told, transient=True, disable=not (shown and told.is_terminal)) as progress:
        task = progress.add_task("rows verified", total=total)
        yield lambda rows: progress.update(task, completed=rows)
