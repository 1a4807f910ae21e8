"""The checks of a certificate, run against systems under our hands: what is sound passes, what is broken is found.

It is the list that `fulfillment systems certify` runs on a customer's system. What only a system under our hands can
show stands in `test_conformance.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import CheckResult, Verdict
from fulfillment_pipelines.errors import SystemDownError

PASSED, NOT_RUN, NOT_APPLICABLE = Verdict.PASSED, Verdict.NOT_RUN, Verdict.NOT_APPLICABLE

_FIXED = {"auth.renewed": NOT_APPLICABLE}
_NO_LOGIN = {**_FIXED, "auth.refused": NOT_APPLICABLE}
_NO_REQUESTS = {**_NO_LOGIN, "limit.rate": NOT_APPLICABLE, "outage.slow": NOT_APPLICABLE}
_FILES = {
    **_NO_REQUESTS,
    "reading.paging": NOT_APPLICABLE,
    "reading.cursor": NOT_APPLICABLE,
    "write.out_of_date": NOT_APPLICABLE,
    "write.unknown_outcome": NOT_APPLICABLE,
}
_DOCUMENTS = {
    **_FILES,
    "drift.gone": NOT_APPLICABLE,
    "drift.added": NOT_APPLICABLE,
    "drift.retyped": NOT_APPLICABLE,
}
EXCEPT_PASSED: Mapping[str, Mapping[str, Verdict]] = {
    "memory": _NO_REQUESTS,
    "http": {},
    "json_rpc": {},
    "sqlite": {**_NO_REQUESTS, "outage.cut": NOT_APPLICABLE, "write.unknown_outcome": NOT_APPLICABLE},
    "postgresql": {**_FIXED, "limit.rate": NOT_APPLICABLE},
    "files": _FILES,
    "edi": _DOCUMENTS,
    "x12": _DOCUMENTS,
}

Certify = Callable[..., tuple[CheckResult, ...]]


def rows(count: int) -> list[dict[str, str]]:
    return [
        {"line_id": f"L{number}", "sku": f"SKU-{number}", "qty": "5", "changed": f"2026-03-02T0{number}:00:00Z"}
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("rig", EXCEPT_PASSED, indirect=True)
def test_every_check_passes_on_a_sound_system_or_says_why_it_does_not_apply(
    rig: Any, certify: Certify, request: pytest.FixtureRequest
) -> None:
    rig.hold(rows(9))
    said = {result.check_id: (result.verdict, result.said) for result in certify(rig)}
    otherwise = EXCEPT_PASSED[request.node.callspec.params["rig"]]
    wrong = {
        check: seen
        for check, seen in said.items()
        if seen[0] is not otherwise.get(check, PASSED) or not seen[1].endswith(".")
    }
    assert wrong == {}
    assert list(said) == [check.check_id for check in CHECKS]


@pytest.mark.parametrize("rig", ["postgresql"], indirect=True)
def test_system_is_as_it_was_after_its_example_was_taken_back(rig: Any, certify: Certify) -> None:
    rig.hold(rows(3))
    certify(rig, "write.read_back", "write.undone")
    assert [rig.quantity(f"L{number}") for number in (1, 2, 3)] == ["5", "5", "5"]
    assert rig.deliveries() == 2


@pytest.mark.parametrize("rig", EXCEPT_PASSED, indirect=True)
def test_nothing_is_written_without_an_example(rig: Any, certify: Certify) -> None:
    rig.hold(rows(3))
    results = certify(rig, *[check.check_id for check in CHECKS if check.check_id.startswith("write.")], example=None)
    assert {result.verdict for result in results} == {NOT_RUN}
    assert rig.deliveries() == 0


@pytest.mark.parametrize("rig", ["memory"], indirect=True)
def test_what_cannot_be_looked_at_is_not_run_and_never_passed(rig: Any, certify: Certify) -> None:
    rig.hold([])
    verdicts = {result.check_id: result.verdict for result in certify(rig, example=None)}
    assert {check for check, verdict in verdicts.items() if verdict is PASSED} == {
        "access.answers",
        "access.whole",
        "outage.refused",
    }


@pytest.mark.parametrize("rig", ["memory"], indirect=True)
def test_system_that_is_down_fails_its_access_and_leaves_the_rest_open(rig: Any, certify: Certify) -> None:
    rig.go_down()
    verdicts = {result.check_id: result.verdict for result in certify(rig, example=None)}
    assert (verdicts["access.answers"], verdicts["access.whole"]) == (Verdict.FAILED, Verdict.FAILED)
    assert verdicts["content.contract"] is NOT_RUN


@pytest.mark.parametrize("rig", ["memory"], indirect=True)
def test_foreign_error_of_an_adapter_fails_its_check_and_its_text_is_not_shown(
    rig: Any, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(_: Any) -> None:
        raise KeyError("postgresql://us:secret@host")

    monkeypatch.setattr(type(rig.system), "check", leak)
    (result,) = certify(rig, "access.answers")
    assert (result.verdict, result.evidence) == (Verdict.FAILED, {"error": "KeyError"})


@pytest.mark.parametrize("rig", ["memory"], indirect=True)
def test_system_that_is_away_after_the_example_was_sent_says_to_take_it_back_by_hand(
    rig: Any, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.hold(rows(1))
    sink = type(rig.system.sink())
    apply = sink.apply

    def once(self: Any, correction: Any) -> Any:
        if correction.idempotency_key.endswith("-undo"):
            raise SystemDownError("It went away.")
        return apply(self, correction)

    monkeypatch.setattr(sink, "apply", once)
    (result,) = certify(rig, "write.undone")
    assert result.verdict is Verdict.FAILED
    assert "by hand" in result.said


@pytest.mark.parametrize("rig", ["http"], indirect=True)
def test_fault_that_never_struck_proves_nothing(rig: Any, certify: Certify, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(_: Any, __: Any) -> Any:
        raise OSError("The way through the proxy is closed.")

    monkeypatch.setattr("fulfillment_pipelines.certification.benches.http_proxy.FaultProxy._forward", lose)
    rig.hold(rows(9))
    struck = ("drift.gone", "outage.cut", "outage.slow", "limit.rate", "auth.renewed", "auth.refused")
    assert {result.check_id: result.verdict for result in certify(rig, *struck)} == dict.fromkeys(struck, NOT_RUN)


@pytest.mark.parametrize("rig", ["memory"], indirect=True)
def test_example_is_taken_back_even_where_somebody_interrupts(
    rig: Any, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.hold(rows(1))
    sink = type(rig.system.sink())
    look = sink.read_back

    def interrupted(self: Any, correction: Any) -> Any:
        if rig.quantity("L1") == "7" and not correction.idempotency_key.endswith("-undo"):
            raise KeyboardInterrupt
        return look(self, correction)

    monkeypatch.setattr(sink, "read_back", interrupted)
    with pytest.raises(KeyboardInterrupt):
        certify(rig, "write.read_back")
    assert rig.quantity("L1") == "5"
