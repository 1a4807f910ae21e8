"""The last door: nothing is written into a system that the decision rights do not allow and somebody has approved.

It is asked at the moment of writing and looks at what is about to go, not at what was decided: so a row of the ledger
that was changed by hand, a mistake in a policy or in the code before it, end here. The witness of an approval is the
audit log, not the correction's own row. It wraps every sink that the composition root hands out. What the decision
rights say belongs in `authority`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from fulfillment_pipelines.corrections.content import Content
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.domain.correction import Correction, CorrectionClass, Observed, Receipt
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger.approved_content import ApprovedContent
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR
from fulfillment_pipelines.systems.port import CorrectionSink

SinkOf: TypeAlias = Callable[[str], CorrectionSink]
"""Returns the sink of a declared system."""

ApprovalOf: TypeAlias = Callable[[str], ApprovedContent | None]
"""Returns the recorded approval of a correction; None where there is none."""

_NOBODY: frozenset[str] = frozenset()


class GuardedSink:
    """A sink that refuses what may not be written; looking is free.

    Args:
        sink: The system's own sink.
        role: What the system is to the distributor.
        authority: The decision rights.
        approval_of: What is recorded of a correction's approval.
        stands_in_for: Targets whose corrections the system may take when they are down.
    """

    def __init__(
        self,
        sink: CorrectionSink,
        role: Role,
        authority: AuthorityMatrix,
        *,
        approval_of: ApprovalOf,
        stands_in_for: Collection[str] = _NOBODY,
    ) -> None:
        self.system = sink.system
        self._sink = sink
        self._role = role
        self._authority = authority
        self._approval_of = approval_of
        self._stands_in_for = stands_in_for

    def apply(self, correction: Correction) -> Receipt:
        """Write the correction if it may be written.

        Raises:
            RejectedError: It may not: nothing was sent, and sending it again would be refused again.
            RetryableError: As the system's own sink.
            UnknownOutcomeError: As the system's own sink.
            ConfigurationError: As the system's own sink.
        """
        self._require_target(correction)
        _require_approved_content(correction, self._approval_of(correction.correction_id))
        grant = self._authority.require(correction.message, self._role, correction.correction_class)
        misfit = grant.misfit(correction.payload, correction.precondition)
        if misfit:
            raise _refused(
                correction, f"{grant.clause_id} does not allow it: {misfit}", "propose it anew from a newer snapshot"
            )
        return self._sink.apply(correction)

    def read_back(self, correction: Correction) -> Observed:
        """Return what the system shows of the effect."""
        return self._sink.read_back(correction)

    def _require_target(self, correction: Correction) -> None:
        if correction.target != self.system and correction.target not in self._stands_in_for:
            raise _refused(
                correction,
                f"it was approved for '{correction.target}', and '{self.system}' does not stand in for it",
                "name the fallback in `data/seeds/delivery.yaml`, or have it approved for this system",
            )


def guarded(
    sink_of: SinkOf,
    role_of: Callable[[str], Role],
    authority: AuthorityMatrix,
    *,
    approval_of: ApprovalOf,
    stands_in_for: Callable[[str], Collection[str]] = lambda _: _NOBODY,
) -> SinkOf:
    """Return a function that hands out only guarded sinks.

    Args:
        sink_of: Hands out the systems' own sinks.
        role_of: Returns the role of a declared system.
        authority: The decision rights.
        approval_of: Returns what is recorded of a correction's approval.
        stands_in_for: Returns the targets that a system may take corrections of when they are down.
    """

    def guarded_sink_of(system: str) -> CorrectionSink:
        return GuardedSink(
            sink_of(system),
            role_of(system),
            authority,
            approval_of=approval_of,
            stands_in_for=stands_in_for(system),
        )

    return guarded_sink_of


def _require_approved_content(correction: Correction, approval: ApprovedContent | None) -> None:
    if not correction.approved_by or approval is None:
        raise _refused(
            correction,
            "the audit log records no approval of it",
            "have it approved (`fulfillment approvals list`); if it was, `fulfillment audit verify` tells what changed",
        )
    if correction.correction_class is CorrectionClass.JUDGEMENT and approval.actor == POLICY_ACTOR:
        raise _refused(
            correction, "a judgement is approved by a person, not by the policy", "have it approved by a person"
        )
    found = Content.of_correction(correction).sha256
    if not found == correction.content_hash == approval.content_hash:
        raise RejectedError(
            f"{_named(correction)} is not sent: its content is not the content that was approved.",
            expected=f"content hash {approval.content_hash or 'of an approval, but none is recorded'}",
            found=f"content hash {found}",
            remedy="find out who changed it (`fulfillment audit verify`), and have the right content approved",
        )


def _refused(correction: Correction, why: str, remedy: str) -> RejectedError:
    return RejectedError(f"{_named(correction)} is not sent: {why}.", remedy=remedy)


def _named(correction: Correction) -> str:
    return f"{correction.correction_id} ({correction.message} to {correction.target})"
