"""Everything that corrections meet, under the hand of a model: differences, people, workers, clocks and a target.

The world holds what was promised against the ledger whenever it is asked to. In which order things happen belongs to
the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from fulfillment_pipelines.corrections.approving import approval
from fulfillment_pipelines.corrections.approving.editing import Edit, edit
from fulfillment_pipelines.corrections.approving.lapse import lapse
from fulfillment_pipelines.corrections.approving.replay import replay
from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.delivering.notices import take_notice
from fulfillment_pipelines.corrections.lifecycle import LEGAL_MOVES
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.corrections.proving.confirm import confirm
from fulfillment_pipelines.corrections.proving.loop_guard import stop_loops
from fulfillment_pipelines.domain.case import RuleRun, case_id_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed, Scalar
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError, RejectedError
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger import audit, switches
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.ledger.readings import list_corrections, receipts_of, show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.ledger.tables import outbox
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines_tests.faults.delivering import UNFINISHED, billed_too_soon, dispatcher_of, unbilled
from fulfillment_pipelines_tests.faults.scripted_target import Reply, ScriptedTarget, Sight
from fulfillment_pipelines_tests.faults.stepped_worker import AtTheDoor, Ended, MortalLedger, SteppedWorker

IN_FLIGHT_SECONDS: Final = 15
"""How long a request may be on its way before the transport gives it up; the world gives no worker more."""

_LAST: Final = "last"
_PATIENCE_TURNS: Final = 200
_TURN_SECONDS: Final = 1800


def _closure() -> Mapping[CorrectionState, frozenset[CorrectionState]]:
    """Return where a correction may come to in any number of legal moves."""
    reachable = {state: {state} for state in CorrectionState}
    for _ in CorrectionState:
        for found in reachable.values():
            found |= {further for state in found for further in LEGAL_MOVES[state]}
    return {state: frozenset(found) for state, found in reachable.items()}


_REACHABLE: Final = _closure()
_CODES: Final = {"invoice.request": "FIN-01", "invoice.hold": "FIN-03"}


class Act(StrEnum):
    """What a person may do with a correction."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"
    REPLAY = "replay"


class TargetEvent(StrEnum):
    """What a target does without being asked."""

    CYCLE = "does what it has taken in"
    LOSS = "loses an effect"
    NOTICE_OF_EFFECT = "tells of effects, twice"
    NOTICE_OF_NOTHING = "tells that nothing is there, twice"


@dataclass(frozen=True)
class Difference:
    """What is wrong with one order, and the message that would cure it.

    Attributes:
        message: invoice.request or invoice.hold.
        order_id: The order.
        qty: What is to be invoiced; a hold has none.
        is_judged: Whether a person must decide.
    """

    message: str
    order_id: str
    qty: str
    is_judged: bool

    def finding(self, make_finding: Callable[..., Finding], now: datetime) -> Finding:
        """Return what a rule says of it."""
        make = billed_too_soon if self.message == "invoice.hold" else unbilled
        found = make(make_finding, self.order_id)
        payload = json.loads(found.payload)
        if self.message == "invoice.request":
            payload["invoiced_qty"] = self.qty
        reason = "somebody should look" if self.is_judged else ""
        return make_finding(
            **{
                name: getattr(found, name)
                for name in (
                    *("code", "business_key", "order_id", "message", "target_role", "correction_class"),
                    "precondition",
                )
            },
            payload=json.dumps(payload),
            judgement_reason=reason,
            watermark_at=now,
            snapshots_seen=3,
        )


@dataclass(frozen=True)
class Said:
    """What was approved under a key."""

    message: str
    payload: Mapping[str, Scalar]
    precondition: Mapping[str, Scalar]

    @property
    def about(self) -> tuple[str, str, str]:
        """The difference that its effect cures: message, order, quantity."""
        return self.message, str(self.payload["order_id"]), str(self.payload.get("invoiced_qty", ""))


class DeliveryWorld:
    """A ledger and everything around it.

    Args:
        ledger_url: A migrated ledger with nothing in it.
        policies: As shipped.
        case_policy: As shipped.
        make_finding: Makes findings.
        noon: When the world begins.
        takes_keys: Whether the target knows idempotency keys.
    """

    def __init__(
        self,
        *,
        ledger_url: str,
        policies: Policies,
        case_policy: CasePolicy,
        make_finding: Callable[..., Finding],
        noon: datetime,
        takes_keys: bool,
    ) -> None:
        self._url = ledger_url
        self._policies = policies
        self._case_policy = case_policy
        self._make_finding = make_finding
        self.ledger = Ledger(ledger_url)
        self.clock, self.machine_clock = FixedClock(noon), FixedClock(noon)
        self.target = ScriptedTarget(takes_keys)
        self.workers: dict[str, SteppedWorker] = {}
        self.engaged: set[KillSwitch] = set()
        self._differences: dict[tuple[str, str], Difference] = {}
        self._approved: dict[str, Said] = {}
        self._undone: set[str] = set()
        self._known_dead: set[str] = set()
        self._states: dict[str, CorrectionState] = {}
        self._begun = 0
        self._latest_at = noon
        self._arrived_at: dict[str, float] = {}

    # What happens in the distributor.

    def differ(self, difference: Difference) -> None:
        """Let something go wrong with an order, or otherwise than before."""
        self._differences[difference.message, difference.order_id] = difference

    def snapshot(self) -> None:
        """Look at everything, and decide on what is seen: one turn of the loop."""
        now = self.clock.now()
        self._latest_at = max(self._latest_at, now)
        findings = [
            one.finding(self._make_finding, now) for one in self._differences.values() if not self._is_cured(one)
        ]
        runs = [RuleRun(code, None, now, trustworthy=True) for code in _CODES.values()]
        with self.ledger.unit_of_work() as work:
            taken = intake(work, findings, runs, policy=self._case_policy, now=now)
            confirm(work, findings, now=now, runs=runs, reopened=taken.reopened)
            stop_loops(work, findings, now=now)
            lapse(work, now=now)
            proposed = propose(work, findings, policies=self._policies, target_of=lambda role, *_: role, now=now)
            work.commit()
        self._note_approved(proposed.approved)

    def _is_cured(self, difference: Difference) -> bool:
        about = (difference.message, difference.order_id, difference.qty)
        return self.target.holds(key for key, said in self._approved.items() if said.about == about)

    # What people do.

    def act(self, act: Act, by: str) -> None:
        """Let a person act on the first correction for which it makes sense, if they may."""
        state = CorrectionState.DEAD_LETTER if act is Act.REPLAY else CorrectionState.PENDING
        waiting = sorted(one.correction_id for one in self.corrections() if one.state is state)
        if not waiting:
            return
        with suppress(RejectedError, BadDataError), self.ledger.unit_of_work() as work:
            decided = self._decided(work, act, waiting[0], by)
            work.commit()
            if decided.state is CorrectionState.APPROVED:
                self._note_approved([decided.correction_id])

    def _decided(self, work: UnitOfWork, act: Act, identity: str, by: str) -> CorrectionRecord:
        policies, now = self._policies, self.clock.now()
        match act:
            case Act.APPROVE:
                return approval.approve(work, identity, by=by, reason="agreed", policies=policies, now=now)
            case Act.REJECT:
                return approval.reject(work, identity, by=by, reason="not so", policies=policies, now=now)
            case Act.REPLAY:
                return replay(work, identity, by=by, reason="mended", policies=policies, now=now)
            case Act.EDIT:
                wanted = Edit({"invoiced_qty": "3"}, by, "counted again", target_role="finance")
                return edit(work, identity, wanted, policies=policies, now=now)

    def engage(self, switch: KillSwitch) -> None:
        """Engage a kill switch."""
        with self.ledger.unit_of_work() as work:
            switches.engage(work, switch, actor="ines", reason="stop", now=self.clock.now())
            work.commit()
        self.engaged.add(switch)

    def release_all(self) -> None:
        """Release every kill switch."""
        with self.ledger.unit_of_work() as work:
            for switch in switches.engaged_switches(work):
                switches.release(work, switch, actor="ines", reason="go on", now=self.clock.now())
            work.commit()
        self.engaged.clear()

    def _note_approved(self, identities: Iterable[str]) -> None:
        for record in self.corrections():
            if record.correction_id in set(identities):
                said = Said(record.message, json.loads(record.payload), json.loads(record.precondition))
                self._approved[record.idempotency_key] = said

    # What workers and the target do.

    def begin(self, slot: str) -> None:
        """Start a worker in a slot; it runs to the door of the target."""
        self._begun += 1
        name, own = f"{slot}{self._begun}", MortalLedger(self._url)
        self.workers[slot] = SteppedWorker(name, own, lambda sink: self._dispatcher(own, sink, name))
        self.workers[slot].start()
        self._arrived(slot)

    def reply(self, slot: str, reply: Reply, sight: Sight) -> None:
        """Let a worker's request become something; it runs on to the next door."""
        worker, request = self.workers[slot], self._request_of(slot)
        correction, late = request.correction, self.settle_seconds - 1
        if request.is_look:
            worker.go_on(lambda: self.target.show(correction, sight))
        else:
            if reply in {Reply.ROLLED_BACK, Reply.TWICE}:
                self._undone.add(correction.idempotency_key)
            worker.go_on(lambda: self.target.take(correction, reply, late))
        self._arrived(slot)

    def kill(self, slot: str, *, arrives: str, is_known: bool) -> None:
        """End a worker that is sending; its request may have come to nothing, have had its effect, or have it later."""
        worker, key = self.workers[slot], self._request_of(slot).correction.idempotency_key
        if arrives != "never":
            self.target.asked[key] += 1
            if arrives == "at once":
                self.target.land(key)
            else:
                self.target.send_late(key, self.settle_seconds - 1)
        worker.die()
        self._ended(worker, is_known=is_known)

    def doom(self, slot: str, points: int) -> None:
        """Let a worker die after so many more points of its transactions."""
        self.workers[slot].ledger.dies_after = points

    def happen(self, event: TargetEvent) -> None:
        """Let the target do something by itself."""
        match event:
            case TargetEvent.CYCLE:
                self.target.run_cycle()
            case TargetEvent.LOSS:
                held = sorted(key for key, times in self.target.landed.items() if times)
                self._undone.update(held[:1])
                for key in held[:1]:
                    self.target.roll_back(key)
            case TargetEvent.NOTICE_OF_EFFECT:
                self._tell_twice(Observed.APPLIED)
            case TargetEvent.NOTICE_OF_NOTHING:
                self._tell_twice(Observed.ABSENT)

    def _tell_twice(self, observed: Observed) -> None:
        for key in sorted(self.target.asked):
            if bool(self.target.landed[key]) is (observed is Observed.APPLIED):
                told = Notice("finance", f"N-{key[:6]}-{observed}", key, observed, "REF", self.clock.now())
                for _ in range(2):
                    with self.ledger.unit_of_work() as work:
                        take_notice(work, told, self._policies.delivery)
                        work.commit()

    @property
    def has_work(self) -> bool:
        """Whether anything is to be delivered."""
        return any(state in UNFINISHED for state in self._states.values())

    @property
    def waits_for_people(self) -> bool:
        """Whether a person could do something."""
        return bool({CorrectionState.PENDING, CorrectionState.DEAD_LETTER} & set(self._states.values()))

    @property
    def at_the_door(self) -> list[str]:
        """The slots whose workers wait for what becomes of their requests."""
        return [slot for slot, worker in self.workers.items() if worker.is_running]

    @property
    def sending(self) -> list[str]:
        """The slots whose workers have sent something and wait for the answer."""
        return [slot for slot in self.at_the_door if not self._request_of(slot).is_look]

    def _request_of(self, slot: str) -> AtTheDoor:
        at = self.workers[slot].at
        assert isinstance(at, AtTheDoor)
        return at

    def may_pass(self, seconds: float) -> bool:
        """Whether no request that is on its way would be given up meanwhile."""
        until = self.target.elapsed_seconds + seconds
        under_way = (slot for slot, worker in self.workers.items() if worker.is_running)
        return all(until - self._arrived_at[slot] <= IN_FLIGHT_SECONDS for slot in under_way)

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass everywhere."""
        self.clock.at += timedelta(seconds=seconds)
        self._latest_at = max(self._latest_at, self.clock.at)
        self.machine_clock.at += timedelta(seconds=seconds)
        self.target.pass_seconds(seconds)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way to the target."""
        return not self.target.under_way and not any(worker.is_running for worker in self.workers.values())

    @property
    def settle_seconds(self) -> float:
        """How long the policy gives a request to arrive."""
        return self._policies.delivery.limits_for("finance").settle_seconds

    def _dispatcher(self, ledger: Ledger, sink: CorrectionSink, name: str) -> Dispatcher:
        return dispatcher_of(
            ledger,
            sink,
            self._policies,
            self.clock,
            machine_clock=self.machine_clock,
            worker=name,
            is_gone=self._known_dead.__contains__,
        )

    def _arrived(self, slot: str) -> None:
        worker = self.workers[slot]
        self._arrived_at[slot] = self.target.elapsed_seconds
        if isinstance(worker.at, Ended):
            if worker.at.error is not None:
                raise worker.at.error
            self._ended(worker, is_known=worker.at.died)
        elif not worker.at.is_look:
            self._require_leave(worker.at.correction)

    def _ended(self, worker: SteppedWorker, *, is_known: bool) -> None:
        if is_known:
            self._known_dead.add(worker.name)

    # What was promised.

    def _require_leave(self, correction: Correction) -> None:
        """Require that what is at the target's door was approved just so, is still wanted, and is not stopped."""
        said = self._approved.get(correction.idempotency_key)
        assert said is not None, "nobody has approved it"
        assert said == Said(correction.message, correction.payload, correction.precondition), (
            "it is not what was approved"
        )
        (record,) = [one for one in self.corrections() if one.correction_id == correction.correction_id]
        assert record.state in UNFINISHED, f"it is sent although it is {record.state}"
        covering = {
            KillSwitch(SwitchScope.EVERYTHING),
            KillSwitch(SwitchScope.TARGET, "finance"),
            KillSwitch(SwitchScope.RULE, record.code),
            KillSwitch(SwitchScope.CASE, record.case_id),
        }
        assert not covering & self.engaged, "it is sent although a kill switch is engaged"

    def require_promises(self) -> None:
        """Require what holds at every moment: no second effect, legal moves only, and nothing forgotten."""
        assert [key for key, times in self.target.landed.items() if times > 1] == [], "an effect came twice"
        with self.ledger.reading() as work:
            records = list_corrections(work)
            rows = work.rows(select(outbox.c.correction_id, outbox.c.status))
        to_be_done = {row.correction_id for row in rows if row.status in {"READY", "LEASED"}}
        unfinished = {record.correction_id for record in records if record.state in UNFINISHED}
        assert to_be_done == unfinished, "the outbox and the corrections disagree on what is to be done"
        for record in records:
            before = self._states.get(record.correction_id, CorrectionState.PROPOSED)
            assert record.state in _REACHABLE[before], f"{before} became {record.state}"
            self._states[record.correction_id] = record.state

    def require_a_good_end(self) -> None:
        """Require what holds when everything has run out: one effect, or words that say why not."""
        self.require_promises()
        with self.ledger.reading() as work:
            audit.verify(work).require_intact()
            records = list_corrections(work)
            receipts = {record.correction_id: receipts_of(work, record.correction_id) for record in records}
        for record in records:
            key = record.idempotency_key
            assert record.state not in UNFINISHED, f"{record.correction_id} is still {record.state}"
            if self.target.asked[key]:
                assert receipts[record.correction_id], f"{record.correction_id} was sent without a receipt"
            effects = self.target.landed[key]
            if record.state in {CorrectionState.ACKED, CorrectionState.VERIFIED} and key not in self._undone:
                assert effects == 1, f"{record.correction_id} is {record.state} with {effects} effects"
            if record.state in {CorrectionState.SUPERSEDED, CorrectionState.DEAD_LETTER, CorrectionState.REJECTED}:
                assert record.decision_reason, f"{record.correction_id} is {record.state} and nothing says why"
            if record.state is CorrectionState.REJECTED or record.sent_at is None:
                assert effects == 0, f"{record.correction_id} has had an effect of which the ledger does not know"
        self._require_open_cases()

    def _require_open_cases(self) -> None:
        for one in self._differences.values():
            found = one.finding(self._make_finding, self.clock.now())
            with self.ledger.reading() as work:
                shown = show_case(work, case_id_of(found.code, found.business_key, found.node))
            assert shown is not None, "a difference has no case"
            assert (shown.case.closed_at is None) is not self._is_cured(one), "a case is not what its difference is"

    def corrections(self) -> list[CorrectionRecord]:
        """All corrections."""
        with self.ledger.reading() as work:
            return list_corrections(work)

    # The end.

    def run_out(self) -> None:
        """Let everybody finish, heal everything, and let time pass until nothing is left to be done."""
        self.release_all()
        self.clock.at = max(self.clock.at, self._latest_at)
        for slot, worker in self.workers.items():
            worker.ledger.dies_after = None
            self._finish(slot)
        self.pass_seconds(self.settle_seconds)
        self.target.run_cycle()
        for _ in range(_PATIENCE_TURNS):
            self.begin(_LAST)
            self._finish(_LAST)
            self.target.run_cycle()
            self.pass_seconds(_TURN_SECONDS)
            if self._is_all_done():
                self.snapshot()  # which may ask for what had to wait for something else
                if self._is_all_done():
                    return

    def _is_all_done(self) -> bool:
        return not any(record.state in UNFINISHED for record in self.corrections())

    def _finish(self, slot: str) -> None:
        while self.workers[slot].is_running:
            self.reply(slot, Reply.APPLIED, Sight.TRUE)

    def close(self) -> None:
        """End every worker and every connection."""
        for worker in self.workers.values():
            if worker.is_running:
                worker.die()
        self.ledger.close()
