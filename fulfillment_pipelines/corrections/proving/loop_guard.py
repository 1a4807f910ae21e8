"""What follows from a correction loop (SYS-05): the key is corrected by people only, until one of them lets go.

Whether there is a loop, the rule says; what a switch stops is in `policy` and in the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

LOOP_CODE: Final = "SYS-05"
"""The code whose business key is `CODE/business key` of the case that is corrected again and again."""
ACTOR: Final = "loop guard"
"""Who engages the switch in the audit log."""


def stop_loops(work: UnitOfWork, findings: Iterable[Finding], *, now: datetime) -> tuple[str, ...]:
    """Switch automatic correction off for every case that loops, within the running transaction; the caller commits.

    Returns:
        The cases, sorted; those that were switched off before included.
    """
    looping = {
        case_id_of(*_named(finding)): finding
        for finding in findings
        if finding.code == LOOP_CODE and finding.verdict is Verdict.DIFFER
    }
    for case_id, finding in sorted(looping.items()):
        reason = f"{finding.business_key}: {finding.actual_value}"
        engage(work, KillSwitch(SwitchScope.CASE, case_id), actor=ACTOR, reason=reason, now=now)
    return tuple(sorted(looping))


def _named(finding: Finding) -> tuple[str, str, str]:
    code, _, business_key = finding.business_key.partition("/")
    return code, business_key, finding.node
