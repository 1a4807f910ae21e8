"""The rows of the queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of the queue.

    Attributes:
        cases: Those due first.
        now: The moment it speaks of.
    """

    cases: tuple[Case, ...]
    now: datetime


def read_queue(work: UnitOfWork, now: datetime) -> Queue:
    """Return open cases, those due first."""
    return Queue(tuple(list_cases(work, CaseFilter(only_open=True, limit=50))), now)
