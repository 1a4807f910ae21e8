"""Which page comes next: pure functions of the declaration, the last request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration.http import (
    CursorPaging,
    HttpEntity,
    LinkPaging,
    NoPaging,
    OffsetPaging,
    PageNumberPaging,
)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page to ask for.

    Attributes:
        path: Path below the base URL, or the absolute URL that the system linked.
        parameters: Query parameters; those in the path stay.
    """

    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    def with_parameter(self, name: str, value: str) -> PageRequest:
        """Return the same request with one parameter set."""
        kept = tuple(pair for pair in self.parameters if pair[0] != name)
        return PageRequest(self.path, (*kept, (name, value)))


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What decides about the next page.

    Attributes:
        body: The page's JSON.
        rows: Rows on the page.
        rows_so_far: Rows on this page and all before it.
        total: Rows on all pages as declared; None where they are not.
        next_link: The URL linked as next; None for none.
    """

    body: Any
    rows: int
    rows_so_far: int
    total: int | None
    next_link: str | None


def field_at(body: Any, path: str) -> Any:
    """Return the value at a dotted path of a JSON body; None where it is not, the body for an empty path."""
    value = body
    for part in path.split(".") if path else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def first_request(entity: HttpEntity, scope: Scope) -> PageRequest:
    """Return the request for the first page of a scope."""
    parameters = dict(entity.parameters)
    if entity.since is not None and scope.since is not None:
        parameters[entity.since.parameter] = scope.since
    if not isinstance(entity.paging, NoPaging) and entity.paging.size_parameter is not None:
        parameters[entity.paging.size_parameter] = str(entity.paging.size)
    if isinstance(entity.paging, OffsetPaging):
        parameters[entity.paging.parameter] = "0"
    if isinstance(entity.paging, PageNumberPaging):
        parameters[entity.paging.parameter] = str(entity.paging.first)
    return PageRequest(entity.path, tuple(parameters.items()))


def next_request(entity: HttpEntity, request: PageRequest, answer: PageAnswer) -> PageRequest | None:
    """Return the request for the page after this answer, or None at the end."""
    match entity.paging:
        case NoPaging():
            return None
        case CursorPaging() as paging:
            cursor = field_at(answer.body, paging.next_field)
            ends = cursor is None or cursor is False or cursor == ""  # zero is a cursor
            return None if ends else request.with_parameter(paging.parameter, str(cursor))
        case OffsetPaging() as paging:
            if _ends(answer, paging.size):
                return None
            return request.with_parameter(paging.parameter, str(answer.rows_so_far))
        case PageNumberPaging() as paging:
            return _next_numbered(paging, request, answer)
        case LinkPaging():
            return PageRequest(answer.next_link) if answer.next_link else None


def _next_numbered(paging: PageNumberPaging, request: PageRequest, answer: PageAnswer) -> PageRequest | None:
    number = int(dict(request.parameters)[paging.parameter])
    pages = field_at(answer.body, paging.pages_field) if paging.pages_field else None
    ends = number - paging.first + 1 >= int(pages) if pages is not None else _ends(answer, paging.size)
    return None if ends else request.with_parameter(paging.parameter, str(number + 1))


def _ends(answer: PageAnswer, size: int) -> bool:
    """Return whether this was the last page; a declared total counts more than a short page."""
    if answer.rows == 0:
        return True
    return answer.rows_so_far >= answer.total if answer.total is not None else answer.rows < size
