"""Each check of a certificate can fail: for every promise there is an adapter that breaks it, and is found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import CheckResult, Verdict
from fulfillment_pipelines.domain.correction import Observed, Receipt
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError, PreconditionError, SystemDownError
from fulfillment_pipelines.systems import memory
from fulfillment_pipelines.systems.registry import connect_declared
from fulfillment_pipelines.systems.transports.files.sink import FileSink
from fulfillment_pipelines.systems.transports.http.auth import ClientCredentialsToken
from fulfillment_pipelines.systems.transports.http.system import HttpSource

MAPPING = "select landed_row_no, line_id, sku, qty, changed as changed_at from landed"
_PATIENT = {"time_limit_seconds": 0.1, "slack_seconds": 0.1}

Certify = Callable[..., tuple[CheckResult, ...]]
Break = Callable[[Any, pytest.MonkeyPatch], Mapping[str, Any]]
"""Breaks a promise; returns what else the run is told."""


def _broken_pull(change: Callable[[Any, Scope, Any], Any], source: type = memory.MemorySource) -> Break:
    """Let every pull be changed: `change` is given the source, the scope and the sound snapshot."""

    def broken(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
        sound = source.pull
        patch.setattr(source, "pull", lambda self, scope: change(self, scope, lambda: sound(self, scope)))
        return {}

    return broken


def _mapped(sql: str) -> Break:
    return lambda _, __: {"mapping": sql}


def _without_last_page(snapshot: Any) -> Any:
    return replace(snapshot, pages=snapshot.pages[:-1], declared_rows=None)


def _every_other_pull_is_short() -> Break:
    pulls = iter(range(1_000))
    return _broken_pull(lambda _, __, pull: _without_last_page(pull()) if next(pulls) % 2 else pull())


def _tells_down_as_nothing(source: Any, _: Scope, pull: Any) -> Any:
    try:
        return pull()
    except SystemDownError:
        source._owner.switches.down = False
        return pull()


def _small_pages_lose_a_row(source: Any, _: Scope, pull: Any) -> Any:
    return _without_last_page(pull()) if source._declared.size < 4 else pull()


def _answers_in(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    patch.setattr(memory.MemorySystem, "check", lambda _: (_ for _ in ()).throw(ConfigurationError("No.")))
    return {}


def _knows_no_drift(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    patch.setattr(memory, "refuse_missing_fields", lambda *_, **__: None)
    patch.setattr("fulfillment_pipelines.snapshots.decoding._refuse_missing_fields", lambda *_: None)
    return {}


def _hears_no_new_field(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    patch.setattr("fulfillment_pipelines.certification.checks.drift.differences", lambda *_: ())
    return {}


def _never_gives_up(_: Any, __: pytest.MonkeyPatch) -> Mapping[str, Any]:
    def connect(rig: Any, declaration: Any, references: Any) -> Any:
        transport = declaration.transport.model_copy(update={"timeout_seconds": 60})
        return connect_declared(declaration.model_copy(update={"transport": transport}), references, rig.clock)

    return {"connect": connect, "policy": CertificationPolicy(**_PATIENT)}


def _tries_once(rig: Any, _: pytest.MonkeyPatch) -> Mapping[str, Any]:
    transport = rig.declaration.transport
    return {"transport": transport.model_copy(update={"retry": transport.retry.model_copy(update={"attempts": 1})})}


def _renews_nothing(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    patch.setattr(ClientCredentialsToken, "renew", lambda *_: False)
    return {}


def _tells_refusal_as_outage(_: Any, __: Scope, pull: Any) -> Any:
    try:
        return pull()
    except ConfigurationError as error:
        raise SystemDownError("It is down.") from error


def _broken_sink(method: str, change: Callable[[Any, Any, Any], Any], sink: type = memory.MemorySink) -> Break:
    """Let every call of a sink's method be changed: `change` is given the sink, the correction and the sound call."""

    def broken(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
        sound = getattr(sink, method)
        patch.setattr(sink, method, lambda self, one: change(self, one, lambda other=one: sound(self, other)))
        return {}

    return broken


def _receipt_for_nothing(sink: Any, correction: Any, apply: Any) -> Any:
    try:
        return apply()
    except SystemDownError:
        return Receipt(correction.idempotency_key, Observed.APPLIED, "", sink._owner.clock.now())


def _compares_nothing(_: Any, correction: Any, apply: Any) -> Any:
    try:
        return apply()
    except PreconditionError:
        return apply(replace(correction, precondition={"qty": "5"}))


def _adds_a_row_each_time(sink: Any, _: Any, apply: Any) -> Any:
    sink._owner.rows["lines"].append({"line_id": "L9", "sku": "A", "qty": "1", "changed": "2026-03-02T09:00:00Z"})
    return replace(apply(), reference="")


def _never_undoes(sink: Any, correction: Any, apply: Any) -> Any:
    if correction.idempotency_key.endswith("-undo"):
        return Receipt(correction.idempotency_key, Observed.APPLIED, "", sink._owner.clock.now())
    return apply()


def _sees_nothing(_: Any, correction: Any, look: Any) -> Any:
    return look() if correction.idempotency_key.endswith("-undo") else Observed.ABSENT


def _takes_a_minute(_: Any, patch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    minutes = iter(range(0, 60_000_000, 60))
    patch.setattr(
        "fulfillment_pipelines.certification.certify.Examination",
        lambda **given: Examination(**given, monotonic=lambda: float(next(minutes))),
    )
    return {}


_IMPATIENT = CertificationPolicy(effect_within_seconds=0, poll_seconds=0.01)

BROKEN: Mapping[str, tuple[str, Break]] = {
    "access.answers": ("memory", _answers_in),
    "access.whole": ("memory", _broken_pull(lambda _, __, pull: replace(pull(), declared_rows=99))),
    "content.coverage": ("memory", _mapped(MAPPING.replace("sku,", "null as sku,"))),
    "content.contract": ("memory", _mapped(MAPPING.replace("qty,", "'-1' as qty,"))),
    "content.landing": ("memory", _mapped(MAPPING.replace("sku,", "cast(uuid() as varchar) as sku,"))),
    "reading.repeatable": ("memory", _every_other_pull_is_short()),
    "reading.paging": ("memory", _broken_pull(_small_pages_lose_a_row)),
    "reading.cursor": (
        "memory",
        _broken_pull(lambda _, scope, pull: _without_last_page(pull()) if scope.since else pull()),
    ),
    "drift.gone": ("memory", _knows_no_drift),
    "drift.added": ("memory", _hears_no_new_field),
    "drift.retyped": ("memory", _mapped(MAPPING.replace("changed as", "try_cast(changed as timestamptz) as"))),
    "outage.refused": ("memory", _broken_pull(_tells_down_as_nothing)),
    "outage.cut": ("memory", _broken_pull(lambda _, __, pull: replace(pull(), complete=True))),
    "outage.slow": ("http", _never_gives_up),
    "limit.rate": ("http", _tries_once),
    "auth.renewed": ("http", _renews_nothing),
    "auth.refused": ("http", _broken_pull(_tells_refusal_as_outage, HttpSource)),
    "write.unsent": ("memory", _broken_sink("apply", _receipt_for_nothing)),
    "write.out_of_date": ("memory", _broken_sink("apply", _compares_nothing)),
    "write.unknown_outcome": ("memory", _broken_sink("read_back", _sees_nothing)),
    "write.read_back": ("files", _broken_sink("read_back", _sees_nothing, FileSink)),
    "write.twice": ("memory", _broken_sink("apply", _adds_a_row_each_time)),
    "write.undone": ("memory", _broken_sink("apply", _never_undoes)),
    "timing.pull": ("memory", _takes_a_minute),
}


def test_there_is_a_broken_adapter_for_every_check() -> None:
    assert list(BROKEN) == [check.check_id for check in CHECKS]


@pytest.mark.parametrize(
    ("rig", "check", "broken"),
    [pytest.param(rig, check, broken, id=check) for check, (rig, broken) in BROKEN.items()],
    indirect=["rig"],
)
def test_broken_promise_is_found_by_its_check(
    rig: Any, check: str, broken: Break, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.hold(
        [
            {"line_id": f"L{number}", "sku": f"SKU-{number}", "qty": "5", "changed": f"2026-03-02T0{number}:00:00Z"}
            for number in range(1, 10)
        ]
    )
    told = {"policy": _IMPATIENT, **broken(rig, monkeypatch)}
    (result,) = certify(rig, check, **told)
    assert (result.verdict, "left the adapter" in result.said) == (Verdict.FAILED, False), result
