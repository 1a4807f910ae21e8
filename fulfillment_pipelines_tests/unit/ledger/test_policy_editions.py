"""What decides is kept word for word, and a change of it is in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from fulfillment_pipelines.errors import AuditChainError, BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.policy_editions import (
    PolicyChange,
    PolicyFile,
    policies_of,
    policy_changes,
    record_policies,
)
from fulfillment_pipelines.ledger.tables import policy_edition
from fulfillment_pipelines.ledger.unit_of_work import Ledger

RULE = PolicyFile("rule-1", "fin_01.sql", "select 1")


def _seeds(version: str, limit: str) -> list[PolicyFile]:
    return [PolicyFile(version, "corrections.yaml", limit), PolicyFile(version, "sla.yaml", "same"), RULE]


def _record(ledger: Ledger, files: list[PolicyFile], now: datetime) -> list[tuple[str, str, str]]:
    changes = record_policies(ledger, files, actor="ada", now=now)
    return [(change.file_name, change.previous_version, change.policy_version) for change in changes]


def _history(ledger: Ledger) -> list[PolicyChange]:
    with ledger.reading() as work:
        assert audit.verify(work).intact
        return policy_changes(work)


def test_the_first_start_records_every_file_and_the_next_records_nothing(ledger: Ledger, noon: datetime) -> None:
    files = _seeds("version-1", "100")
    assert _record(ledger, files, noon) == [
        ("corrections.yaml", "", "version-1"),
        ("fin_01.sql", "", "rule-1"),
        ("sla.yaml", "", "version-1"),
    ]
    assert _record(ledger, files, noon + timedelta(days=1)) == []
    assert len(_history(ledger)) == 3


def test_a_change_is_told_with_both_hashes_and_who_ran_the_platform(ledger: Ledger, noon: datetime) -> None:
    before, after = _seeds("version-1", "100"), _seeds("version-2", "900")
    _record(ledger, before, noon)
    assert _record(ledger, after, noon + timedelta(days=1)) == [("corrections.yaml", "version-1", "version-2")]
    assert _history(ledger)[-1] == PolicyChange(
        recorded_at=noon + timedelta(days=1),
        actor="ada",
        file_name="corrections.yaml",
        policy_version="version-2",
        previous_version="version-1",
        content_hash=after[0].content_hash,
        previous_hash=before[0].content_hash,
    )


def test_a_decision_of_before_is_judged_by_the_policies_of_before(ledger: Ledger, noon: datetime) -> None:
    _record(ledger, _seeds("version-1", "100"), noon)
    _record(ledger, _seeds("version-2", "900"), noon)
    with ledger.reading() as work:
        assert policies_of(work, "version-1") == {"corrections.yaml": "100", "sla.yaml": "same"}
        assert policies_of(work, "version-2") == {"corrections.yaml": "900", "sla.yaml": "same"}
        assert policies_of(work, "rule-1") == {"fin_01.sql": "select 1"}


def test_a_return_to_an_earlier_policy_is_a_change_too(ledger: Ledger, noon: datetime) -> None:
    for version, limit in (("version-1", "100"), ("version-2", "900"), ("version-1", "100"), ("version-1", "100")):
        _record(ledger, _seeds(version, limit), noon)
    of_limit = [change.policy_version for change in _history(ledger) if change.file_name == "corrections.yaml"]
    assert of_limit == ["version-1", "version-2", "version-1"]


def test_a_rule_that_decides_no_more_is_told_once(ledger: Ledger, noon: datetime) -> None:
    seeds = _seeds("version-1", "100")
    for files in (seeds, seeds[:2], seeds[:2], seeds, seeds[:2]):
        _record(ledger, files, noon)
    of_rule = [change.content_hash for change in _history(ledger) if change.file_name == "fin_01.sql"]
    assert of_rule == [RULE.content_hash, "", RULE.content_hash, ""]


def test_a_clock_that_was_set_back_changes_nothing_of_the_order(ledger: Ledger, noon: datetime) -> None:
    _record(ledger, _seeds("version-1", "100"), noon)
    _record(ledger, _seeds("version-2", "900"), noon - timedelta(days=1))
    assert _record(ledger, _seeds("version-2", "900"), noon - timedelta(days=1)) == []


def test_a_text_that_was_changed_after_it_was_recorded_is_not_believed(ledger: Ledger, noon: datetime) -> None:
    _record(ledger, _seeds("version-1", "100"), noon)
    with ledger.unit_of_work() as work:
        work.change(update(policy_edition).where(policy_edition.c.content == "100").values(content="900"))
        with pytest.raises(AuditChainError, match=r"corrections\.yaml in the version version-1 was changed"):
            policies_of(work, "version-1")


@pytest.mark.parametrize("version", ["", "vers", "version-3", "ver%"])
def test_a_version_that_is_none_or_many_is_refused(ledger: Ledger, noon: datetime, version: str) -> None:
    for number in "12":
        _record(ledger, _seeds(f"version-{number}", number), noon)
    with ledger.reading() as work, pytest.raises(BadDataError, match="no one policy version"):
        policies_of(work, version)
