"""The bench of HTTP systems: a proxy on this machine that changes what the transport hears.

The fault strikes answers that hold rows of the entity, whatever the dialect; logins and other requests pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from typing import Any

from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.benches.http_proxy import FaultProxy, HeardRequest, ToldAnswer, unused_port
from fulfillment_pipelines.certification.benches.redirected import ADDRESS, RedirectedReferences
from fulfillment_pipelines.certification.page_changes import records_at, with_added_field, without_field
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import Finding, not_applicable
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration, HttpEntity
from fulfillment_pipelines.systems.port import System

_WITHOUT_CREDENTIALS = "none"
_FIXED_CREDENTIALS = frozenset({"api_key", "basic", "bearer"})
_TOO_MANY, _UNAUTHORIZED = 429, 401
_FEW_ROWS = 2


class HttpBench:
    """Reaches a system that speaks HTTP.

    Args:
        subject: The system.
        declaration: What it is declared to be.
        policy: Sizes and limits.
    """

    def __init__(self, subject: Subject, declaration: HttpDeclaration, policy: CertificationPolicy) -> None:
        self._subject = subject
        self._declared = declaration
        self._policy = policy

    def plain(self) -> AbstractContextManager[System]:
        """Connect the system as it is declared."""
        return closing(self._subject.connect(self._declared, self._subject.references))

    def paged(self, entity: str, rows: int) -> AbstractContextManager[System] | Finding:
        """Connect it so that an entity comes in pages of so many rows."""
        if not _page_size_is_ours(self._declared.entities[entity]):
            return not_applicable("The system decides itself how many rows come on a page.")
        return closing(self._subject.connect(_with_pages(self._declared, entity, rows), self._subject.references))

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Connect it through the proxy."""
        kind = self._declared.transport.auth.kind
        if fault in (Fault.EXPIRED, Fault.EXPIRED_ONCE) and kind == _WITHOUT_CREDENTIALS:
            return not_applicable("The system asks for no credentials.")
        if fault is Fault.EXPIRED_ONCE and kind in _FIXED_CREDENTIALS:
            return not_applicable("The credentials are fixed: there is nothing to renew.")
        match fault:
            case Fault.REFUSED:
                return self._refused()
            case Fault.CUT if _page_size_is_ours(self._declared.entities[entity]):
                declaration = _with_pages(self._declared, entity, _FEW_ROWS)
                return self._behind_proxy(
                    declaration, _OnRows(self._declared.entities[entity], ToldAnswer.cut, first=2)
                )
            case Fault.STALLED:
                return self._behind_proxy(
                    self._impatient(), self._struck(entity, lambda told: replace(told, stalls=True))
                )
            case _:
                return self._behind_proxy(self._declared, self._meddler(fault, entity, field))

    def silent(self, correction: Correction) -> AbstractContextManager[Bent] | Finding:
        """Connect it so that the answer to a correction is lost after the system gave it."""
        return self._behind_proxy(self._declared, _OnSend(self._declared, correction))

    def _meddler(self, fault: Fault, entity: str, field: str) -> _Counting:
        layout = layout_of(self._declared.entities[entity])
        retry_after = {"Retry-After": str(self._policy.retry_after_seconds)}
        refusal = self._declared.transport.renew_on[0] if self._declared.transport.renew_on else _UNAUTHORIZED
        match fault:
            case Fault.RATE_LIMITED:
                return self._struck(entity, lambda _: ToldAnswer(_TOO_MANY, retry_after, b""), last=1)
            case Fault.EXPIRED_ONCE:
                return self._struck(entity, lambda _: ToldAnswer(refusal, {}, b""), last=1)
            case Fault.EXPIRED:
                return self._struck(entity, lambda _: ToldAnswer(refusal, {}, b""))
            case Fault.FIELD_GONE:
                return self._struck(entity, lambda told: replace(told, body=without_field(told.body, layout, field)))
            case Fault.FIELD_ADDED:
                return self._struck(entity, lambda told: replace(told, body=with_added_field(told.body, layout)))
            case _:
                return self._struck(entity, ToldAnswer.cut)

    def _struck(self, entity: str, strike: Callable[[ToldAnswer], ToldAnswer], *, last: int | None = None) -> _Counting:
        return _OnRows(self._declared.entities[entity], strike, last=last)

    def _impatient(self) -> HttpDeclaration:
        transport = self._declared.transport
        once = transport.retry.model_copy(update={"attempts": 1})
        limit = min(transport.timeout_seconds, self._policy.time_limit_seconds)
        hurried = transport.model_copy(update={"timeout_seconds": limit, "retry": once})
        return self._declared.model_copy(update={"transport": hurried})

    @contextmanager
    def _refused(self) -> Iterator[Bent]:
        with closing(self._connect(self._declared, f"http://127.0.0.1:{unused_port()}")) as system:
            yield self._bent(self._declared, system, lambda: 1)

    @contextmanager
    def _behind_proxy(self, declaration: HttpDeclaration, meddler: _Counting) -> Iterator[Bent]:
        address = self._subject.references.resolve(self._declared.transport.base_url, system=self._subject.name)
        with (
            FaultProxy(address.get_secret_value(), meddler) as proxy,
            closing(self._connect(declaration, proxy.base_url)) as system,
        ):
            yield self._bent(declaration, system, lambda: meddler.struck)

    def _connect(self, declaration: HttpDeclaration, address: str) -> System:
        transport = declaration.transport.model_copy(update={"base_url": ADDRESS})
        redirected = declaration.model_copy(update={"transport": transport})
        return self._subject.connect(redirected, RedirectedReferences(self._subject.references, address))

    @staticmethod
    def _bent(declaration: HttpDeclaration, system: System, struck: Callable[[], int]) -> Bent:
        transport = declaration.transport
        return Bent(system, struck, transport.timeout_seconds, transport.retry.attempts)


class _Counting:
    """Changes answers and counts how many it changed."""

    def __init__(self) -> None:
        self.struck = 0

    def __call__(self, request: HeardRequest, told: ToldAnswer) -> ToldAnswer:
        """Return what the transport is told."""
        raise NotImplementedError


class _OnRows(_Counting):
    """Strikes the answers that hold rows of an entity, from the first to the last that is meant."""

    def __init__(
        self,
        declared: HttpEntity,
        strike: Callable[[ToldAnswer], ToldAnswer],
        *,
        first: int = 1,
        last: int | None = None,
    ) -> None:
        super().__init__()
        self._declared = declared
        self._strike = strike
        self._first = first
        self._last = last
        self._answers = 0

    def __call__(self, request: HeardRequest, told: ToldAnswer) -> ToldAnswer:
        """Return what the transport is told."""
        del request
        if not records_at(_json(told.body), self._declared.records):
            return told
        self._answers += 1
        if self._answers < self._first or (self._last is not None and self._answers > self._last):
            return told
        changed = self._strike(told)
        self.struck += changed != told
        return changed


class _OnSend(_Counting):
    """Loses the answer to the first request that carries a correction."""

    def __init__(self, declared: HttpDeclaration, correction: Correction) -> None:
        super().__init__()
        self._message = declared.messages.get(correction.message)
        self._correction = correction

    def __call__(self, request: HeardRequest, told: ToldAnswer) -> ToldAnswer:
        """Return what the transport is told."""
        if self.struck or not self._carries(request):
            return told
        self.struck += 1
        return replace(told, lost=True)

    def _carries(self, request: HeardRequest) -> bool:
        if self._correction.idempotency_key in request.headers.values():
            return True
        if self._message is None:
            return False
        body = _json(request.body)
        asked = body if isinstance(body, dict) else {}
        if self._message.call is not None:
            return asked.get("method") == self._message.call
        if self._message.query is not None:
            return asked.get("query") == self._message.query
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self._message.path.strip("/")))
        told = request.path.partition("?")[0].rstrip("/")
        return request.method == self._message.method and re.search(f"(^|/){path}$", told) is not None


def _page_size_is_ours(entity: HttpEntity) -> bool:
    return getattr(entity.paging, "size_parameter", None) is not None or "{size}" in entity.model_dump_json()


def _with_pages(declaration: HttpDeclaration, entity: str, rows: int) -> HttpDeclaration:
    declared = declaration.entities[entity]
    paged = declared.model_copy(update={"paging": declared.paging.model_copy(update={"size": rows})})
    return declaration.model_copy(update={"entities": {**declaration.entities, entity: paged}})


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
