from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU

# Half as long as a token of the ERP lives.
_TOKEN_SECONDS = 300
_STOCK_FIELDS = (("item", 16), ("unit", 4), ("on_hand", 12), ("reserved", 12), ("free", 12))


_WEST_NAMES = {
    "reservation": "reservation_no",
    "pack": "pack_no",
    "return": "return_no",
    "shipment": "shipment_no",
    "release": "release_no",
    "order": "order_no",
    "line": "line_no",
    "sku": "item",
    "picked": "picked_qty",
    "state": "pick_status",
    "lot_state": "lot_status",
}
_SITE_SOURCES = {
    "releases": ("release_lines", "release-lines", "REL"),
    "shipments": ("shipment_lines", "shipment-lines", "SHP"),
    "stock": ("stock", "stock", "STK"),
    "reservations": ("reservations", "reservations", "RSV"),
    "packs": ("packs", "packs", "PCK"),
    "returns": ("returned_goods", "returns", "RET"),
}
"""Table of EAST, path of WEST and prefix of NORTH."""
_SITE_QUANTITIES = ("qty", "picked_qty", "on_hand", "reserved", "free")


class _Bearer(httpx.Auth):
    """Carries a token that is renewed well before it ends: a world may be looked at for as long as the tests run."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.renew()

    def renew(self) -> None:
        self._header, self._at = self._outside.bearer(), time.monotonic()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self._at + _TOKEN_SECONDS:
            self.renew()
        request.headers.update(self._header)
        yield request


class Outside:
    """Reads and writes the systems of a twin as a client of theirs would."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.addresses = twin.addresses
        self.erp_http = httpx.Client(base_url=self.addresses["ERP_URL"], auth=_Bearer(self), timeout=20)
        self.portal_http = httpx.Client(
            base_url=self.addresses["PORTAL_URL"], headers={"X-Api-Key": self.addresses["PORTAL_API_KEY"]}, timeout=20
        )
        self.west_http = httpx.Client(
            base_url=self.addresses["WMS_WEST_URL"],
            headers={"X-Api-Key": self.addresses["WMS_WEST_API_KEY"]},
            timeout=20,
        )

    def close(self) -> None:
        for client in (self.erp_http, self.portal_http, self.west_http):
            client.close()

    def bearer(self) -> dict[str, str]:
        answer = httpx.post(
            self.addresses["ERP_URL"] + "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.addresses["ERP_CLIENT_ID"],
                "client_secret": self.addresses["ERP_CLIENT_SECRET"],
            },
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def erp(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            query = {**filters, "limit": 1000, **({"cursor": cursor} if cursor else {})}
            page = self.erp_http.get(f"/api/v1/{path}", params=query).raise_for_status().json()
            rows += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    def portal(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            query = {"offset": len(rows), "limit": 1000}
            page = self.portal_http.get(f"/v2/{path}", params=query).raise_for_status().json()
            rows += page["results"]
            if len(rows) >= page["count"]:
                return rows

    def west(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        number = 1
        while True:
            query = {"page": number, "per_page": 1000}
            page = self.west_http.get(f"/{path}", params=query).raise_for_status().json()
            rows += page["items"]
            if number >= page["meta"]["pages"]:
                return rows
            number += 1

    def sql(self, database: str, table: str) -> list[dict[str, Any]]:
        with self.connect(database) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(psycopg.sql.SQL("select * from {}").format(psycopg.sql.Identifier(table))).fetchall()

    def connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.addresses[f"{database}_DATABASE_URL"].replace("+psycopg", ""))

    def leave(self, database: str, key: str, kind: str, body: dict[str, Any]) -> None:
        with self.connect(database) as connection:
            connection.execute(
                "insert into interface_inbox (message_key, message_type, body) values (%s, %s, %s)",
                (key, kind, Jsonb(body)),
            )

    def north_text(self, prefix: str) -> str:
        outbound = Path(self.addresses["WMS_NORTH_DIRECTORY"]) / "outbound"
        return max(outbound.glob(f"{prefix}_*")).read_text(encoding="utf-8")

    def north(self, prefix: str) -> list[dict[str, str]]:
        lines = self.north_text(prefix).splitlines()
        if prefix == "STK":
            return [_fixed(line) for line in lines[:-1]]
        names = lines[0].split(";")
        return [dict(zip(names, line.split(";"), strict=True)) for line in lines[1:-1]]

    def site(self, entity: str) -> list[dict[str, Any]]:
        """The rows of an entity at all sites: names of EAST, base units, aware moments."""
        table, path, prefix = _SITE_SOURCES[entity]
        return [
            *(_of_site(row, "EAST") for row in self.sql("WMS_EAST", table)),
            *(_of_site(row, "WEST") for row in self.west(path)),
            *(_of_site(row, "NORTH") for row in self.north(prefix)),
        ]

    def post(self, path: str, body: dict[str, Any], *, key: str) -> httpx.Response:
        return self.erp_http.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key})

    def patch(self, path: str, body: dict[str, Any], *, key: str) -> httpx.Response:
        return self.erp_http.patch(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key})


def _of_site(row: dict[str, Any], node: str) -> dict[str, Any]:
    named = {_WEST_NAMES.get(name, name): value for name, value in row.items()}
    factor = ITEM_BY_SKU[named["item"]].factor_at(node)
    for name, value in named.items():
        if name.endswith("_at"):
            named[name] = datetime.fromisoformat(value) if isinstance(value, str) and value else value or None
        elif name in _SITE_QUANTITIES and value != "1O,5":  # what a fault makes of a number
            named[name] = int(value) * factor
    line_no = int(named["line_no"]) if named.get("line_no") else None
    return {**named, "line_no": line_no, "node": node}


def _fixed(line: str) -> dict[str, str]:
    values, start = {}, 0
    for name, width in _STOCK_FIELDS:
        values[name] = line[start : start + width].strip()
        start += width
    return values


@pytest.fixture(scope="session")
def faulty_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with its faulty history; tests only read from it."""
    with Twin.start(tmp_path_factory.mktemp("faulty"), seed=11) as twin:
        yield twin


@pytest.fixture(scope="session")
def faulty(faulty_twin: Twin) -> Iterator[Outside]:
    with closing(Outside(faulty_twin)) as outside:
        yield outside


@pytest.fixture(scope="session")
def working_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with a healthy history that tests disturb; each fault strikes where no other has."""
    with Twin.start(tmp_path_factory.mktemp("working"), seed=12, faults=False) as twin:
        yield twin


@pytest.fixture(scope="session")
def working(working_twin: Twin) -> Iterator[Outside]:
    with closing(Outside(working_twin)) as outside:
        yield outside
