"""The audit log: searched, verified while one looks on, and taken along as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field, field_validator

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.audit_page import read_audit
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.audit_search import AuditSearch, found_lines

router: Final = APIRouter()

Auditor = Annotated[Actor, Depends(Needs(Permission.AUDIT_VIEW))]


class Asked(BaseModel):
    """What is looked for; what is left empty holds for every row. Moments without a zone are UTC."""

    subject: str = Field(default="", max_length=128)
    actor: str = Field(default="", max_length=128)
    action: str = Field(default="", max_length=64)
    request: str = Field(default="", max_length=64)
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = Field(default=None, ge=1, lt=2**63)

    @field_validator("since", "until", "before", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("since", "until")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)

    @field_validator("subject", "actor", "action", "request")
    @classmethod
    def _trimmed(cls, text: str) -> str:
        return text.strip()

    @property
    def search(self) -> AuditSearch:
        """The same for the ledger."""
        return AuditSearch(
            subject=self.subject,
            actor=self.actor,
            action=self.action,
            request_id=self.request,
            since=self.since,
            until=self.until,
            before=self.before,
        )


@router.get("/governance/audit")
def show_audit(request: Request, actor: Auditor, asked: Annotated[Asked, Query()]) -> Response:
    """Show rows of the audit log, the latest first."""
    console = console_of(request)
    with console.reading() as work:
        view = read_audit(work, asked.search, console.verifier.state)
    return console.pages.show(request, "governance_audit.html.j2", actor=actor, view=view)


@router.post("/governance/audit/verify")
def begin_verification(request: Request, actor: Auditor) -> Response:
    """Begin to verify the whole chain, unless that is being done."""
    console_of(request).verifier.begin(actor.id)
    if request.headers.get("HX-Request") == "true":
        return _verification(request, actor)
    return RedirectResponse("/governance/audit", status_code=303)


@router.get("/governance/audit/verification")
def show_verification(request: Request, actor: Auditor) -> Response:
    """Show how the verification is getting on: a piece of the page."""
    return _verification(request, actor)


@router.get("/governance/audit/export")
def export_audit(request: Request, actor: Auditor, asked: Annotated[Asked, Query()]) -> Response:
    """Send the rows that were looked for as JSON Lines, as `fulfillment audit export` writes them."""
    del actor
    return StreamingResponse(
        _lines(console_of(request), asked.search),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _verification(request: Request, actor: Actor) -> Response:
    console = console_of(request)
    return console.pages.show(request, "governance_verification.html.j2", actor=actor, view=console.verifier.state)


def _lines(console: Console, wanted: AuditSearch) -> Iterator[str]:
    with console.reading() as work:
        yield from found_lines(work, wanted)
