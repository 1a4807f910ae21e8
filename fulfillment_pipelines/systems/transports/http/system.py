"""Systems that speak HTTP and JSON: every page is kept as it came.

Requests are in `session.py`, the order of pages in `paging.py`, messages in `sink.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import httpx

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, RejectedError
from fulfillment_pipelines.systems.declaration.http import CursorPaging, HttpDeclaration, HttpEntity, LinkPaging
from fulfillment_pipelines.systems.declaration.parts import FieldAsOf, FixedAsOf
from fulfillment_pipelines.systems.port import CorrectionSink, SnapshotSource
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.drift import declared_entity, refuse_missing_fields
from fulfillment_pipelines.systems.transports.http.json_text import read_json
from fulfillment_pipelines.systems.transports.http.paging import (
    PageAnswer,
    PageRequest,
    field_at,
    first_request,
    next_request,
)
from fulfillment_pipelines.systems.transports.http.session import HttpSession
from fulfillment_pipelines.systems.transports.http.sink import HttpSink
from fulfillment_pipelines.systems.transports.instants import instant_of, instant_text

_MOST_PAGES = 1_000_000

KeptPages: TypeAlias = Mapping[PageRequest, httpx.Response]
"""Pages of the last pull that the system knows by their `ETag`."""


class HttpSystem:
    """A system behind an HTTP interface.

    Args:
        declaration: What it is declared to be.
        references: Where its address and secrets come from.
        clock: Tells when something was asked and answered.
        monotonic: Seconds that only ever grow, for lifetimes and pace.
        sleep: Waits for some seconds, to keep the pace.
    """

    def __init__(
        self,
        declaration: HttpDeclaration,
        references: References,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = declaration.name
        self._declaration = declaration
        self._clock = clock
        self._session = HttpSession(declaration, references, monotonic=monotonic, sleep=sleep)
        self._last_pages: dict[str, KeptPages] = {}
        self._broken_off: dict[str, BrokenOff] = {}

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        declared = declared_entity(self.name, entity, self._declaration.entities)
        return HttpSource(
            self.name,
            entity,
            declared,
            session=self._session,
            clock=self._clock,
            last_pages=self._last_pages,
            broken_off=self._broken_off,
        )

    def sink(self) -> CorrectionSink:
        """Return the sink that sends messages."""
        return HttpSink(self._declaration, self._session, self._clock)

    def check(self) -> None:
        """Read the first page of the first entity and forget it.

        Raises:
            SystemDownError: No answer came.
            ConfigurationError: The address or the credentials are wrong.
            RejectedError: The system refuses the request.
        """
        for entity in list(self._declaration.entities.values())[:1]:
            self._session.get(first_request(entity, Scope()))

    def close(self) -> None:
        """Close the client; a later use opens a new one."""
        self._session.close()


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """Where a pull had enough rows; kept in memory alone, since a place among the pages may carry a secret.

    Attributes:
        since: The cursor whose pages are read.
        request: The page that follows.
        as_of: The oldest moment of the pages before it.
        asked: The pages before it, of which none may follow again.
    """

    since: str | None
    request: PageRequest
    as_of: datetime
    asked: frozenset[PageRequest]


@dataclass(slots=True)
class _Reading:
    """What the pages so far have said, whether those to come leave room for corrections, and how many may come."""

    leaves_room: bool
    most_rows: int | None = None
    asked: set[PageRequest] = field(default_factory=set)
    pages: list[Page] = field(default_factory=list)
    rows: int = 0
    fields: set[str] = field(default_factory=set)
    as_of: datetime | None = None
    declared_rows: int | None = None
    declared_sums: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    following: PageRequest | None = None
    kept: dict[PageRequest, httpx.Response] = field(default_factory=dict)


class HttpSource:
    """One collection of an HTTP system."""

    def __init__(
        self,
        system: str,
        entity: str,
        declared: HttpEntity,
        *,
        session: HttpSession,
        clock: Clock,
        last_pages: dict[str, KeptPages],
        broken_off: dict[str, BrokenOff],
    ) -> None:
        self.system = system
        self.entity = entity
        self.name = f"{system}/{entity}"
        self._declared = declared
        self._session = session
        self._clock = clock
        self._last_pages = last_pages
        self._broken_off = broken_off

    def pull(self, scope: Scope) -> Snapshot:
        """Return all pages; when one fails after the first, those before it and why.

        The snapshot speaks of the oldest moment any page speaks of: a later page may show a later
        state, but nothing later than that moment is known of the first. Of changes since a cursor no more pages come
        than the scope has rows for, where the system itself names the next page: the next pull goes on from it, and
        the cursor stays where it was until the last page came.

        Raises:
            SystemDownError, ConfigurationError, RejectedError, BadDataError: The first page failed, or a
                declared field is on no page.
        """
        honoured = Scope(since=scope.since if self._declared.since is not None else None)
        begun = self._begun(honoured, scope)
        asked_at = begun.as_of if begun else self._clock.now()
        reading = self._read_from(begun, honoured, scope)
        if reading.rows and not reading.problem:
            refuse_missing_fields(self.name, self._declared, reading.fields, where="every row")
        is_piece = begun is not None or reading.following is not None
        problem = reading.problem or ("" if is_piece else self._miscount(reading))
        if self._declared.conditional:
            # Pages that a broken pull did not reach are still those of the last one.
            is_part = bool(problem) or is_piece
            self._last_pages[self.entity] = {**self._known_pages(), **reading.kept} if is_part else reading.kept
        as_of = min(asked_at, reading.as_of or asked_at) if begun else reading.as_of or asked_at
        if reading.following is not None:
            asked = frozenset(reading.asked)
            self._broken_off[self.entity] = BrokenOff(honoured.since, reading.following, as_of, asked)
        return Snapshot(
            system=self.system,
            entity=self.entity,
            scope=honoured,
            as_of=as_of,
            pages=tuple(reading.pages),
            complete=not problem,
            declared_rows=None if is_piece else reading.declared_rows,
            declared_sums={} if is_piece else reading.declared_sums,
            cursor=self._cursor(honoured, reading, as_of) if not problem else None,
            problem=problem,
            has_more=reading.following is not None,
        )

    def _cursor(self, honoured: Scope, reading: _Reading, as_of: datetime) -> str | None:
        if self._declared.since is None:
            return None
        return instant_text(as_of) if reading.following is None else honoured.since

    def _begun(self, honoured: Scope, scope: Scope) -> BrokenOff | None:
        """Return where the pull before has broken off, if this one goes on with it; it is good for one pull."""
        left = self._broken_off.pop(self.entity, None)
        return left if left is not None and left.since == honoured.since and scope.most_rows is not None else None

    def _read_from(self, begun: BrokenOff | None, honoured: Scope, scope: Scope) -> _Reading:
        first, leaves_room = first_request(self._declared, honoured), scope.leaves_room
        reading = _Reading(leaves_room, self._most_rows(honoured, scope), set(begun.asked) if begun else set())
        if begun is None:
            return self._read_pages(first, reading)
        try:
            return self._read_pages(begun.request, reading)
        except (RejectedError, BadDataError):
            # A place among the pages may expire; then everything since the cursor comes at once.
            return self._read_pages(first, _Reading(leaves_room))

    def _most_rows(self, honoured: Scope, scope: Scope) -> int | None:
        """Return after how many rows to break off: only where the place is named by the system.

        A page that is found by counting would be another one by the time it is asked for.
        """
        is_named = isinstance(self._declared.paging, CursorPaging | LinkPaging)
        return scope.most_rows if is_named and honoured.since is not None else None

    def _read_pages(self, first: PageRequest, reading: _Reading) -> _Reading:
        request: PageRequest | None = first
        while request is not None:
            try:
                self._refuse_loop(request, reading.asked)
                reading.asked.add(request)
                request = self._read_page(request, reading)
            except FulfillmentError as error:
                if not reading.pages:
                    raise
                reading.problem = f"Page {len(reading.pages) + 1} of {self.name} failed. {error}"
                return reading
            if reading.most_rows is not None and reading.rows >= reading.most_rows:
                reading.following = request
                return reading
        return reading

    def _read_page(self, request: PageRequest, reading: _Reading) -> PageRequest | None:
        """Take one page into the reading, all of it or nothing, and return the request for the next."""
        response = self._asked(request, reading)
        where = f"page {len(reading.pages) + 1}"
        body = self._json(response, where)
        rows = self._rows(body, where)
        as_of = self._as_of(body, where)
        total = self._total(body, where)
        answer = PageAnswer(
            body=body,
            rows=len(rows),
            rows_so_far=reading.rows + len(rows),
            total=total,
            next_link=self._next_link(response),
        )
        following = self._following(request, answer, where)
        reading.pages.append(Page(f"{len(reading.pages) + 1:05d}.json", response.content, PageFormat.JSON))
        reading.rows = answer.rows_so_far
        reading.fields.update(*(row.keys() for row in rows))
        if as_of is not None:
            reading.as_of = min(as_of, reading.as_of) if reading.as_of is not None else as_of
        reading.declared_rows = total
        reading.declared_sums = {
            name: str(told)
            for name, path in self._declared.sum_fields.items()
            if (told := field_at(body, path)) is not None
        }
        return following

    def _known_pages(self) -> KeptPages:
        return self._last_pages.get(self.entity, {})

    def _asked(self, request: PageRequest, reading: _Reading) -> httpx.Response:
        """Return the page; one that has not changed since it was last asked for is not sent again."""
        if not self._declared.conditional:
            return self._session.get(request, leaves_room=reading.leaves_room)
        known = self._known_pages().get(request)
        condition = {} if known is None else {"If-None-Match": known.headers["ETag"]}
        response = self._session.get(request, headers=condition, leaves_room=reading.leaves_room)
        if known is not None and response.status_code == httpx.codes.NOT_MODIFIED:
            response = known
        if "ETag" in response.headers:
            reading.kept[request] = response
        return response

    def _json(self, response: httpx.Response, where: str) -> Any:
        try:
            return read_json(response.content)
        except ValueError as error:  # undecodable bytes are one, too
            raise self._unreadable(where, "JSON", f"{response.headers.get('Content-Type')}, {error}") from error

    def _rows(self, body: Any, where: str) -> Sequence[Mapping[str, Any]]:
        rows = field_at(body, self._declared.records)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            place = f"at '{self._declared.records}'" if self._declared.records else "as its body"
            raise self._unreadable(where, f"a list of JSON objects {place}", _outline(body))
        return rows

    def _as_of(self, body: Any, where: str) -> datetime | None:
        match self._declared.as_of:
            case FixedAsOf(fixed=moment):
                return instant_of(moment)
            case FieldAsOf(field=path):
                written = field_at(body, path)
                try:
                    return instant_of(written)
                except ValueError as error:
                    raise self._unreadable(where, f"an instant at '{path}'", repr(written)) from error
            case None:
                return None

    def _total(self, body: Any, where: str) -> int | None:
        if self._declared.total_field is None:
            return None
        written = field_at(body, self._declared.total_field)
        try:
            return int(written)
        except (TypeError, ValueError) as error:
            raise self._unreadable(
                where, f"a number of rows at '{self._declared.total_field}'", repr(written)
            ) from error

    def _next_link(self, response: httpx.Response) -> str | None:
        link = response.links.get("next", {}).get("url")
        if link is None:
            return None
        url = response.url.join(link)
        if (url.scheme, url.host, url.port) != (response.url.scheme, response.url.host, response.url.port):
            raise BadDataError(
                f"{self.name}: the next page is linked at another system.",
                expected="a link to the system itself; credentials are sent to no other",
                found=f"a link to {url.host}",
                remedy="have the system's owner correct its links",
            )
        return str(url)

    def _following(self, request: PageRequest, answer: PageAnswer, where: str) -> PageRequest | None:
        try:
            return next_request(self._declared, request, answer)
        except (TypeError, ValueError) as error:
            raise self._unreadable(where, "a number of pages", str(error)) from error

    def _refuse_loop(self, request: PageRequest, asked: set[PageRequest]) -> None:
        if request in asked or len(asked) >= _MOST_PAGES:
            raise BadDataError(
                f"{self.name}: the system's pages do not end.",
                expected="a next page that was not yet asked for",
                found=f"the same one again after {len(asked)} pages",
                remedy="tell the system's owner; the rows before the loop were kept",
            )

    def _miscount(self, reading: _Reading) -> str:
        if reading.declared_rows is None or reading.declared_rows == reading.rows:
            return ""
        return f"{self.name} declares {reading.declared_rows} rows and sent {reading.rows}."

    def _unreadable(self, where: str, expected: str, found: str) -> BadDataError:
        return BadDataError(
            f"{self.name}: {where} cannot be read.",
            expected=expected,
            found=found,
            remedy="compare `records`, `as_of` and `total_field` in the system's YAML with its interface",
        )


def _outline(body: Any) -> str:
    if isinstance(body, Mapping):
        return f"an object with {', '.join(map(str, body)) or 'no fields'}"
    return f"a JSON {type(body).__name__}"
