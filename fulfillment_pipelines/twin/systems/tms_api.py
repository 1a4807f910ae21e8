"""The TMS from outside: REST with an API key; pages are linked, and a walk through them stays at its first moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, Connection, Row, Select, Table, func, insert, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems.answered_once import answered_once
from fulfillment_pipelines.twin.systems.http_answers import application, parsed_body, require_key
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError
from fulfillment_pipelines.twin.systems.pages import Feed, number
from fulfillment_pipelines.twin.world import transport_tables as tables
from fulfillment_pipelines.twin.world.timing import iso, parsed

_MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class _Listing:
    """One list of the TMS: how its rows look, in which order they come, and from when on they are shown."""

    feed: Feed
    ordered_by: Column[Any]
    shown_from: Column[Any]
    local_times: tuple[str, ...] = ()


def _feed(table: Table, **fields: str) -> Feed:
    return Feed(table, {name: table.c[column] for name, column in fields.items()})


_LISTINGS = {
    "transports": _Listing(
        _feed(
            tables.transports,
            shipment="shipment_no",
            carrier="carrier",
            tracking="tracking_no",
            service="service",
            lane="lane",
            tendered_pieces="pieces",
            freight="freight",
            currency="currency",
            departed="departed_at",
            eta="eta_at",
        ),
        tables.transports.c.shipment_no,
        tables.transports.c.departed_at,
    ),
    "events": _Listing(
        _feed(
            tables.events,
            event="event_no",
            shipment="shipment_no",
            status="status",
            happened="occurred_at",
            received="recorded_at",
            error="error",
            corrected_by="corrected_by",
        ),
        tables.events.c.row_id,
        tables.events.c.sent_at,
        local_times=("happened",),
    ),
    "deliveries": _Listing(
        _feed(
            tables.deliveries,
            shipment="shipment_no",
            order="order_no",
            line="line_no",
            sku="sku",
            unit="unit",
            qty="qty",
            damaged="damaged_qty",
            signed_at="signed_at",
        ),
        tables.deliveries.c.shipment_no,
        tables.deliveries.c.sent_at,
    ),
    "claims": _Listing(
        _feed(
            tables.claims,
            claim="claim_no",
            shipment="shipment_no",
            order="order_no",
            line="line_no",
            qty="qty",
            reason="reason",
            filed_at="filed_at",
        ),
        tables.claims.c.claim_no,
        tables.claims.c.filed_at,
    ),
}


class Claim(BaseModel):
    """A claim as a client writes it, whichever door it comes through."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    shipment: str
    order: str
    line: WholeNumber
    qty: WholeNumber
    reason: str


def tms_application(office: Office, api_key: str) -> Starlette:
    """Return the REST interface of transport management."""
    api = _TmsApi(office, api_key)
    return application(
        [
            *(Route(f"/{name}", api.listing(name), methods=["GET"]) for name in _LISTINGS),
            Route("/claims", api.file_claim, methods=["POST"]),
        ]
    )


class _TmsApi:
    def __init__(self, office: Office, api_key: str) -> None:
        self._office = office
        self._api_key = api_key

    def listing(self, name: str) -> Callable[[Request], Response]:
        listed = _LISTINGS[name]

        def answer(request: Request) -> Response:
            require_key(request, "X-Tms-Key", self._api_key)
            page = number(request.query_params.get("page"), 1) or 1
            size = min(number(request.query_params.get("size"), 100), _MOST_ROWS) or 1
            asked_at = number(request.query_params.get("as_of"), self._office.now)
            filters = {field: value for field, value in request.query_params.items() if field in listed.feed.fields}
            with self._office.books() as books:
                query = _query(listed, filters, asked_at)
                total = books.tms.execute(select(func.count()).select_from(query.subquery())).scalar_one()
                rows = books.tms.execute(query.offset((page - 1) * size).limit(size)).all()
            records = [_record(listed, row) for row in rows]
            body = {
                "rows": self._office.spoil("tms", name, records),
                "total": total,
                "as_of": iso(asked_at + self._office.shown_now("tms") - self._office.now),
            }
            return JSONResponse(body, headers=_next_link(request, page, size, total, asked_at))

        return answer

    async def file_claim(self, request: Request) -> Response:
        require_key(request, "X-Tms-Key", self._api_key)
        claim = parsed_body(await request.body(), Claim)
        return await run_in_threadpool(self._file_once, request.headers.get("Idempotency-Key"), claim)

    def _file_once(self, key: str | None, claim: Claim) -> Response:
        with self._office.books() as books:
            return answered_once(books.tms, tables.tms_answers, key, lambda: filed(books.tms, claim, self._office.now))


def filed(tms: Connection, claim: Claim, at: int) -> tuple[int, dict[str, Any]]:
    """File a claim; return status code and body of the answer.

    Raises:
        UnknownObjectError: There is no such shipment.
    """
    known = select(func.count()).where(tables.transports.c.shipment_no == claim.shipment)
    if not tms.execute(known).scalar_one():
        raise UnknownObjectError(f"There is no shipment '{claim.shipment}'.", remedy="check the number")
    claim_no = f"CL-{tms.execute(select(func.count()).select_from(tables.claims)).scalar_one() + 1:05d}"
    tms.execute(
        insert(tables.claims).values(
            claim_no=claim_no,
            shipment_no=claim.shipment,
            order_no=claim.order,
            line_no=claim.line,
            qty=claim.qty,
            reason=claim.reason,
            filed_at=at,
        )
    )
    return 201, {"id": claim_no}


def _query(listed: _Listing, filters: dict[str, str], at: int) -> Select[Any]:
    where = (listed.feed.fields[field] == value for field, value in filters.items())
    return select(listed.feed.table).where(listed.shown_from <= at, *where).order_by(listed.ordered_by)


def _record(listed: _Listing, row: Row[Any]) -> dict[str, Any]:
    record = listed.feed.record(row)
    for field in listed.local_times:
        record[field] = _written(record[field], row.zone)
    return record


def _written(moment: str, zone: str | None) -> str:
    """Return a moment as the carrier writes it: in UTC, or in local time with its offset."""
    if zone is None:
        return moment
    return datetime.fromtimestamp(parsed(moment), UTC).astimezone(ZoneInfo(zone)).isoformat()


def _next_link(request: Request, page: int, size: int, total: int, asked_at: int) -> dict[str, str]:
    if page * size >= total:
        return {}
    query = {**request.query_params, "page": page + 1, "size": size, "as_of": asked_at}
    return {"Link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}
