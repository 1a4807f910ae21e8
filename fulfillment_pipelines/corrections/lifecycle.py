"""The legal moves of a correction, in one table (domain book §2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import LegalMoveError
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

_S = CorrectionState

LEGAL_MOVES: Mapping[CorrectionState, frozenset[CorrectionState]] = MappingProxyType(
    {
        _S.PROPOSED: frozenset({_S.PENDING, _S.APPROVED, _S.REJECTED, _S.SUPERSEDED}),
        _S.PENDING: frozenset({_S.PROPOSED, _S.APPROVED, _S.REJECTED, _S.SUPERSEDED}),
        # A read-back before the first send may show the effect, so that ACKED is one step away.
        _S.APPROVED: frozenset({_S.SENT, _S.ACKED, _S.UNKNOWN_OUTCOME, _S.RETRYING, _S.SUPERSEDED, _S.DEAD_LETTER}),
        _S.RETRYING: frozenset({_S.SENT, _S.ACKED, _S.UNKNOWN_OUTCOME, _S.SUPERSEDED, _S.DEAD_LETTER}),
        _S.UNKNOWN_OUTCOME: frozenset({_S.SENT, _S.ACKED, _S.RETRYING, _S.SUPERSEDED, _S.DEAD_LETTER, _S.VERIFIED}),
        _S.SENT: frozenset({_S.ACKED, _S.UNKNOWN_OUTCOME, _S.RETRYING, _S.SUPERSEDED, _S.DEAD_LETTER, _S.VERIFIED}),
        _S.ACKED: frozenset({_S.VERIFIED}),
        # The effect never happened, so the same effect may be proposed again on newer evidence.
        _S.SUPERSEDED: frozenset({_S.PROPOSED}),
        _S.DEAD_LETTER: frozenset({_S.APPROVED, _S.SUPERSEDED}),
        _S.REJECTED: frozenset(),
        # One step of several whose effect a later snapshot no longer shows; its case was not ended by it.
        _S.VERIFIED: frozenset({_S.ACKED}),
    }
)
"""Where a correction may go from each state."""


def move(record: CorrectionRecord, to_state: CorrectionState) -> CorrectionRecord:
    """Return the correction in another state; in the state it has, it is returned as it is.

    Raises:
        LegalMoveError: The table does not allow it.
    """
    if to_state is record.state:
        return record
    allowed = LEGAL_MOVES[record.state]
    if to_state not in allowed:
        raise LegalMoveError(
            f"Correction {record.correction_id} ({record.message} to {record.target}) cannot move to {to_state}.",
            expected=f"one of {', '.join(sorted(allowed)) or 'none'} from {record.state}",
            found=to_state,
            remedy="read the correction again; a worker, a person or a snapshot may have moved it",
        )
    return replace(record, state=to_state)
