"""Which landed snapshots cases name: what a person who decides on a case, or a court, may want to look at.

Letting go of the other snapshots belongs in `upkeep`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from fulfillment_pipelines.corrections.retaining.retention import kept_cases
from fulfillment_pipelines.corrections.retaining.retention_policy import RetentionPolicy
from fulfillment_pipelines.ledger.retention import evidence_of_cases, evidence_of_open_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_IDENTITY: Final = re.compile(r"\b\d{8}T\d{12}Z-[0-9a-f]{12}\b")


def snapshots_named(work: UnitOfWork, policy: RetentionPolicy, *, now: datetime) -> frozenset[str]:
    """Return the identities of the snapshots that open cases, and cases under a legal hold, name as evidence.

    Args:
        work: A transaction that may write, since keys are staged in it; there is nothing to commit.
        policy: Whose holds count.
        now: The moment.
    """
    named: set[str] = set()
    for text in evidence_of_open_cases(work):
        named.update(_IDENTITY.findall(text))
    if policy.legal_holds:
        held = [case.case_id for case in kept_cases(work, now) if policy.holds_on(case)]
        for text in evidence_of_cases(work, held):
            named.update(_IDENTITY.findall(text))
    return frozenset(named)
