"""Whatever people, roles and delegations there are: nobody approves without the role, their own proposal, or twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.corrections.approving.mandate import Authority, Mandate, Refusal
from fulfillment_pipelines.corrections.approving.people import People, PeopleSeed, Person
from fulfillment_pipelines.ledger.approvals import Approval, ApprovalDecision, Delegation

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("ada", "ben", "chiara", "dev", "emil")
ROLES = ("billing.lead", "director")
ROLE = ROLES[0]

_names = st.sampled_from(NAMES)
# Most of what is drawn holds now, so that the rules are met and not only the reasons why nothing does.
_past = st.sampled_from((-3, -1, 0, 0, 1)).map(lambda days: NOW + timedelta(days=days))
_future = st.sampled_from((-1, 0, 1, 2, 3)).map(lambda days: NOW + timedelta(days=days))
_people = st.fixed_dictionaries(
    {
        name: st.tuples(st.frozensets(st.sampled_from(ROLES)), st.sampled_from((True, True, True, False)))
        for name in NAMES
    }
).map(
    lambda drawn: People(
        PeopleSeed(
            version=1,
            people=[Person(id=name, name=name, roles=roles, active=active) for name, (roles, active) in drawn.items()],
        )
    )
)
_delegations = st.lists(
    st.builds(
        Delegation,
        delegator=_names,
        delegate=_names,
        role=st.sampled_from((ROLE, ROLE, ROLE, ROLES[1])),
        valid_from=_past,
        valid_until=_future,
        reason=st.just("leave"),
        revoked_at=st.sampled_from((None, None, None, NOW - timedelta(hours=1))),
    ),
    min_size=2,
    max_size=8,
)


def _holds(people: People, name: str) -> bool:
    person = people.get(name)
    return person is not None and person.active and ROLE in person.roles


def _lends(people: People, delegations: Sequence[Delegation], delegator: str, delegate: str) -> bool:
    return _holds(people, delegator) and any(
        (one.delegator, one.delegate, one.role, one.revoked_at) == (delegator, delegate, ROLE, None)
        and one.valid_from <= NOW < one.valid_until
        for one in delegations
    )


def _approval(mandate: Mandate) -> Approval:
    decided = ApprovalDecision.APPROVED
    return Approval("COR-1", 1, "hash", decided, mandate.actor, mandate.on_behalf_of, mandate.role, "agreed", NOW)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    people=_people,
    delegations=_delegations,
    proposers=st.frozensets(_names, min_size=1, max_size=2),
    attempts=st.lists(_names, min_size=1, max_size=10),
)
def test_approvals_come_from_different_people_with_the_role_who_did_not_propose(
    people: People, delegations: Sequence[Delegation], proposers: frozenset[str], attempts: Sequence[str]
) -> None:
    authority = Authority(people, delegations, NOW)
    approved: list[Approval] = []
    for actor in attempts:
        answer = authority.to_approve(actor, ROLE, proposers=proposers, given=approved)
        if isinstance(answer, Refusal):
            assert answer.reason
            assert answer.remedy
            continue
        person = people.get(actor)
        assert person is not None
        assert person.active
        assert not {actor, answer.on_behalf_of} & proposers
        if answer.on_behalf_of == actor:
            assert _holds(people, actor)
        else:
            assert _lends(people, delegations, answer.on_behalf_of, actor)
        assert not any({actor, answer.on_behalf_of} & one.people for one in approved)
        approved.append(_approval(answer))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(people=_people, delegations=_delegations, proposers=st.frozensets(_names, min_size=1, max_size=2), actor=_names)
def test_who_has_the_role_and_did_not_propose_is_never_turned_away(
    people: People, delegations: Sequence[Delegation], proposers: frozenset[str], actor: str
) -> None:
    answer = Authority(people, delegations, NOW).to_approve(actor, ROLE, proposers=proposers, given=[])
    lent = any(_lends(people, delegations, name, actor) and name not in proposers for name in NAMES)
    may = people.is_active(actor) and actor not in proposers and (_holds(people, actor) or lent)
    assert isinstance(answer, Mandate) is may
