"""A decision that looks only at what has moved leaves the ledger as one that looks at everything."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from sqlalchemy import select

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.cases import open_cases, update_cases
from fulfillment_pipelines.ledger.corrections import corrections_of, update_corrections
from fulfillment_pipelines.ledger.outbox import DeliveryStatus, deliveries_of, update_deliveries
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope, engage, release
from fulfillment_pipelines.ledger.tables import correction, exception_case, kill_switch, outbox
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.decided import DecidedFindings
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.warehouse import Warehouse, scratch, stage_table

_CODES = ("FIN-01", "INT-02", "INT-03")
_STEP = timedelta(seconds=5)
_SWITCH = KillSwitch(SwitchScope.RULE, "FIN-01")
Change = Callable[[UnitOfWork], None]


@dataclass
class Deciding:
    """What `decide` asks of a platform, with a ledger of its own."""

    ledger: Ledger
    warehouse: Warehouse
    case_policy: CasePolicy
    policies: Policies
    at: datetime
    decided: DecidedFindings = field(default_factory=DecidedFindings)

    @property
    def clock(self) -> Deciding:
        return self

    def now(self) -> datetime:
        return self.at

    def target_of(self, role: str, *_: str) -> str:
        return role

    def messages_of(self, _: str) -> None:
        return None

    def decide(self) -> stages.Decisions:
        return stages.decide(cast("Platform", self))

    def change(self, change: Change) -> None:
        with self.ledger.unit_of_work() as work:
            change(work)
            work.commit()

    def rows(self) -> list[tuple[Any, ...]]:
        with self.ledger.reading() as work:
            return [
                tuple(row)
                for table in (exception_case, correction, outbox, kill_switch)
                for row in work.rows(select(*(column for column in table.c if column.name != "outbox_id")))
            ]


@pytest.fixture
def lake() -> Iterator[Warehouse]:
    lake = scratch()
    yield lake
    lake.close()


@pytest.fixture
def ledgers(tmp_path: Path, migrated_sqlite: Path) -> Iterator[list[Ledger]]:
    files = [shutil.copy(migrated_sqlite, tmp_path / f"{number}.sqlite") for number in (1, 2)]
    opened = [Ledger(f"sqlite:///{file}") for file in files]
    yield opened
    for ledger in opened:
        ledger.close()


@pytest.fixture
def pair(
    lake: Warehouse, ledgers: list[Ledger], case_policy: CasePolicy, policies: Policies, noon: datetime
) -> tuple[Deciding, Deciding]:
    """Two ledgers that are told the same."""
    first, second = (Deciding(ledger, lake, case_policy, policies, noon) for ledger in ledgers)
    return first, second


_RUNS = pa.schema(
    [
        ("code", pa.string()),
        ("node", pa.string()),
        ("watermark_at", pa.timestamp("us", tz="UTC")),
        ("is_trustworthy", pa.bool_()),
    ]
)


def _say(lake: Warehouse, findings: dict[str, Finding], watermark_at: datetime) -> None:
    rows = [asdict(finding) for finding in findings.values()]
    runs = [{"code": code, "node": None, "watermark_at": watermark_at, "is_trustworthy": True} for code in _CODES]
    with lake.reading() as cursor:
        stage_table(cursor, "rec_findings", pa.Table.from_pylist(rows))
        stage_table(cursor, "rec_rule_runs", pa.Table.from_pylist(runs, schema=_RUNS))


@dataclass
class World:
    """What the rules say, and what people and targets do, by chance."""

    chance: random.Random
    make_finding: Callable[..., Finding]
    at: datetime
    findings: dict[str, Finding] = field(default_factory=dict)

    def go_on(self) -> None:
        """Let one or two things happen to the findings."""
        for _ in range(self.chance.randint(0, 2)):
            name = f"K{self.chance.randint(1, 9)}"
            if name in self.findings and self.chance.random() < 0.3:
                del self.findings[name]
            elif name in self.findings:
                self.findings[name] = self._otherwise(self.findings[name])
            else:
                self.findings[name] = self._new(name)
        for name in self.chance.sample(sorted(self.findings), k=len(self.findings) // 4):
            self.findings[name] = replace(self.findings[name], watermark_at=self.at)

    def _new(self, name: str) -> Finding:
        code = self.chance.choice(_CODES)
        # Two codes may speak of one key.
        key = self.chance.choice((name, "K0"))
        cause = self.chance.choice([*self.findings.values(), None, None])
        told = {"parent_code": "", "parent_business_key": "", "parent_node": ""}
        if cause is not None:
            told = {
                "parent_code": cause.code,
                "parent_business_key": cause.business_key,
                "parent_node": cause.node,
            }
        judged = self.chance.choice(("", "", "a person knows"))
        return self.make_finding(
            code=code, business_key=key, node=name, watermark_at=self.at, judgement_reason=judged, **told
        )

    def _otherwise(self, finding: Finding) -> Finding:
        if self.chance.random() < 0.5:
            return replace(finding, actual_value=str(self.chance.randint(1, 99)), watermark_at=self.at)
        return replace(finding, verdict=self.chance.choice(list(Verdict)[:3]), watermark_at=self.at)

    def deed(self, work: UnitOfWork) -> Change:
        """Return what somebody does to the ledger, that is the same in each."""
        draw, at = self.chance.random(), self.at
        cases = sorted(open_cases(work, _CODES))
        if draw < 0.15:
            return lambda work: engage(work, _SWITCH, actor="somebody", reason="trial", now=at)
        if draw < 0.35:
            return lambda work: release(work, _SWITCH, actor="somebody", reason="trial", now=at)
        if not cases:
            return lambda _: None
        case_id = self.chance.choice(cases)
        if draw < 0.5:
            return lambda work: _suppress(work, case_id)
        state = self.chance.choice((CorrectionState.ACKED, CorrectionState.SENT, CorrectionState.REJECTED))
        return lambda work: _deliver(work, case_id, state, at)


def _suppress(work: UnitOfWork, case_id: str) -> None:
    case = open_cases(work, _CODES)[case_id]
    state = CaseState.OPEN if case.state is CaseState.SUPPRESSED else CaseState.SUPPRESSED
    update_cases(work, [replace(case, state=state)])


def _deliver(work: UnitOfWork, case_id: str, state: CorrectionState, at: datetime) -> None:
    approved = (CorrectionState.APPROVED, CorrectionState.SENT)
    records = [one for one in corrections_of(work, [case_id]).get(case_id, []) if one.state in approved]
    acked_at = at if state is CorrectionState.ACKED else None
    update_corrections(work, [replace(one, state=state, sent_at=at, acked_at=acked_at) for one in records])
    moved = {record.correction_id for record in records}
    deliveries = deliveries_of(work, [case_id])
    done = [replace(deliveries[name], status=DeliveryStatus.DONE, finished_at=at) for name in moved & deliveries.keys()]
    update_deliveries(work, done)


@pytest.mark.parametrize("seed", range(3))
def test_what_has_moved_is_all_that_a_decision_must_see(
    lake: Warehouse, pair: tuple[Deciding, Deciding], make_finding: Callable[..., Finding], noon: datetime, seed: int
) -> None:
    narrow, whole = pair
    anchor = make_finding(business_key="ANCHOR", node="anchor")
    world = World(random.Random(seed), make_finding, noon, {"anchor": anchor})
    for _ in range(30):
        world.at += _STEP
        world.go_on()
        _say(lake, world.findings, world.at)
        whole.decided = DecidedFindings()
        for deciding in pair:
            deciding.at = world.at
            deciding.decide()
        assert narrow.rows() == whole.rows()
        with narrow.ledger.reading() as work:
            deed = world.deed(work)
        for deciding in pair:
            deciding.change(deed)


def _of(deciding: Deciding, name: str) -> list[str]:
    """Return the states of the corrections of a finding's key, oldest first."""
    with deciding.ledger.reading() as work:
        cases = work.rows(select(exception_case.c.case_id).where(exception_case.c.business_key == name))
        records = corrections_of(work, [row.case_id for row in cases])
    return [str(record.state) for of_case in records.values() for record in of_case]


def _go_on(deciding: Deciding, findings: dict[str, Finding], watermark_at: datetime | None = None) -> stages.Decisions:
    deciding.at += _STEP
    _say(deciding.warehouse, findings, watermark_at or deciding.at)
    return deciding.decide()


def _mark(deciding: Deciding, state: CorrectionState, at: datetime) -> None:
    with deciding.ledger.reading() as work:
        (case_id,) = open_cases(work, _CODES, ["A"])
    deciding.change(lambda work: _deliver(work, case_id, state, at))


@pytest.fixture
def deciding(pair: tuple[Deciding, Deciding], make_finding: Callable[..., Finding], noon: datetime) -> Deciding:
    """One that has decided on what stands for long: from then on it looks at what moves."""
    first, _ = pair
    _say(first.warehouse, {"anchor": make_finding(business_key="ANCHOR", judgement_reason="a person knows")}, noon)
    first.decide()
    return first


@pytest.fixture
def anchor(make_finding: Callable[..., Finding]) -> dict[str, Finding]:
    return {"anchor": make_finding(business_key="ANCHOR", judgement_reason="a person knows")}


def test_a_case_whose_finding_went_unproved_is_asked_about_until_it_is_cured(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding], noon: datetime
) -> None:
    _go_on(deciding, anchor | {"A": make_finding(business_key="A")})
    assert _go_on(deciding, anchor, noon).taken.unproved
    assert _go_on(deciding, anchor, noon).taken.unproved
    assert _go_on(deciding, anchor).taken.cleared


def test_what_was_held_is_proposed_when_the_target_has_answered(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding]
) -> None:
    first = make_finding(business_key="A")
    _go_on(deciding, anchor | {"A": first})
    _mark(deciding, CorrectionState.SENT, deciding.at)
    answered_at = deciding.at + timedelta(seconds=1)
    other = replace(first, payload=first.payload.replace("10", "7"), watermark_at=deciding.at + _STEP)
    assert _go_on(deciding, anchor | {"A": other}).proposed.held
    _mark(deciding, CorrectionState.ACKED, answered_at)
    assert _go_on(deciding, anchor | {"A": other}).proposed.approved


def test_a_switch_that_is_released_lets_what_waited_go(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding]
) -> None:
    deciding.change(lambda work: engage(work, _SWITCH, actor="somebody", reason="trial", now=deciding.at))
    findings = anchor | {"A": make_finding(business_key="A")}
    _go_on(deciding, findings)
    _go_on(deciding, findings)
    assert _of(deciding, "A") == ["PENDING"]
    deciding.change(lambda work: release(work, _SWITCH, actor="somebody", reason="trial", now=deciding.at))
    _go_on(deciding, findings)
    assert _of(deciding, "A") == ["APPROVED"]


def test_a_correction_of_an_ended_case_is_not_proved_while_a_finding_stands(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding]
) -> None:
    finding = make_finding(business_key="A")
    _go_on(deciding, anchor | {"A": finding})
    _mark(deciding, CorrectionState.SENT, deciding.at + _STEP + timedelta(seconds=1))
    _go_on(deciding, anchor)
    doubtful = replace(finding, verdict=Verdict.UNKNOWN, watermark_at=deciding.at)
    for _ in range(3):
        _go_on(deciding, anchor | {"A": doubtful})
    assert _of(deciding, "A") == ["SENT"]
    _go_on(deciding, anchor)
    assert _of(deciding, "A") == ["VERIFIED"]


def test_what_follows_from_a_finding_is_judged_with_it(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding]
) -> None:
    cause = make_finding(business_key="A")
    effect = make_finding(business_key="B", parent_code=cause.code, parent_business_key="A", parent_node=cause.node)
    # What a decision has changed itself is looked at once more.
    for _ in range(2):
        _go_on(deciding, anchor | {"A": cause, "B": effect})
    assert not _go_on(deciding, anchor | {"A": cause, "B": effect}).taken.unchanged
    doubtful = replace(cause, verdict=Verdict.UNKNOWN)
    assert len(_go_on(deciding, anchor | {"A": doubtful, "B": effect}).taken.unchanged) == 1


def test_what_stands_as_it_did_is_not_read_again(
    deciding: Deciding, anchor: dict[str, Finding], make_finding: Callable[..., Finding]
) -> None:
    findings = anchor | {name: make_finding(business_key=name) for name in ("A", "B", "C")}
    assert len(_go_on(deciding, findings).taken.opened) == 3
    _go_on(deciding, findings)
    assert not _go_on(deciding, findings).taken.unchanged
    findings["B"] = replace(findings["B"], actual_value="7")
    taken = _go_on(deciding, findings).taken
    assert (len(taken.updated), len(taken.unchanged)) == (1, 0)


def test_everything_is_looked_at_after_a_while_and_after_a_decision_that_failed(
    deciding: Deciding,
) -> None:
    deciding.decide()
    assert not deciding.decide().taken.unchanged
    deciding.at += timedelta(minutes=5)
    assert deciding.decide().taken.unchanged
    deciding.decide()
    with deciding.ledger.unit_of_work() as work:
        deciding.decided.look(work, deciding.warehouse, deciding.at)
    assert deciding.decide().taken.unchanged
