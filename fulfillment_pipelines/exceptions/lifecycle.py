"""The legal moves of a case, in one table (domain book §2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.errors import LegalMoveError

_S = CaseState

_WORKABLE = frozenset(
    {
        _S.OPEN,
        _S.ASSIGNED,
        _S.IN_PROGRESS,
        _S.PENDING_APPROVAL,
        _S.WAITING_EXTERNAL,
        _S.CORRECTION_SENT,
        _S.RESOLVED,
        _S.SUPPRESSED,
        _S.AUTO_CLEARED,
    }
)

LEGAL_MOVES: Mapping[CaseState, frozenset[CaseState]] = MappingProxyType(
    {
        _S.DETECTED: frozenset({_S.OPEN, _S.ASSIGNED}),
        _S.OPEN: _WORKABLE - {_S.OPEN},
        _S.REOPENED: _WORKABLE - {_S.OPEN},
        _S.ASSIGNED: _WORKABLE - {_S.ASSIGNED},
        _S.IN_PROGRESS: _WORKABLE - {_S.IN_PROGRESS},
        _S.PENDING_APPROVAL: _WORKABLE - {_S.PENDING_APPROVAL},
        _S.WAITING_EXTERNAL: _WORKABLE - {_S.WAITING_EXTERNAL},
        # What was sent can only turn out to work or not to; either way a snapshot, not a person, ends the case.
        _S.CORRECTION_SENT: frozenset({_S.OPEN, _S.RESOLVED, _S.VERIFIED}),
        _S.RESOLVED: frozenset({_S.OPEN, _S.IN_PROGRESS, _S.PENDING_APPROVAL, _S.CORRECTION_SENT, _S.VERIFIED}),
        _S.SUPPRESSED: frozenset({_S.OPEN, _S.AUTO_CLEARED}),
        _S.VERIFIED: frozenset({_S.CLOSED, _S.REOPENED}),
        _S.AUTO_CLEARED: frozenset({_S.CLOSED, _S.REOPENED}),
        _S.CLOSED: frozenset({_S.REOPENED}),
    }
)
"""Where a case may go from each state. Only intake moves it to VERIFIED, AUTO_CLEARED or REOPENED."""


def move(case: Case, to_state: CaseState) -> Case:
    """Return the case in another state.

    Raises:
        LegalMoveError: The table does not allow it.
    """
    allowed = LEGAL_MOVES[case.state]
    if to_state not in allowed:
        raise LegalMoveError(
            f"Case {case.case_id} ({case.code} at {case.business_key}) cannot move to {to_state}.",
            expected=f"one of {', '.join(sorted(allowed))} from {case.state}",
            found=to_state,
            remedy="read the case again; another person or a snapshot may have moved it",
        )
    return replace(case, state=to_state)


def cured_state(state: CaseState) -> CaseState:
    """Return where a proved cure leads: VERIFIED if somebody acted for it, AUTO_CLEARED if it went by itself."""
    return _S.VERIFIED if _S.VERIFIED in LEGAL_MOVES[state] else _S.AUTO_CLEARED
