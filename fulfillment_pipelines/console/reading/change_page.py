"""One proposed change, with what it would change and who may decide on it; and a text that is being written."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.policy_texts import seeds_of, title_of
from fulfillment_pipelines.console.reading.text_diff import DiffLine, diff_lines
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.governing.deciding import why_not
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.change_requests import ChangeRequest, ChangeState, read_change, text_hash
from fulfillment_pipelines.ledger.policy_editions import edition_text
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One proposed change.

    Attributes:
        request: The change.
        title: What its file is called.
        lines: What it changes; none where the text it began from is not known.
        is_stale: Whether the file was changed since, so that it cannot be approved.
        obstacle: Why the person who looks may not decide; empty where nothing speaks against it.
        is_own: Whether the person who looks has proposed it.
        is_writable: Whether the console may write the file.
    """

    request: ChangeRequest
    title: str
    lines: tuple[DiffLine, ...]
    is_stale: bool
    obstacle: str
    is_own: bool
    is_writable: bool

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.request.state is ChangeState.OPEN


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written.

    Attributes:
        name: The file.
        title: What it is called.
        base_hash: Of the text it began from.
        text: What was written.
        reason: Why, as far as said.
        lines: What it changes; none before it was looked at.
        refusal: Why it cannot be proposed; None where it was not tried, or could.
        is_tried: Whether everything could be read with it.
    """

    name: str
    title: str
    base_hash: str
    text: str
    reason: str = ""
    lines: tuple[DiffLine, ...] = ()
    refusal: FulfillmentError | None = None
    is_tried: bool = False


def read_change_page(console: Console, work: UnitOfWork, request_id: int, person: str) -> ChangePage:
    """Return the page of a proposed change, as one person sees it.

    Raises:
        NotThereError: There is no such change.
    """
    request = read_change(work, request_id)
    if request is None:
        raise NotThereError(
            f"There is no proposed change {request_id}.",
            expected="the number of a proposed change",
            found="none of that number",
            remedy="choose one on the page /governance",
        )
    folder = seeds_of(console)
    now_text = folder.text(request.file_name)
    is_base = text_hash(now_text) == request.base_hash
    base = now_text if is_base else edition_text(work, request.file_name, request.base_hash)
    refusal = why_not(work, request, by=person, policies=console.policies, now=console.now())
    return ChangePage(
        request=request,
        title=title_of(request.file_name),
        lines=() if base is None else diff_lines(base, request.content),
        is_stale=request.state is ChangeState.OPEN and not is_base,
        obstacle="" if refusal is None else f"{refusal.reason}; {refusal.remedy}",
        is_own=request.proposed_by == person,
        is_writable=folder.is_writable,
    )


def begin_draft(console: Console, name: str) -> Draft:
    """Return what a file says now, to be written on.

    Raises:
        BadDataError: It is no policy file.
    """
    text = seeds_of(console).text(name)
    return Draft(name, title_of(name), text_hash(text), text)
