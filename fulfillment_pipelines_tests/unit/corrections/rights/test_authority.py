from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.authority import Authority, AuthorityMatrix
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError, RejectedError
from fulfillment_pipelines.messages.catalogue import CATALOGUE
from fulfillment_pipelines.systems.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[4] / "data" / "seeds" / "authority.yaml"


@pytest.fixture
def read_changed(tmp_path: Path) -> Callable[[Callable[[Any], object]], AuthorityMatrix]:
    """Return a function that reads the shipped decision rights after a change of their content."""

    def read(change: Callable[[Any], object]) -> AuthorityMatrix:
        content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        change(content)
        path = tmp_path / "authority.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return read_yaml(path, TypeAdapter(AuthorityMatrix), what="decision rights")

    return read


def _grant(content: Any, clause_id: str) -> Any:
    return next(grant for grant in content["grants"] if grant["clause_id"] == clause_id)


def test_the_decision_rights_and_the_catalogue_of_messages_name_the_same_messages(policies: Policies) -> None:
    assert policies.authority.messages == set(CATALOGUE)


def test_each_precondition_that_is_asked_for_is_one_that_the_message_has(policies: Policies) -> None:
    for grant in policies.authority.grants:
        message = CATALOGUE[grant.message]
        assert set(grant.precondition) <= set(message.precondition.model_fields), grant.clause_id
        assert not grant.lowers or grant.lowers in message.payload.model_fields, grant.clause_id


def test_nothing_is_published_into_the_authority_of_what_it_says(policies: Policies) -> None:
    for grant in policies.authority.grants:
        if grant.classes & {CorrectionClass.PUBLISH, CorrectionClass.NOTIFY}:
            assert not set(policies.authority.authorities(grant)) & {*map(str, grant.receivers), Authority.HUMAN}


def test_every_message_can_be_sent_by_a_person_only_where_the_rights_name_a_person(policies: Policies) -> None:
    judged = {grant.message for grant in policies.authority.grants if CorrectionClass.JUDGEMENT in grant.classes}
    assert judged == policies.authority.messages


def test_every_triple_has_at_most_one_row_and_most_have_none(policies: Policies) -> None:
    uses = list(product(policies.authority.messages, Role, CorrectionClass))
    granted = [use for use in uses if policies.authority.grant_for(*use) is not None]
    rows = sum(len(grant.receivers) * len(grant.classes) for grant in policies.authority.grants)
    assert len(granted) == rows
    assert len(granted) < len(uses) / 8


@pytest.mark.parametrize(
    ("use", "clause_id"),
    [
        (("ship.confirm", "erp", "P"), "AUTH-SHIP-CONFIRM"),
        (("ship.confirm", "wms", "P"), None),
        (("ship.confirm", "wms", "J"), None),
        (("invoice.amend", "finance", "P"), "AUTH-INVOICE-DRAFT"),
        (("invoice.amend", "finance", "J"), "AUTH-INVOICE-AMEND"),
        (("credit.propose", "finance", "P"), None),
        (("order.cancel", "erp", "G"), None),
        (("hold.resolve", "finance", "P"), None),
        (("promise.update", "crm", "N"), None),
        (("price.set", "erp", "J"), None),
    ],
)
def test_the_rights_of_the_rule_book(policies: Policies, use: tuple[str, str, str], clause_id: str | None) -> None:
    grant = policies.authority.grant_for(*use)
    assert (None if grant is None else grant.clause_id) == clause_id


def test_what_lies_outside_is_refused_with_what_lies_inside(policies: Policies) -> None:
    with pytest.raises(RejectedError, match="AUTH-OUTSIDE") as refused:
        policies.authority.require("ship.confirm", "wms", "P")
    assert refused.value.expected == "ship.confirm -> erp (J, P)"
    assert refused.value.found == "ship.confirm -> wms (P)"
    with pytest.raises(RejectedError) as refused:
        policies.authority.require("price.set", "erp", "J")
    assert "allocation.release, " in refused.value.expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(receivers=["wms"]), "wms is that of ship.qty"),
        (lambda content: _grant(content, "AUTH-CASE-CREATE").update(writes=["contact"]), "crm is that of contact"),
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(writes=["mapping"]), "human is that of mapping"),
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(writes=["ship.date"]), "not so: ship.date"),
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(clause_id="AUTH-AR"), "the clause AUTH-AR"),
        (
            lambda content: _grant(content, "AUTH-INVOICE-AMEND").update(classes=["P", "J"], writes=["ship.qty"]),
            re.escape("the use invoice.amend -> finance (P) in one grant only"),
        ),
        (lambda content: _grant(content, "AUTH-ATP-LOWER").update(precondition=[]), "available_qty among"),
        (
            lambda content: _grant(content, "AUTH-SHIP-AMEND").update(precondition=[]),
            "AUTH-SHIP-AMEND: a `precondition`",
        ),
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(classes=["X"]), "'X'"),
        (lambda content: _grant(content, "AUTH-SHIP-CONFIRM").update(receivers=["bank"]), "'bank'"),
    ],
    ids=["authority", "notify", "human", "attribute", "clause", "overlap", "unread", "uncompared", "class", "role"],
)
def test_rights_that_contradict_themselves_are_refused_with_their_clause(
    read_changed: Callable[[Callable[[Any], object]], AuthorityMatrix], change: Callable[[Any], object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_changed(change)


def test_a_protective_stop_may_reach_the_authority_itself(
    read_changed: Callable[[Callable[[Any], object]], AuthorityMatrix],
) -> None:
    matrix = read_changed(lambda _: None)
    grant = matrix.grant_for("invoice.hold", "finance", "G")
    assert grant is not None
    assert matrix.authorities(grant) == (Authority.FINANCE,)


def test_a_content_that_cannot_be_compared_is_no_lower(policies: Policies) -> None:
    grant = policies.authority.grant_for("atp.set", "erp", "G")
    assert grant is not None
    assert grant.misfit({"available_qty": "3"}, {"available_qty": "4"}) == ""
    assert grant.misfit({"available_qty": "many"}, {"available_qty": "4"}) != ""
    assert grant.misfit({}, {"available_qty": "4"}) != ""
    assert grant.misfit({"available_qty": "NaN"}, {"available_qty": "4"}) != ""
