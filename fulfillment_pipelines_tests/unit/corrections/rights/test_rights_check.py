from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.rights_check import DeclaredMessages, require_within_rights
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import Rule, read_rules
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.declaration import load_declaration

ROOT = Path(__file__).parents[4]
DECLARED = ROOT / "fulfillment_pipelines" / "systems" / "declared"


def _declared(path: Path) -> DeclaredMessages:
    return DeclaredMessages.of(load_declaration(path), path)


def _rules(folder: Path) -> tuple[Rule, ...]:
    return read_rules(read_models(folder))


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "sql" / "30_reconcile" / "rules", tmp_path / "rules"))


def test_everything_that_is_shipped_lies_within_the_rights(policies: Policies) -> None:
    systems = [_declared(path) for path in sorted(DECLARED.glob("*.yaml"))]
    assert sum(len(system.messages) for system in systems) > 20
    require_within_rights(policies.authority, systems, _rules(ROOT / "sql" / "30_reconcile" / "rules"))


def test_a_declared_message_outside_the_rights_is_told_by_file_and_line(policies: Policies, tmp_path: Path) -> None:
    path = tmp_path / "tms.yaml"
    text = (DECLARED / "tms.yaml").read_text(encoding="utf-8").replace("  claim.create:", "  invoice.request:")
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("  invoice.request:")].count("\n") + 1
    with pytest.raises(ConfigurationError) as refused:
        require_within_rights(policies.authority, [_declared(path)], ())
    assert refused.value.what.startswith(f"{path}:{line}: ")
    assert refused.value.expected == "invoice.request -> finance (J, P)"
    assert refused.value.found == "invoice.request -> tms (carrier)"
    assert refused.value.remedy


def test_a_message_that_nobody_may_send_is_told_with_those_that_may(policies: Policies, tmp_path: Path) -> None:
    path = tmp_path / "tms.yaml"
    text = (DECLARED / "tms.yaml").read_text(encoding="utf-8").replace("  claim.create:", "  price.set:")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"'price\.set'.*Expected: one of allocation\.release"):
        require_within_rights(policies.authority, [_declared(path)], ())


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("erp.yaml", "    precondition: {expected_qty: shipped_qty}\n", "ship.amend"),
        ("wms_west.yaml", "    precondition: {expected_active: active}\n", "hold.resolve"),
    ],
)
def test_a_system_that_could_compare_and_does_not_is_told_by_file_and_line(
    policies: Policies, tmp_path: Path, file: str, line: str, message: str
) -> None:
    path = tmp_path / file
    text = (DECLARED / file).read_text(encoding="utf-8")
    assert text.count(line) == 1
    path.write_text(text.replace(line, ""), encoding="utf-8")
    at = text[: text.index(f"  {message}:")].count("\n") + 1
    with pytest.raises(ConfigurationError, match="compared again when it is written") as refused:
        require_within_rights(policies.authority, [_declared(path)], ())
    assert refused.value.what.startswith(f"{path}:{at}: ")


def test_a_system_that_takes_files_cannot_compare_and_need_not(policies: Policies) -> None:
    north = _declared(DECLARED / "wms_north.yaml")
    assert "hold.resolve" in north.messages
    assert north.uncompared == frozenset()
    require_within_rights(policies.authority, [north], ())


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("-> finance\n", "-> erp\n", "invoice.request -> erp (P)"),
        ("-> finance\n", "-> finance, credit.propose -> finance\n", "credit.propose -> finance (P)"),
        ("-- class: P", "-- class: N", "invoice.request -> finance (N)"),
    ],
)
def test_a_rule_that_proposes_what_it_may_not_is_told_by_file_and_line(
    policies: Policies, rules_folder: Path, right: str, wrong: str, found: str
) -> None:
    path = rules_folder / "fin_01.sql"
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        require_within_rights(policies.authority, (), _rules(rules_folder))
    assert refused.value.what.startswith(f"{path}:11: ")
    assert (refused.value.found, bool(refused.value.remedy)) == (found, True)


def test_a_route_that_always_needs_a_person_is_judged_as_a_judgement(policies: Policies, rules_folder: Path) -> None:
    path = rules_folder / "fin_01.sql"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("-> finance\n", "-> finance, credit.propose -> finance (J)\n", 1), encoding="utf-8")
    require_within_rights(policies.authority, (), _rules(rules_folder))
