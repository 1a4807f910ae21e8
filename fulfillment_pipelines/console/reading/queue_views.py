"""The views of the queue: those that everybody has, those of one's teams, and those one has saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fulfillment_pipelines.console.reading.queue_asked import ME, Due, QueueAsked, asked_of
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.saved_views import SavedView


@dataclass(frozen=True, slots=True)
class ViewLink:
    """One view, as a link.

    Attributes:
        name: What it is called.
        query: What it asks for.
        cases: How many it shows now.
        is_here: Whether it is the one that is shown.
        view_id: Of one that was saved; 0 for one that everybody has.
        team: Whose it is, where it is a team's.
    """

    name: str
    query: str
    cases: int
    is_here: bool
    view_id: int = 0
    team: str = ""


def standing_views(person: Person, codes: Iterable[str]) -> list[tuple[str, QueueAsked]]:
    """Return the views that everybody has, as they are for one person."""
    credit = tuple(sorted(code for code in codes if code.startswith("CRD-")))
    views = [("All open", QueueAsked()), ("Mine", QueueAsked(assignee=ME))]
    if person.teams:
        views.append(("My teams", QueueAsked(owner=tuple(sorted(person.teams)))))
    views.append(("Breaching today", QueueAsked(due=Due.TODAY.value)))
    if credit:
        views.append(("Blocked on credit", QueueAsked(code=credit)))
    if person.roles:
        views.append(("Waits for my approval", QueueAsked(waits=ME)))
    views.append(("Put off", QueueAsked(state=(CaseState.SUPPRESSED.value,))))
    return views


def view_links(
    asked: QueueAsked,
    standing: Sequence[tuple[str, QueueAsked]],
    saved: Iterable[SavedView],
    count: Callable[[QueueAsked], int],
) -> tuple[ViewLink, ...]:
    """Return all views of a person as links, with how many cases each shows.

    Args:
        asked: What is shown.
        standing: The views that everybody has.
        saved: Those that were saved; one that means nothing any more is left out.
        count: Returns how many cases a view shows.
    """
    here = asked.filters
    links = [ViewLink(name, view.query(), count(view), view == here) for name, view in standing]
    for kept in saved:
        try:
            view = asked_of(parse_qsl(kept.query))
        except BadDataError:
            continue
        links.append(ViewLink(kept.name, view.query(), count(view), view == here, kept.view_id, kept.team))
    return tuple(links)
