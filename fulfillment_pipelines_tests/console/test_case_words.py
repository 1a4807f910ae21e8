"""The sentence of a case: numbers in words, one for every code."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fulfillment_pipelines.console.reading.case_words import CODE_WORDS, at_stake, sentence_of, shown
from fulfillment_pipelines.console.reading.evidence_kinds import EVIDENCE_KINDS
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_model, read_models

_SQL = Path(__file__).parent.parent.parent / "sql"
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_CASE = Case(
    case_id="EXC-0123456789abcdef",
    code="FIN-02",
    business_key="SO-100312/1",
    node="EAST",
    order_id="SO-100312",
    state=CaseState.OPEN,
    severity=Severity.S1,
    owner="Billing",
    assignee=None,
    value_at_risk_amount=Decimal("5.42"),
    currency="USD",
    expected_value="16.0000",
    actual_value="18.0000",
    delta_qty=Decimal("-2.0000"),
    condition_since=_NOON,
    detected_at=_NOON,
    opened_at=_NOON,
    first_breaks_at=_NOON,
    ack_due_at=_NOON,
    fix_due_at=_NOON,
    acked_at=None,
    closed_at=None,
    last_seen_watermark_at=_NOON,
    proving_watermark_at=None,
    times_opened=1,
    rule_version="",
    evidence="{}",
    parent_case_id=None,
    suppressed_until=None,
)


def test_what_is_wrong_is_told_in_one_sentence_with_its_numbers() -> None:
    assert sentence_of(_CASE, "") == "16 units of SO-100312/1 left EAST, but 18 went on invoices: 2 too many."


def test_one_unit_is_not_told_as_units() -> None:
    assert sentence_of(replace(_CASE, expected_value="1.0000"), "").startswith("1 unit of SO-100312/1 left EAST")


def test_every_rule_has_words_of_its_own() -> None:
    codes = {rule.code for rule in read_rules(read_models(_SQL / "30_reconcile" / "rules"))}
    assert codes - set(CODE_WORDS) == set()


def test_a_code_without_words_is_told_by_the_title_of_its_rule() -> None:
    told = sentence_of(replace(_CASE, code="NEW-01"), "Something new is wrong")
    assert told == "Something new is wrong: expected 16, found 18 at SO-100312/1."


@pytest.mark.parametrize("code", sorted(CODE_WORDS))
def test_a_sentence_has_no_gap_in_braces_whatever_a_case_does_not_say(code: str) -> None:
    told = sentence_of(replace(_CASE, code=code, node="", order_id="", delta_qty=None, actual_value="none"), "")
    assert not re.search(r"[{}]", told)


def test_what_is_stored_is_never_taken_for_a_template() -> None:
    hostile = "{key.__class__} <script>"
    assert hostile in sentence_of(replace(_CASE, business_key=hostile), "")


def test_every_compared_field_is_shown_of_its_kind_of_record() -> None:
    entries = [entry.split(".") for words in CODE_WORDS.values() for entry in words.compares]
    assert [one for one in entries if one[2] not in EVIDENCE_KINDS[one[1]].fields] == []


@pytest.mark.parametrize("contract", sorted(EVIDENCE_KINDS))
def test_every_kind_of_record_shows_what_its_question_gives(contract: str) -> None:
    kind = EVIDENCE_KINDS[contract]
    given = read_model(_SQL / "60_console" / f"evidence_{contract}.sql").columns
    assert {*kind.fields, *kind.about, *kind.must_agree} - given == set()


@pytest.mark.parametrize(
    ("stored", "read"),
    [("16.0000", "16"), ("8.8800 USD", "8.88 USD"), ("2026-03-13T13:34:17Z", "2026-03-13 13:34 UTC"), ("none", "none")],
)
def test_values_are_shown_as_people_read_them(stored: str, read: str) -> None:
    assert shown(stored) == read


def test_a_case_without_money_puts_nothing_at_stake() -> None:
    assert (at_stake(_CASE), at_stake(replace(_CASE, currency="XXX"))) == ("5.42 USD at risk", "")
