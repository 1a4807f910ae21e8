from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from fulfillment_pipelines.reconcile.rule_tests import RuleTestCase, RuleTester
from fulfillment_pipelines.systems.yaml_file import read_yaml

_RULES = Path(__file__).parent.parent.parent / "sql" / "30_reconcile" / "rules"


def _cases() -> list[object]:
    codes = {path: path.stem.upper().replace("_", "-") for path in sorted(_RULES.glob("*.yaml"))}
    return [
        pytest.param(code, case, id=f"{code}: {case.case}")
        for path, code in codes.items()
        for case in read_yaml(path, TypeAdapter(list[RuleTestCase]), what="rule test")
    ]


@pytest.mark.parametrize(("code", "case"), _cases())
def test_rule_says_exactly_what_the_case_expects(rule_tester: RuleTester, code: str, case: RuleTestCase) -> None:
    result = rule_tester.run_case(code, case)
    assert result.passed, f"{code}, '{case.case}':\n{result.difference}"
