"""What stands in the way of an approval, whoever gives it: too late, stopped, or to be refused at the door anyhow.

Each obstacle says what happened and what to do. Who may approve belongs in `mandate`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.corrections.approving.mandate import Refusal
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.messages.catalogue import message_type, read_message


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an approval meets, whoever gives it.

    Attributes:
        switches: Kill switches that are engaged.
        authority: The decision rights.
        now: The moment.
    """

    switches: frozenset[KillSwitch]
    authority: AuthorityMatrix
    now: datetime


_ANEW: Final = (
    "if the difference still stands, the next snapshot proposes it anew; `fulfillment approvals list` shows it"
)


def obstacle_to(record: CorrectionRecord, case: Case, circumstances: Circumstances) -> Refusal | None:
    """Return what keeps a correction from being approved now; None where nothing does."""
    switches, now = circumstances.switches, circumstances.now
    if case.closed_at is not None:
        return Refusal("the difference is gone: a later snapshot has proved the cure", "nothing is to be corrected")
    if record.expires_at is not None and record.expires_at <= now and record.state is CorrectionState.PENDING:
        return Refusal(f"its approval lapsed at {record.expires_at:%Y-%m-%d %H:%M}Z", _ANEW)
    if record.content_hash != content_hash_of(record):
        return Refusal(
            "its content is not the content that was proposed",
            "the ledger was changed by hand: `fulfillment audit verify`, then reject it",
        )
    unfit = _unfit(record) or _outside_rights(record, circumstances.authority)
    if unfit is not None:
        return unfit
    covering = sorted(covering_switches(record, switches), key=lambda switch: (switch.scope, switch.name))
    if covering:
        named = ", ".join(f"{switch.scope} {switch.name}".strip() for switch in covering)
        return Refusal(f"a kill switch is engaged for {named}", release_remedy(covering[0]))
    return None


def _unfit(record: CorrectionRecord) -> Refusal | None:
    try:
        read_message(message_type(record.message), json.loads(record.payload), json.loads(record.precondition))
    except (BadDataError, ConfigurationError) as error:
        return Refusal(
            f"its content does not fit its message: {error.found}",
            f"reject it, or mend it: `fulfillment approvals edit {record.correction_id} --set <field>=<value> ...`",
        )
    return None


def _outside_rights(record: CorrectionRecord, authority: AuthorityMatrix) -> Refusal | None:
    """Look for a row that allows it to some role; to which one it goes is asked at the door."""
    payload, precondition = json.loads(record.payload), json.loads(record.precondition)
    grants = [
        grant
        for grant in authority.grants
        if grant.message == record.message and record.correction_class in grant.classes
    ]
    misfits = [f"{grant.clause_id}: {grant.misfit(payload, precondition)}" for grant in grants]
    if any(not grant.misfit(payload, precondition) for grant in grants):
        return None
    return Refusal(
        "; ".join(misfits) or f"the decision rights know no {record.message} of class {record.correction_class}",
        "reject it: nobody can approve what lies outside the decision rights (`fulfillment policy matrix`)",
    )


def covering_switches(record: CorrectionRecord, switches: frozenset[KillSwitch]) -> frozenset[KillSwitch]:
    """Return the kill switches that cover a correction."""
    return switches & {
        KillSwitch(SwitchScope.EVERYTHING),
        KillSwitch(SwitchScope.TARGET, record.target),
        KillSwitch(SwitchScope.RULE, record.code),
        KillSwitch(SwitchScope.CASE, record.case_id),
    }


def release_remedy(switch: KillSwitch) -> str:
    """Return the command that releases a switch."""
    name = f" --name {switch.name}" if switch.name else ""
    return (
        f"once its reason is gone: `fulfillment switches release --scope {switch.scope}{name} --by <you> "
        "--reason <why>`, then approve again"
    )


def why_it_waits_no_more(record: CorrectionRecord) -> Refusal:
    """Return what became of a correction that does not wait for people."""
    return _BECAME[record.state](record)


def _approved(record: CorrectionRecord) -> Refusal:
    when = f" at {record.decided_at:%Y-%m-%d %H:%M}Z" if record.decided_at else ""
    return Refusal(
        f"it was approved by {record.decided_by or 'somebody'}{when} and is {record.state}",
        f"nothing is to be decided; `fulfillment corrections show {record.correction_id}` tells how far it is",
    )


def _superseded(record: CorrectionRecord) -> Refusal:
    remedy = f"decide on {record.superseded_by} instead" if record.superseded_by else _ANEW
    return Refusal(f"it was withdrawn: {record.decision_reason}", remedy)


def _rejected(record: CorrectionRecord) -> Refusal:
    return Refusal(
        f"{record.decided_by} rejected it: {record.decision_reason}",
        f"`fulfillment approvals edit {record.correction_id} --set <field>=<value> ...` proposes something else",
    )


def _proposed(record: CorrectionRecord) -> Refusal:
    return Refusal(f"it waits for time, not for people: {record.decision_reason}", "nothing is to be decided yet")


def _dead(record: CorrectionRecord) -> Refusal:
    return Refusal(
        f"it could not be delivered: {record.decision_reason}",
        f"`fulfillment approvals replay {record.correction_id}` tries it again as it is, "
        f"`fulfillment approvals edit {record.correction_id}` with other content",
    )


_BECAME: Final[Mapping[CorrectionState, Callable[[CorrectionRecord], Refusal]]] = MappingProxyType(
    dict.fromkeys(CorrectionState, _approved)
    | {
        CorrectionState.PROPOSED: _proposed,
        CorrectionState.SUPERSEDED: _superseded,
        CorrectionState.REJECTED: _rejected,
        CorrectionState.DEAD_LETTER: _dead,
    }
)
