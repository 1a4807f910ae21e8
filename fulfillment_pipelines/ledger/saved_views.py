"""Views of the queue that people have saved: one's own, and those of a team.

What a view asks for is kept as the text of a query; what it means belongs to the console.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, insert, or_, select

from fulfillment_pipelines.ledger.tables import saved_view
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SavedView:
    """One view.

    Attributes:
        person_id: Whose; empty for a team's.
        team: Of which team; empty for a person's.
        name: What it is called.
        query: What it asks for.
        view_id: Identity; 0 until it is stored.
    """

    person_id: str
    team: str
    name: str
    query: str
    view_id: int = 0


def views_of(work: UnitOfWork, person_id: str, teams: frozenset[str]) -> list[SavedView]:
    """Return a person's own views and those of some teams, by name."""
    mine = and_(saved_view.c.person_id == person_id, saved_view.c.team == "")
    ours = and_(saved_view.c.person_id == "", saved_view.c.team.in_(sorted(teams)))
    rows = work.rows(select(saved_view).where(or_(mine, ours)).order_by(saved_view.c.name, saved_view.c.view_id))
    return [SavedView(row.person_id, row.team, row.name, row.query, row.view_id) for row in rows]


def save_view(work: UnitOfWork, view: SavedView, now: datetime) -> None:
    """Keep a view in the place of one of the same name."""
    of = saved_view.c
    same = (of.person_id == view.person_id, of.team == view.team, of.name == view.name)
    work.change(delete(saved_view).where(*same))
    values = {"person_id": view.person_id, "team": view.team, "name": view.name, "query": view.query}
    work.change(insert(saved_view), [{**values, "created_at": now}])


def forget_view(work: UnitOfWork, view_id: int, person_id: str, teams: frozenset[str]) -> bool:
    """Let go of a view that is the person's own or of one of these teams, and return whether there was one."""
    of = saved_view.c
    whose = or_(
        and_(of.person_id == person_id, of.team == ""),
        and_(of.person_id == "", of.team.in_(sorted(teams))),
    )
    return work.change(delete(saved_view).where(of.view_id == view_id, whose)) > 0
