"""Which page comes next: pure functions of the declaration, the last request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.http import (
    CursorPaging,
    HttpEntity,
    LinkPaging,
    NoPaging,
    OffsetPaging,
    PageNumberPaging,
)
from fulfillment_pipelines.systems.transports.http.filling import filled, in_text
from fulfillment_pipelines.systems.transports.http.requests import HttpRequest, wrapped
from fulfillment_pipelines.systems.transports.instants import instant_of, instant_text


@dataclass(frozen=True, slots=True)
class PagePlace:
    """Where a reading is.

    Attributes:
        offset: Rows before the page.
        page: Number of the page.
        cursor: What the answer before named; None on the first page.
        since: Cursor of the last complete pull, or what stands for it; None for everything.
    """

    offset: int = 0
    page: int = 1
    cursor: Any = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest(HttpRequest):
    """One page to ask for.

    Attributes:
        place: Where it is; requests are the same when they ask for the same.
    """

    place: PagePlace = field(default=PagePlace(), compare=False)


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
    """Return the value at a dotted path of a JSON body, digits index lists.

    None where it is not, the body for an empty path; a name that holds dots itself is found before its parts are.
    """
    if not path:
        return body
    if isinstance(body, list):
        part, _, rest = path.partition(".")
        return field_at(body[int(part)], rest) if part.isdecimal() and int(part) < len(body) else None
    if not isinstance(body, Mapping):
        return None
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in body:
            return field_at(body[name], ".".join(parts[length:]))
    return None


def first_request(entity: HttpEntity, scope: Scope) -> PageRequest:
    """Return the request for the first page of a scope.

    Raises:
        ConfigurationError: Parts of `since` are asked for and the cursor is no instant.
    """
    since = None
    if entity.since is not None:
        since = entity.since.initial if scope.since is None else _before(scope.since, entity.since.overlap_seconds)
    first = entity.paging.first if isinstance(entity.paging, PageNumberPaging) else 1
    return _request(entity, PagePlace(page=first, since=since))


def _before(cursor: str, seconds: float) -> str:
    return cursor if not seconds else instant_text(_moment(cursor) - timedelta(seconds=seconds))


def next_request(entity: HttpEntity, request: PageRequest, answer: PageAnswer) -> PageRequest | None:
    """Return the request for the page after this answer, or None at the end."""
    if isinstance(entity.paging, LinkPaging):
        return PageRequest(answer.next_link, place=request.place) if answer.next_link else None
    place = _next_place(entity.paging, request.place, answer)
    return None if place is None else _request(entity, place)


def _next_place(
    paging: NoPaging | CursorPaging | OffsetPaging | PageNumberPaging, place: PagePlace, answer: PageAnswer
) -> PagePlace | None:
    match paging:
        case NoPaging():
            return None
        case CursorPaging(next_field=next_field, more_field=more_field):
            cursor = field_at(answer.body, next_field)
            ends = cursor is None or cursor is False or cursor == ""  # zero is a cursor
            ends = ends or (more_field is not None and not field_at(answer.body, more_field))
            return None if ends else replace(place, cursor=cursor)
        case OffsetPaging(size=size):
            return None if _ends(answer, size) else replace(place, offset=answer.rows_so_far)
        case PageNumberPaging(size=size, pages_field=pages_field, first=first):
            pages = field_at(answer.body, pages_field) if pages_field else None
            ends = place.page - first + 1 >= int(pages) if pages is not None else _ends(answer, size)
            return None if ends else replace(place, page=place.page + 1)


def _request(entity: HttpEntity, place: PagePlace) -> PageRequest:
    values = _values(entity, place)
    method, content = wrapped(entity, entity.method, filled(entity.template, values.__getitem__))
    return PageRequest(
        path=entity.path,
        parameters=_parameters(entity, place, values),
        method=method,
        content=content,
        form=entity.form,
        place=place,
    )


def _parameters(entity: HttpEntity, place: PagePlace, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    parameters: dict[str, str] = {}
    for name, template in entity.parameters.items():
        value = filled(template, values.__getitem__)
        if value is not None:
            parameters[name] = in_text(value)
    if entity.since is not None and entity.since.parameter is not None and place.since is not None:
        parameters[entity.since.parameter] = place.since
    paging = entity.paging
    if not isinstance(paging, NoPaging) and paging.size_parameter is not None:
        parameters[paging.size_parameter] = str(paging.size)
    if isinstance(paging, OffsetPaging) and paging.parameter is not None:
        parameters[paging.parameter] = str(place.offset)
    if isinstance(paging, PageNumberPaging) and paging.parameter is not None:
        parameters[paging.parameter] = str(place.page)
    if isinstance(paging, CursorPaging) and paging.parameter is not None and place.cursor is not None:
        parameters[paging.parameter] = str(place.cursor)
    return tuple(parameters.items())


def _values(entity: HttpEntity, place: PagePlace) -> dict[str, Any]:
    size = None if isinstance(entity.paging, NoPaging) else entity.paging.size
    values = {
        "offset": place.offset,
        "page": place.page,
        "cursor": place.cursor,
        "size": size,
        "since": place.since,
    }
    parts = {name.partition(".")[2] for name in entity.placeholders if name.startswith("since.")}
    moment = _moment(place.since) if parts and place.since is not None else None
    return values | {f"since.{part}": getattr(moment, part, None) for part in parts}


def _moment(since: str) -> datetime:
    try:
        return instant_of(since)
    except ValueError as error:
        raise ConfigurationError(
            "The cursor's parts are asked for, and it is no instant.",
            expected="ISO 8601",
            found=repr(since),
            remedy="correct `since.initial` in the system's YAML, or ask for {since} as a whole",
        ) from error


def _ends(answer: PageAnswer, size: int) -> bool:
    """Return whether this was the last page; a declared total counts more than a short page."""
    if answer.rows == 0:
        return True
    return answer.rows_so_far >= answer.total if answer.total is not None else answer.rows < size
