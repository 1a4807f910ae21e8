"""What people do to exceptions: take, assign, comment, put off, wait for somebody, go on, link.

What each does is written in `exceptions.working`. A command may say by `If-Match` what its caller has seen: where
the case has moved since, nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import require_unchanged, shown
from fulfillment_pipelines.console.api.exceptions import ExceptionDetail, OfCase, exception_detail
from fulfillment_pipelines.console.api.shapes import Asked, Moment, Name, Number, Words
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.exceptions.working import noting, pausing, taking
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter(prefix="/exceptions", tags=["exceptions"])

Worker = Annotated[Actor, calls(Permission.CASE_WORK)]
Commenter = Annotated[Actor, calls(Permission.CASE_COMMENT)]
Command = Callable[[UnitOfWork, datetime], Case]


class Assignment(Asked):
    """Whom a case is handed to."""

    to: Name | None = Field(description="A person; null for the queue of the team.", examples=["ben"])
    reason: Words


class Comment(Asked):
    """What is said of a case."""

    text: Words


class Snooze(Asked):
    """Until when a case is put off."""

    until: Moment
    reason: Words


class Waiting(Asked):
    """For whom outside a case waits; the time until it must be solved stands still meanwhile."""

    on_whom: Words = Field(examples=["the carrier"])
    reason: Words


class Resumption(Asked):
    """Why a case goes on."""

    reason: Words | None = None


class Link(Asked):
    """A record of another system that belongs to a case."""

    system: Name = Field(examples=["crm"])
    reference: Number = Field(examples=["CS-00042"])


@router.post("/{case_id}/take", response_model=ExceptionDetail)
def take(request: Request, actor: Worker, case_id: OfCase) -> Response:
    """Take a case that nobody else has, and begin with it."""
    return _do(request, actor, case_id, lambda work, now: taking.take(work, case_id, by=actor.id, now=now))


@router.post("/{case_id}/assign", response_model=ExceptionDetail)
def assign(request: Request, actor: Worker, case_id: OfCase, wanted: Assignment) -> Response:
    """Hand a case to a person, or back to the queue of its team."""
    people = console_of(request).policies.people

    def command(work: UnitOfWork, now: datetime) -> Case:
        return taking.assign(work, case_id, wanted.to, by=actor.id, reason=wanted.reason, people=people, now=now)

    return _do(request, actor, case_id, command)


@router.post("/{case_id}/comment", response_model=ExceptionDetail)
def comment(request: Request, actor: Commenter, case_id: OfCase, wanted: Comment) -> Response:
    """Say something of a case."""

    def command(work: UnitOfWork, now: datetime) -> Case:
        return noting.comment(work, case_id, wanted.text, by=actor.id, now=now)

    return _do(request, actor, case_id, command, Permission.CASE_COMMENT)


@router.post("/{case_id}/snooze", response_model=ExceptionDetail)
def snooze(request: Request, actor: Worker, case_id: OfCase, wanted: Snooze) -> Response:
    """Put a case off; it wakes by itself."""
    sla = console_of(request).platform.case_policy.sla

    def command(work: UnitOfWork, now: datetime) -> Case:
        return pausing.snooze(work, case_id, wanted.until, by=actor.id, reason=wanted.reason, sla=sla, now=now)

    return _do(request, actor, case_id, command)


@router.post("/{case_id}/wait", response_model=ExceptionDetail)
def wait(request: Request, actor: Worker, case_id: OfCase, wanted: Waiting) -> Response:
    """Note that a case waits for somebody outside."""

    def command(work: UnitOfWork, now: datetime) -> Case:
        return pausing.wait_for_external(work, case_id, wanted.on_whom, by=actor.id, reason=wanted.reason, now=now)

    return _do(request, actor, case_id, command)


@router.post("/{case_id}/resume", response_model=ExceptionDetail)
def resume(request: Request, actor: Worker, case_id: OfCase, wanted: Resumption) -> Response:
    """Go on with a case that was put off, or waited for somebody outside."""

    def command(work: UnitOfWork, now: datetime) -> Case:
        return pausing.resume(work, case_id, by=actor.id, reason=wanted.reason or "", now=now)

    return _do(request, actor, case_id, command)


@router.post("/{case_id}/link", response_model=ExceptionDetail)
def link(request: Request, actor: Worker, case_id: OfCase, wanted: Link) -> Response:
    """Note that a record of another system belongs to a case, such as the case of the customer service."""

    def command(work: UnitOfWork, now: datetime) -> Case:
        return noting.link(work, case_id, wanted.system, wanted.reference, by=actor.id, now=now)

    return _do(request, actor, case_id, command)


def _do(
    request: Request,
    actor: Actor,
    case_id: str,
    command: Command,
    permission: Permission = Permission.CASE_WORK,
) -> Response:
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        work.take_turn("intake")
        before = exception_detail(work, case_id, actor)
        actor.require(permission, before.owner)
        require_unchanged(request, before)
        command(work, console.now())
        after = exception_detail(work, case_id, actor)
        work.commit()
    return shown(request, after)
