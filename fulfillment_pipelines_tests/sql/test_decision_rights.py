"""Whatever a rule is shown to propose lies within the decision rights: message, role, class and precondition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.authority import AuthorityMatrix
from fulfillment_pipelines.corrections.policies import Policies
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
def test_what_a_rule_proposes_is_within_the_decision_rights_and_its_header(
    rule_tester: RuleTester, authority: AuthorityMatrix, code: str
) -> None:
    rule = _RULES[code]
    declared = {(route.message, route.role.value, route.correction_class.value) for route in rule.routes}
    rows = [row for result in rule_tester.run(code) for row in result.found if row["message"]]
    assert rows, "the rule's cases propose nothing"
    for row in rows:
        correction_class = "J" if row["judgement_reason"] else rule.correction_class.value
        use = (str(row["message"]), str(row["target_role"]), correction_class)
        grant = authority.grant_for(*use)
        assert grant is not None, use
        assert correction_class == "J" or use in declared, f"the header says that {use[0]} always needs a person"
        payload, precondition = json.loads(str(row["payload"])), json.loads(str(row["precondition"]))
        assert grant.misfit(payload, precondition) == "", use


def test_an_automatic_route_is_shown_without_a_person_and_a_judged_one_never_is(rule_tester: RuleTester) -> None:
    for rule in _RULES.values():
        rows = [row for result in rule_tester.run(rule.code) for row in result.found if row["message"]]
        unjudged = {(row["message"], row["target_role"]) for row in rows if not row["judgement_reason"]}
        automatic = {(route.message, route.role.value) for route in rule.routes if route.correction_class.value != "J"}
        assert unjudged == automatic, rule.code
