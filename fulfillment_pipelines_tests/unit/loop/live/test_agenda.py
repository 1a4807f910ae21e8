"""Who is asked when: news first, others in their turn, and nobody more often than it allows."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment_pipelines.loop.live.agenda import Agenda
from fulfillment_pipelines.systems.declaration import (
    FilesDeclaration,
    HttpDeclaration,
    SqlDeclaration,
    SystemDeclaration,
)

_COMMON: dict[str, Any] = {"role": "wms", "contract_version": "1", "freshness_seconds": 60}
_ROWS: dict[str, Any] = {"contract": "holds", "fields": ["hold_no", "changed_no"], "key": ["hold_no"]}


def _database(name: str, **more: Any) -> SystemDeclaration:
    entity = {**_ROWS, "table": "holds", "since": {"column": "changed_no"}}
    transport = {"kind": "sql", "url": "sqlite:///x"}
    return SqlDeclaration(
        system=name,
        title=name,
        transport=transport,
        entities={"holds": entity},
        **_COMMON,
        **more,  # type: ignore[arg-type]
    )


def _web(name: str, *, requests: int, since: bool = True) -> SystemDeclaration:
    entity = {**_ROWS, "path": "/holds", **({"since": {"parameter": "since"}} if since else {})}
    transport = {"kind": "http", "base_url": "http://x", "rate": {"requests": requests, "per_seconds": 1}}
    entities = {"holds": entity, "others": entity}
    return HttpDeclaration(system=name, title=name, transport=transport, entities=entities, **_COMMON)  # type: ignore[arg-type]


def _folder(name: str) -> SystemDeclaration:
    entity = {**_ROWS, "path": "*.csv", "format": "csv"}
    return FilesDeclaration(
        system=name, title=name, transport={"kind": "files", "directory": "/x"}, entities={"holds": entity}, **_COMMON
    )  # type: ignore[arg-type]


class _Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> _Time:
    return _Time()


def _agenda(time: _Time, *declarations: SystemDeclaration, poll_seconds: float = 10) -> Agenda:
    return Agenda(declarations, poll_seconds=poll_seconds, monotonic=time)


def _answered(agenda: Agenda, *systems: str, has_more: bool = False) -> None:
    for system in systems:
        agenda.note_answer(system, has_more=has_more)


def test_everybody_is_asked_at_first_and_then_when_the_poll_is_due(time: _Time) -> None:
    agenda = _agenda(time, _database("east"), _database("west", poll_seconds=3))
    assert set(agenda.take_due()) == {"east", "west"}
    _answered(agenda, "east", "west")
    assert agenda.take_due() == ()
    assert agenda.wait_seconds() == 3
    time.seconds = 3
    assert agenda.take_due() == ("west",)


def test_who_has_news_is_asked_at_once_and_who_is_cheap_beside_it(time: _Time) -> None:
    agenda = _agenda(time, _database("east"), _database("west"), _folder("north"))
    _answered(agenda, *agenda.take_due())
    time.seconds = 1
    agenda.note_news(["east"])
    assert agenda.wait_seconds() == 0
    assert set(agenda.take_due()) == {"east", "west"}


def test_looking_takes_half_of_a_declared_rate_at_most_however_often_the_bell_rings(time: _Time) -> None:
    agenda = _agenda(time, _web("erp", requests=2))
    asked = 0
    for tenth in range(1000):
        time.seconds = tenth / 10
        agenda.note_news(["erp"])
        due = agenda.take_due()
        asked += len(due)
        _answered(agenda, *due)
    requests = asked * 2  # one for each entity
    assert 90 <= requests <= 102  # of 200 that are allowed in 100 seconds


def test_news_that_the_rate_puts_off_is_not_forgotten(time: _Time) -> None:
    agenda = _agenda(time, _web("erp", requests=2), poll_seconds=1000)
    _answered(agenda, *agenda.take_due())
    agenda.note_news(["erp"])
    assert agenda.take_due() == ()
    time.seconds = agenda.wait_seconds()
    assert agenda.take_due() == ("erp",)


def test_a_system_that_still_owes_an_answer_is_not_asked_again_and_holds_up_nobody(time: _Time) -> None:
    agenda = _agenda(time, _database("slow"), _database("quick"))
    agenda.take_due()
    _answered(agenda, "quick")
    for second in range(1, 4):
        time.seconds = second
        agenda.note_news(["slow", "quick"])
        assert agenda.take_due() == ("quick",)
        _answered(agenda, "quick")


def test_systems_with_a_backlog_are_asked_in_every_round_who_waits_longest_first(time: _Time) -> None:
    agenda = _agenda(time, _database("east"), _database("west"), _database("north"))
    _answered(agenda, *agenda.take_due(), has_more=True)
    for second in range(1, 5):
        time.seconds = second
        assert set(agenda.take_due()) == {"east", "west", "north"}
        _answered(agenda, "east", "west", "north", has_more=True)


def test_who_can_only_be_read_whole_is_asked_at_once_when_it_has_news_itself(time: _Time) -> None:
    agenda = _agenda(time, _web("erp", requests=100, since=False), _database("east"))
    _answered(agenda, *agenda.take_due())
    time.seconds = 1
    agenda.note_news(["east"])
    assert agenda.take_due() == ("east",)
    _answered(agenda, "east")
    agenda.note_news(["erp"])
    assert set(agenda.take_due()) == {"erp", "east"}
