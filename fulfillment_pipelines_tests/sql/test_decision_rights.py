"""Whatever a rule is shown to propose lies within the decision rights: message, role, class and precondition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.reconcile.rule_tests import RuleTester
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_models

_RULES = {
    rule.code: rule
    for rule in read_rules(read_models(Path(__file__).parents[2] / "sql" / "30_reconcile" / "rules"))
    if rule.routes
}


@pytest.fixture(scope="module")
def authority(policies: Policies) -> AuthorityMatrix:
    return policies.authority


@pytest.mark.parametrize("code", _RULES)
def test_what_a_rule_is_shown_to_propose_is_within_the_decision_rights_and_its_header(
    rule_tester: RuleTester, authority: AuthorityMatrix, code: str
) -> None:
    rule = _RULES[code]
    declared = {(route.message, route.role.value, route.correction_class.value) for route in rule.routes}
    rows = [row for result in rule_tester.run(code) for row in result.found if row["message"]]
    assert rows, "the rule's cases propose nothing"
    unjudged = set()
    for row in rows:
        correction_class = "J" if row["judgement_reason"] else rule.correction_class.value
        use = (str(row["message"]), str(row["target_role"]), correction_class)
        grant = authority.grant_for(*use)
        assert grant is not None, use
        payload, precondition = json.loads(str(row["payload"])), json.loads(str(row["precondition"]))
        assert grant.misfit(payload, precondition) == "", use
        if correction_class != "J":
            unjudged.add(use)
    # A route that the header marks ` (J)` is never shown without a reason, and any other is at least once.
    assert unjudged == {use for use in declared if use[2] != "J"}
