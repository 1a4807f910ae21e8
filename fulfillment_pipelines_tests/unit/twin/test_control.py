from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from fulfillment_pipelines.errors import ConfigurationError, RejectedError, SystemDownError
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines.twin.twin import Twin


def test_the_client_sees_and_does_what_the_twin_in_process_does(working_twin: Twin) -> None:
    with TwinClient.of_home(working_twin.home) as client:
        assert client.state() == working_twin.state()
        (label,) = client.inject("INT-03")
        assert label == working_twin.labels()[-1] == client.labels()[-1]
        before = datetime.fromisoformat(client.state().now)
        assert datetime.fromisoformat(client.advance(120).now).timestamp() == before.timestamp() + 120
        assert client.repair("wms_north/stock") == 0
        with pytest.raises(RejectedError, match="backwards"):
            client.advance_until(datetime(2026, 3, 2, tzinfo=UTC))
        with pytest.raises(RejectedError, match="no fault"):
            client.inject("NONE")


def test_the_control_interface_refuses_strangers_and_unclear_commands(working_twin: Twin) -> None:
    url, token = working_twin.addresses["TWIN_CONTROL_URL"], working_twin.addresses["TWIN_CONTROL_TOKEN"]
    assert httpx.get(f"{url}/state").status_code == 401
    headers = {"X-Twin-Token": token}
    assert httpx.post(f"{url}/advance", json={}, headers=headers).status_code == 422
    assert httpx.post(f"{url}/advance", json={"seconds": -1}, headers=headers).status_code == 422
    assert httpx.patch(f"{url}/systems/telex", json={"down": True}, headers=headers).status_code == 422


def test_a_client_of_no_twin_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fulfillment twin init"):
        TwinClient.of_home(tmp_path)


def test_a_client_of_a_twin_that_is_gone_says_so() -> None:
    with TwinClient("http://127.0.0.1:9", "token") as client, pytest.raises(SystemDownError):
        client.state()


def test_an_http_system_can_be_down_and_come_back(working: Any) -> None:
    working.twin.outage("erp", on=True)
    assert working.erp_http.get("/api/v1/holds").status_code == 503
    working.twin.outage("erp", on=False)
    assert working.erp_http.get("/api/v1/holds").status_code == 200


def test_a_database_can_be_down_and_the_distributor_works_on(working: Any) -> None:
    with working.connect("FINANCE") as open_connection:
        open_connection.execute("select 1")
        working.twin.outage("finance", on=True)
        with pytest.raises(psycopg.OperationalError):
            open_connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError):
        working.connect("FINANCE")
    working.twin.advance(600)
    working.twin.outage("finance", on=False)
    assert working.sql("FINANCE", "system_clock")[0]["now_at"] == datetime.fromisoformat(working.twin.state().now)


def test_the_legacy_site_can_be_down_and_drops_nothing_meanwhile(working: Any) -> None:
    outbound = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "outbound"
    working.twin.advance(1_800)
    before = sorted(path.name for path in outbound.iterdir())
    working.twin.outage("wms_north", on=True)
    working.twin.advance(3_600)
    assert sorted(path.name for path in outbound.iterdir()) == before
    working.twin.outage("wms_north", on=False)
    working.twin.advance(1_800)
    assert sorted(path.name for path in outbound.iterdir()) != before
    assert not list(outbound.glob("*.part"))


def test_later_pages_can_fail_while_the_first_is_served(working: Any) -> None:
    working.twin.switch("portal", pages_fail=True)
    assert working.portal_http.get("/v2/orders", params={"limit": 10}).status_code == 200
    assert working.portal_http.get("/v2/orders", params={"limit": 10, "offset": 10}).status_code == 500
    working.twin.switch("portal", pages_fail=False)
    working.twin.switch("wms_west", pages_fail=True)
    assert working.west_http.get("/stock", params={"page": 1}).status_code == 200
    assert working.west_http.get("/stock", params={"page": 2}).status_code == 500
    working.twin.switch("wms_west", pages_fail=False)


def test_payloads_can_be_cut_off(working: Any) -> None:
    working.twin.switch("wms_west", corrupt=True)
    with pytest.raises(ValueError, match="line 1"):
        working.west_http.get("/stock").json()
    working.twin.switch("wms_west", corrupt=False)
    working.twin.switch("wms_north", corrupt=True)
    working.twin.advance(1_800)
    assert not working.north_text("SHP").splitlines()[-1].startswith("TRL;")
    working.twin.switch("wms_north", corrupt=False)
    working.twin.advance(1_800)


def test_an_answer_can_be_lost_after_the_write_had_its_effect(working: Any) -> None:
    before = working.erp_http.get("/api/v1/inventory/EAST/SNS-1003").json()
    body = {"site": "EAST", "sku": "SNS-1003", "qty": 3, "reference": "MV-LOST-ANSWER"}
    working.twin.switch("erp", answers_lost=True)
    assert working.post("inventory-adjustments", body, key="lost-answer").status_code == 504
    working.twin.switch("erp", answers_lost=False)
    assert working.post("inventory-adjustments", body, key="lost-answer").status_code == 201
    after = working.erp_http.get("/api/v1/inventory/EAST/SNS-1003").json()
    assert after["on_hand"] == before["on_hand"] + 3


def test_a_clock_can_be_wrong_and_an_answer_late(working: Any) -> None:
    now = datetime.fromisoformat(working.twin.state().now)
    working.twin.switch("portal", clock_offset_seconds=-7_200, latency_seconds=0.2)
    answer = working.portal_http.get("/v2/orders", params={"limit": 1})
    assert datetime.fromisoformat(answer.json()["generated_at"]).timestamp() == now.timestamp() - 7_200
    assert answer.elapsed.total_seconds() >= 0.2
    working.twin.switch("portal", clock_offset_seconds=0, latency_seconds=0.0)
    working.twin.switch("finance", clock_offset_seconds=3_600)
    working.twin.advance(60)
    assert working.sql("FINANCE", "system_clock")[0]["now_at"].timestamp() == now.timestamp() + 3_660
    working.twin.switch("finance", clock_offset_seconds=0)


def test_issued_tokens_can_be_made_invalid(working: Any) -> None:
    assert working.erp_http.get("/api/v1/holds").status_code == 200
    working.twin.expire_tokens()
    assert working.erp_http.get("/api/v1/holds").status_code == 401
    working.erp_http.auth.renew()
    assert working.erp_http.get("/api/v1/holds").status_code == 200


def test_there_is_no_switch_for_what_the_twin_does_not_have(working_twin: Twin) -> None:
    with pytest.raises(RejectedError, match="no system 'telex'"):
        working_twin.switch("telex", down=True)
    with pytest.raises(RejectedError, match="no such switch"):
        working_twin.switch("erp", colour="red")
