from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

_ERP_LISTS = ("sales-orders", "sales-order-lines", "releases", "shipment-confirmations", "holds", "inventory")


def _token_answer(faulty: Any, **form: str) -> httpx.Response:
    return httpx.post(faulty.addresses["ERP_URL"] + "/oauth/token", data=form)


def test_the_erp_gives_a_token_for_credentials_in_the_form_and_in_the_header(faulty: Any) -> None:
    client, secret = faulty.addresses["ERP_CLIENT_ID"], faulty.addresses["ERP_CLIENT_SECRET"]
    in_form = _token_answer(faulty, grant_type="client_credentials", client_id=client, client_secret=secret)
    encoded = base64.b64encode(f"{client}:{secret}".encode()).decode()
    in_header = httpx.post(
        faulty.addresses["ERP_URL"] + "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {encoded}"},
    )
    assert in_form.json()["expires_in"] == in_header.json()["expires_in"] == 600
    assert in_form.json()["token_type"] == "Bearer"


def test_the_erp_refuses_wrong_credentials_and_other_grants(faulty: Any) -> None:
    wrong = _token_answer(faulty, grant_type="client_credentials", client_id="fulfillment", client_secret="no")
    assert wrong.status_code == 401
    assert _token_answer(faulty, grant_type="password").status_code == 400


@pytest.mark.parametrize("path", _ERP_LISTS)
def test_the_erp_answers_401_without_a_token(faulty: Any, path: str) -> None:
    assert httpx.get(f"{faulty.addresses['ERP_URL']}/api/v1/{path}").status_code == 401


def test_the_portal_and_west_answer_401_without_their_key(faulty: Any) -> None:
    assert httpx.get(faulty.addresses["PORTAL_URL"] + "/v2/orders").status_code == 401
    wrong = {"X-Api-Key": faulty.addresses["PORTAL_API_KEY"]}
    assert httpx.get(faulty.addresses["WMS_WEST_URL"] + "/stock", headers=wrong).status_code == 401


@pytest.mark.parametrize("path", _ERP_LISTS)
def test_pages_by_cursor_hold_every_row_once_and_as_many_as_declared(faulty: Any, path: str) -> None:
    rows: list[Any] = []
    cursor, totals = None, set()
    while True:
        query = {"limit": 97, **({"cursor": cursor} if cursor else {})}
        page = faulty.erp_http.get(f"/api/v1/{path}", params=query).json()
        rows += [str(row) for row in page["data"]]
        totals.add(page["total"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert totals == {len(rows)}
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("path", ["orders", "order-items"])
def test_pages_by_offset_sum_up_to_the_count(faulty: Any, path: str) -> None:
    first = faulty.portal_http.get(f"/v2/{path}", params={"offset": 0, "limit": 50}).json()
    assert len(first["results"]) == 50
    assert len(faulty.portal(path)) == first["count"]
    beyond = faulty.portal_http.get(f"/v2/{path}", params={"offset": first["count"], "limit": 50}).json()
    assert beyond["results"] == []


@pytest.mark.parametrize("path", ["release-lines", "shipment-lines", "stock", "movements", "holds"])
def test_numbered_pages_sum_up_to_the_total(faulty: Any, path: str) -> None:
    meta = faulty.west_http.get(f"/{path}", params={"per_page": 60, "page": 1}).json()["meta"]
    rows = []
    for page in range(1, meta["pages"] + 1):
        rows += faulty.west_http.get(f"/{path}", params={"per_page": 60, "page": page}).json()["items"]
    assert len(rows) == meta["total"]


def test_every_system_says_what_moment_it_speaks_of(faulty: Any) -> None:
    moment = "2026-03-09T14:05:00Z"
    assert faulty.erp_http.get("/api/v1/holds").json()["as_of"] == moment
    assert faulty.portal_http.get("/v2/orders").json()["generated_at"] == moment
    assert faulty.west_http.get("/stock").json()["meta"]["as_of"] == moment
    assert faulty.sql("WMS_EAST", "system_clock")[0]["now_at"].isoformat() == "2026-03-09T14:05:00+00:00"
    assert faulty.sql("FINANCE", "system_clock")[0]["now_at"].isoformat() == "2026-03-09T14:05:00+00:00"


def test_the_erp_filters_by_field_and_by_change(faulty: Any) -> None:
    line = faulty.erp("shipment-confirmations")[5]
    found = faulty.erp(
        "shipment-confirmations",
        shipment_no=line["shipment_no"],
        order_no=line["order_no"],
        line_no=line["line_no"],
    )
    assert found == [line]
    recent = faulty.erp("sales-order-lines", updated_since="2026-03-09T12:00:00Z")
    assert 0 < len(recent) < len(faulty.erp("sales-order-lines"))
    assert faulty.erp("sales-order-lines", updated_since="2026-03-10T00:00:00Z") == []


def test_a_wrong_parameter_is_an_error_that_names_it(faulty: Any) -> None:
    answer = faulty.erp_http.get("/api/v1/holds", params={"colour": "red"})
    assert answer.status_code == 422
    assert "colour" in answer.json()["error"]
    assert faulty.erp_http.get("/api/v1/holds", params={"cursor": "???"}).status_code == 422
    assert faulty.portal_http.get("/v2/orders", params={"offset": "-1"}).status_code == 422


def test_erp_numbers_are_numbers_and_portal_numbers_are_text(faulty: Any) -> None:
    line = faulty.erp_http.get("/api/v1/sales-order-lines").json()["data"][0]
    assert isinstance(line["qty_ordered"], int)
    assert round(line["unit_price"] * 100) == line["unit_price"] * 100
    item = faulty.portal_http.get("/v2/order-items").json()["results"][0]
    assert re.fullmatch(r"\d+", item["qty"])
    assert re.fullmatch(r"\d+\.\d\d", item["price"])


def test_portal_orders_and_erp_orders_agree_through_the_channel_number(faulty: Any) -> None:
    own_numbers = {row["foreign_no"]: row["own_no"] for row in faulty.erp("cross-references")}
    items = {
        (row["order_id"], row["line"]): (row["sku"] or own_numbers.get(row["buyer_item"]), int(row["qty"]))
        for row in faulty.portal("order-items")
    }
    drifted = {label.business_key for label in faulty.twin.labels() if label.code == "INT-04"}
    portal_ids = {row["order_no"]: row["channel_order_no"] for row in faulty.erp("sales-orders", channel="PORTAL")}
    lines = [row for row in faulty.erp("sales-order-lines") if row["order_no"] in portal_ids]
    assert len(lines) > 600
    for line in lines:
        if f"{line['order_no']}/{line['line_no']}" not in drifted:
            assert items[portal_ids[line["order_no"]], line["line_no"]] == (line["sku"], line["qty_ordered"])
    assert all(row["channel_order_no"] is None for row in faulty.erp("sales-orders", channel="INSIDE_SALES"))


def test_north_drops_whole_files_with_trailers(faulty: Any) -> None:
    outbound = Path(faulty.addresses["WMS_NORTH_DIRECTORY"]) / "outbound"
    names = sorted(path.name for path in outbound.iterdir())
    assert len(names) == 8 * 2  # entities, cycles since the last injection of the history
    assert names[0] == "HLD_20260309T133000Z.csv"
    assert "STK_20260309T140000Z.txt" in names
    for prefix in ("REL", "SHP", "MOV", "HLD", "RSV", "PCK", "RET"):
        lines = faulty.north_text(prefix).splitlines()
        assert lines[-1] == f"TRL;{len(lines) - 2}"
    stock = faulty.north_text("STK").splitlines()
    assert stock[-1] == f"TRL{len(stock) - 1}"
    assert {len(line) for line in stock[:-1]} == {16 + 4 + 12 * 3}


def test_clients_of_the_databases_may_read_and_leave_messages_and_nothing_else(faulty: Any) -> None:
    with (
        faulty.connect("FINANCE") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update invoice_lines set qty = 0")


def test_the_address_file_is_for_its_owner_only(faulty: Any) -> None:
    path = faulty.twin.home / "twin.env"
    assert path.stat().st_mode & 0o777 == 0o600
    names = {line.partition("=")[0] for line in path.read_text(encoding="utf-8").splitlines()}
    assert {"ERP_URL", "PORTAL_API_KEY", "WMS_EAST_DATABASE_URL", "WMS_NORTH_DIRECTORY", "TWIN_CONTROL_TOKEN"} < names
