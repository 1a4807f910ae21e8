"""Which role must approve, how many people, and by when: the strictest clause that applies counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from fulfillment_pipelines.corrections.approving.approval_policy import ApprovalPolicy, ApprovalSeed, awaiting_people
from fulfillment_pipelines.corrections.approving.people import People, PeopleSeed
from fulfillment_pipelines.corrections.approving.stakes import Stakes, stakes_of
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.seeds import read_calendars

SEEDS = Path(__file__).parents[4] / "data" / "seeds"
SMALL = Stakes(code="FIN-02", message="credit.propose", amounts={"USD": Decimal(200)})
STOCK = Stakes(code="INV-01", message="inventory.adjust", amounts={})


def _asked(policies: Policies, stakes: Stakes, now: datetime) -> tuple[str, str, int]:
    needed = policies.approvals.requirement(stakes, now)
    return needed.clause_id, needed.role, needed.approvals


@pytest.mark.parametrize(
    ("stakes", "asked"),
    [
        (SMALL, ("APR-BILLING", "billing.lead", 1)),
        (replace(SMALL, amounts={"USD": Decimal(10_000)}), ("APR-BILLING", "billing.lead", 1)),
        (replace(SMALL, amounts={"USD": Decimal("10000.01")}), ("APR-MONEY-1", "finance.manager", 1)),
        (replace(SMALL, amounts={"EUR": Decimal(60_000)}), ("APR-MONEY-2", "finance.manager", 2)),
        (replace(SMALL, amounts={"USD": Decimal(300_000)}), ("APR-MONEY-3", "director", 2)),
        (replace(SMALL, amounts={"JPY": Decimal(1)}), ("APR-MONEY-3", "director", 2)),
        (STOCK, ("APR-INVENTORY", "inventory.lead", 1)),
        (replace(STOCK, qty=Decimal(501)), ("APR-STOCK-1", "operations.manager", 1)),
        (replace(STOCK, qty=Decimal(5001)), ("APR-STOCK-2", "operations.manager", 2)),
        (replace(SMALL, qty=Decimal(5001)), ("APR-BILLING", "billing.lead", 1)),
        (replace(SMALL, priority=True), ("APR-CUSTOMER-PRIORITY", "service.manager", 1)),
        (replace(SMALL, customers=4), ("APR-CUSTOMERS", "operations.manager", 1)),
        (replace(SMALL, orders=11), ("APR-ORDERS", "operations.manager", 1)),
        (Stakes(code="SYS-99", message="new.message", amounts={}), ("APR-DEFAULT", "integration.lead", 1)),
    ],
    ids=lambda value: "" if isinstance(value, Stakes) else value[0],
)
def test_the_strictest_clause_that_applies_says_who_must_approve(
    policies: Policies, noon: datetime, stakes: Stakes, asked: tuple[str, str, int]
) -> None:
    assert _asked(policies, stakes, noon) == asked


def test_business_hours_decide_when_an_approval_lapses(policies: Policies) -> None:
    friday_afternoon = datetime(2026, 3, 6, 16, tzinfo=UTC)
    needed = policies.approvals.requirement(SMALL, friday_afternoon)
    assert needed.expires_at == datetime(2026, 3, 10, 16, tzinfo=UTC), "sixteen hours: one on Friday, eight, seven"


Change = Callable[[dict[str, Any]], None]


def _clause(seed: Mapping[str, Any], clause_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in seed["clauses"] if one["clause_id"] == clause_id)
    return found


def _policy(change: Change, people: Change = lambda _: None) -> ApprovalPolicy:
    seed = yaml.safe_load((SEEDS / "approvals.yaml").read_text(encoding="utf-8"))
    known = yaml.safe_load((SEEDS / "people.yaml").read_text(encoding="utf-8"))
    change(seed)
    people(known)
    return ApprovalPolicy(
        ApprovalSeed.model_validate(seed),
        People(PeopleSeed.model_validate(known)),
        read_calendars(SEEDS / "calendars.yaml"),
    )


def test_a_customer_of_the_list_makes_every_order_a_priority_order(noon: datetime) -> None:
    policy = _policy(lambda seed: seed.update(priority_customers=["C-7"]))
    stakes = replace(SMALL, customer_ids=frozenset({"C-7"}))
    assert policy.requirement(stakes, noon).clause_id == "APR-CUSTOMER-PRIORITY"
    assert policy.requirement(SMALL, noon).clause_id == "APR-BILLING"


def test_of_equal_clauses_the_first_in_the_file_counts(noon: datetime) -> None:
    both = replace(SMALL, orders=11, customers=4)
    assert _policy(lambda _: None).requirement(both, noon).clause_id == "APR-CUSTOMERS"
    turned = _policy(lambda seed: seed["clauses"].reverse())
    assert turned.requirement(both, noon).clause_id == "APR-ORDERS"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda seed: seed.update(calendar="moon"), "moon"),
        (lambda seed: _clause(seed, "APR-CREDIT").update(role="queen"), "queen"),
        (lambda seed: _clause(seed, "APR-CREDIT").update(clause_id="APR-BILLING"), "APR-BILLING"),
        (lambda seed: _clause(seed, "APR-DEFAULT").update(when={"codes": ["FIN-01"]}), "when: {}"),
        (lambda seed: _clause(seed, "APR-SITE").update(approvals=2), "at least 2, as APR-SITE does"),
        (lambda seed: seed.update(governance_role="nobody"), "nobody"),
    ],
    ids=["calendar", "role", "twice", "no default", "a lower role with more people", "governance"],
)
def test_a_policy_that_contradicts_itself_is_refused(change: Change, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _policy(change)
    assert told in str(refused.value)
    assert "approvals.yaml" in refused.value.remedy


def test_a_clause_that_asks_for_more_people_than_there_are_is_refused_at_once() -> None:
    def one_director(known: dict[str, Any]) -> None:
        next(one for one in known["people"] if one["id"] == "hugo").update(active=False)

    with pytest.raises(ConfigurationError, match=r"APR-MONEY-3 asks for more people with the role director.*grace"):
        _policy(lambda _: None, one_director)


def test_a_person_with_a_role_that_is_not_declared_is_refused() -> None:
    def crowned(known: dict[str, Any]) -> None:
        known["people"][0]["roles"].append("queen")

    with pytest.raises(ConfigurationError, match="queen"):
        _policy(lambda _: None, crowned)


@pytest.mark.parametrize("identity", ["ada", "policy"])
def test_people_who_cannot_be_told_apart_are_refused(identity: str) -> None:
    def doubled(known: dict[str, Any]) -> None:
        known["people"].append({"id": identity, "name": "Another", "roles": [], "active": True})

    with pytest.raises(ConfigurationError, match=identity):
        _policy(lambda _: None, doubled)


def test_what_waits_says_role_number_expiry_and_clause(
    desk: Any, make_finding: Callable[..., Any], policies: Policies, noon: datetime
) -> None:
    desk.take_in(make_finding(judgement_reason="the price differs"))
    waiting = awaiting_people(replace(desk.only(), expires_at=None), policies.approvals, noon)
    assert (waiting.approver_role, waiting.approvals_needed, waiting.clause_id) == ("billing.lead", 1, "APR-BILLING")
    assert waiting.expires_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    later = awaiting_people(waiting, policies.approvals, noon + timedelta(hours=3))
    assert later.expires_at == waiting.expires_at, "a refreshed proposal lapses when it would have"


def test_the_greater_of_value_and_blast_radius_is_what_is_at_stake(desk: Any, make_finding: Callable[..., Any]) -> None:
    desk.take_in(make_finding(judgement_reason="the price differs"))
    record = replace(
        desk.only(),
        value_amount=Decimal("120.50"),
        currency="USD",
        impact='{"orders": ["SO-1", "SO-2"], "customers": ["C-1"], "qty": "-12", "amount": "900.00"}',
        evidence='{"priority": "PRIORITY"}',
        payload='{"customer_id": "C-2"}',
    )
    assert stakes_of(record) == Stakes(
        code="FIN-01",
        message="invoice.request",
        amounts={"USD": Decimal("900.00")},
        qty=Decimal(12),
        orders=2,
        customers=2,
        customer_ids=frozenset({"C-1", "C-2"}),
        priority=True,
    )
