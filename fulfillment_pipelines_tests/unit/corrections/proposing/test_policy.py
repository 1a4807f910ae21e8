from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.proposing.policy import CorrectionPolicy
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_models

ROOT = Path(__file__).parents[4]
SEEDS = ROOT / "data" / "seeds"
RULES = ROOT / "sql" / "30_reconcile" / "rules"


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("classes: [P,", "classes: [X,", r"corrections\.yaml:5"),
        ("classes: [P,", "classes: [J, P,", "a judgement is never automatic"),
        ("{code: CRD-02,", "{code: CRD-03,", "one certificate for each code, but not so: CRD-03"),
        ('precision: "1.00"', 'precision: "1.01"', "less than or equal to 1"),
        ('{corrections: 1000, amounts: {USD: "1000000.00"', '{corrections: 1, amounts: {USD: "49999.99"', "for ever"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    shutil.copytree(SEEDS, tmp_path, dirs_exist_ok=True)
    broken = tmp_path / "corrections.yaml"
    text = broken.read_text(encoding="utf-8")
    assert right in text
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        read_policies(tmp_path)


def test_every_code_that_may_be_corrected_without_a_person_is_certified(correction_policy: CorrectionPolicy) -> None:
    automatic = {
        rule.code
        for rule in read_rules(read_models(RULES))
        if any(route.correction_class is not CorrectionClass.JUDGEMENT for route in rule.routes)
    }
    assert {certificate.code for certificate in correction_policy.certification.certificates} == automatic


def test_no_certificate_claims_more_cases_than_its_rule_has(correction_policy: CorrectionPolicy) -> None:
    for certificate in correction_policy.certification.certificates:
        cases = (RULES / f"{certificate.code.lower().replace('-', '_')}.yaml").read_text(encoding="utf-8")
        assert certificate.rule_cases <= len(re.findall(r"^- case:", cases, re.MULTILINE)), certificate.code


def test_every_clause_is_of_a_code_that_has_a_rule(correction_policy: CorrectionPolicy) -> None:
    codes = {rule.code for rule in read_rules(read_models(RULES))}
    assert {clause.code for clause in correction_policy.automatic.clauses} <= codes


def test_a_change_of_the_decision_rights_is_another_policy_version(tmp_path: Path) -> None:
    shutil.copytree(SEEDS, tmp_path, dirs_exist_ok=True)
    before = read_policies(tmp_path).version
    changed = tmp_path / "authority.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("version: 1", "version: 2"), encoding="utf-8")
    assert read_policies(tmp_path).version != before


def test_whoever_certified_or_demoted_a_code_may_govern(policies: Policies) -> None:
    certificates = policies.gate.certification.certificates
    deciders = {one.certified_by for one in certificates}
    deciders |= {one.demoted.demoted_by for one in certificates if one.demoted}
    assert [name for name in sorted(deciders) if not policies.people.holds(name, "governance")] == []
