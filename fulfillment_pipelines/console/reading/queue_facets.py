"""What the queue can be narrowed to: the choices of each filter, with how many cases each would show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.console.reading.queue_asked import ME, ROOTS, Due, QueueAsked
from fulfillment_pipelines.console.reading.queue_memory import holds
from fulfillment_pipelines.ledger.case_queue import NOBODY, QueueFilter, QueueGroup

NO_SITE: Final = "-"
"""Stands for cases without a site in an address."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a filter can be set to.

    Attributes:
        value: In the address.
        label: For a reader.
        cases: How many open cases have it, with the other filters as they are; None where that is not counted.
        is_on: Whether the filter is set to it.
    """

    value: str
    label: str
    cases: int | None
    is_on: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter.

    Attributes:
        name: In the address.
        label: For a reader.
        choices: What it can be set to.
    """

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set.

    Attributes:
        label: What it is set to, in words.
        query: What is asked for without it.
    """

    label: str
    query: str


_LABELS: Final[Mapping[str, str]] = {
    "severity": "Severity",
    "owner": "Team",
    "node": "Site",
    "state": "State",
    "code": "Code",
}
_DUE: Final = {Due.OVERDUE: "Overdue", Due.TODAY: "Due today", Due.WEEK: "Due within 7 days"}


def facets_of(
    asked: QueueAsked, wanted: QueueFilter, groups: Sequence[QueueGroup], titles: Mapping[str, str]
) -> tuple[Facet, ...]:
    """Return the filters whose choices follow from the open cases.

    Args:
        asked: What is shown.
        wanted: The same, as the ledger is asked.
        groups: How many open cases there are of each kind.
        titles: What an exception code means.
    """
    facets = []
    for name, label in _LABELS.items():
        on = getattr(asked, name)
        counted = _counted(name, wanted, groups)
        values = sorted({*counted, *on})
        choices = (Choice(one, _label(name, one, titles), counted[one], one in on) for one in values)
        facets.append(Facet(name, label, tuple(choices)))
    return tuple(facets)


def assignee_choices(asked: QueueAsked, names: Mapping[str, str]) -> Facet:
    """Return the filter by who has a case."""
    people = [(ME, "Me"), (NOBODY, "Nobody"), *sorted(names.items(), key=lambda person: person[1])]
    choices = tuple(Choice(value, label, None, asked.assignee == value) for value, label in people)
    return Facet("assignee", "Assignee", choices)


def due_choices(asked: QueueAsked) -> Facet:
    """Return the filter by deadline."""
    return Facet("due", "Due", tuple(Choice(due.value, label, None, asked.due == due) for due, label in _DUE.items()))


def chips_of(asked: QueueAsked, names: Mapping[str, str]) -> tuple[Chip, ...]:
    """Return the filters that are set, each with what is asked for without it."""
    chips = [
        Chip(_words(name, value), asked.query(**{name: tuple(one for one in getattr(asked, name) if one != value)}))
        for name in _LABELS
        for value in getattr(asked, name)
    ]
    words: Mapping[str, Callable[[str], str]] = {
        "assignee": lambda value: f"Assignee: {_assignee(value, names)}",
        "cause": lambda value: "Causes only" if value == ROOTS else f"Caused by {value}",
        "order": lambda value: f"Order: {value}",
        "due": lambda value: _DUE[Due(value)],
        "find": lambda value: f"Found by “{value}”",
        "waits": lambda _: "Waits for my approval",
    }
    for name, told in words.items():
        if value := getattr(asked, name):
            chips.append(Chip(told(value), asked.query(**{name: ""})))
    return tuple(chips)


def _counted(name: str, wanted: QueueFilter, groups: Iterable[QueueGroup]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for group in groups:
        if holds(group, wanted, but=name):
            value = getattr(group, name)
            counted[NO_SITE if name == "node" and not value else value] += group.cases
    return counted


def _label(name: str, value: str, titles: Mapping[str, str]) -> str:
    if name == "code":
        return f"{value} {titles.get(value, '')}".strip()
    return _plain(name, value)


def _plain(name: str, value: str) -> str:
    if name == "state":
        return value.replace("_", " ").capitalize()
    return "no site" if name == "node" and value == NO_SITE else value


def _words(name: str, value: str) -> str:
    return f"{_LABELS[name]}: {_plain(name, value)}"


def _assignee(value: str, names: Mapping[str, str]) -> str:
    return {ME: "me", NOBODY: "nobody"}.get(value, names.get(value, value))
