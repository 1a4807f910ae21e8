"""Karrio as transport management: what its clerks do not know is found, told through its API, and proved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError, PreconditionError, RejectedError
from fulfillment_pipelines.systems.declaration.http import HttpEntity, OffsetPaging
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines_tests.real_systems.rounds import SAMPLES, Rounds, rounds_of
from scripts.real_systems.karrio.api import Karrio
from scripts.real_systems.karrio.distributor import Distributor, whole_running

pytestmark = pytest.mark.only_in_test_systems

_STATES = """
    select states.shipment_id, states.state, states.carrier_id
    from rec_shipment_states as states
    where states.shipment_id like 'SH-2%'
    order by states.shipment_id
"""


class _Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="module")
def distributor(home: Path) -> Iterator[Distributor]:
    with whole_running(home / "karrio") as running:
        yield running


@pytest.fixture(scope="module")
def karrio(distributor: Distributor) -> Karrio:
    return distributor.server.karrio


@pytest.fixture(scope="module")
def rounds(distributor: Distributor, home: Path) -> Iterator[Rounds]:
    del distributor  # it has written the references
    with rounds_of("karrio", home) as opened:
        yield opened


@pytest.fixture
def registry(distributor: Distributor, home: Path) -> Iterator[Registry]:
    """The declared systems, on their own: for one request at a time."""
    del distributor  # it has written the references
    declared = load_distributor(SAMPLES / "karrio" / "distributor.yaml", home)
    with Registry.load(declared.systems, References({}, declared.references), _Wall()) as opened:
        yield opened


def _status_update(order_no: str, found: str, shown: str) -> Correction:
    key = f"{order_no}-{found}-{shown}"
    payload = {"order_id": order_no, "shown_status": shown, "shown_promise_at": None}
    return Correction(f"COR-{key}", "karrio_desk", "status.update", payload, {"shown_status": found}, key)


def test_what_the_clerks_do_not_know_is_told_through_the_api_and_proved(rounds: Rounds, karrio: Karrio) -> None:
    cancelled, undelivered = ("SHP-05", "karrio_desk/SO-2004"), ("SHP-04", "SH-2005")

    first = rounds.run()
    assert first.reconciliation.unexplained == 0
    assert sum(admission.quarantined_rows for admission in first.admissions) == 0
    rounds.run()
    assert rounds.differences() == {(*cancelled, "ACCEPTED"), (*undelivered, "DELIVERY_MISSED")}
    assert rounds.corrections() == {cancelled: CorrectionState.ACKED, undelivered: CorrectionState.ACKED}
    assert karrio.order("SO-2004")["status"] == "cancelled"
    assert karrio.order("SO-2005")["metadata"]["case_shipment"] == "SH-2005"
    assert karrio.order("SO-2001")["status"] == "unfulfilled", "nobody has touched what was right"

    proved = rounds.run()
    assert proved.reconciliation.unexplained == 0
    assert rounds.corrections() == {cancelled: CorrectionState.VERIFIED, undelivered: CorrectionState.VERIFIED}
    assert rounds.cases()[cancelled] is CaseState.VERIFIED
    assert rounds.differences() == {(*undelivered, "DELIVERY_MISSED")}, "what comes of it is for a person"


def test_every_state_of_a_shipment_is_understood(rounds: Rounds) -> None:
    rounds.run()
    assert rounds.platform.warehouse.query(_STATES).to_pylist() == [
        {"shipment_id": "SH-2001", "state": "PLANNED", "carrier_id": "acme_ltl"},
        {"shipment_id": "SH-2002", "state": "IN_TRANSIT", "carrier_id": "acme_ltl"},
        {"shipment_id": "SH-2003", "state": "DEPARTED", "carrier_id": "acme_ltl"},
        {"shipment_id": "SH-2005", "state": "DELIVERY_MISSED", "carrier_id": "acme_ltl"},
    ]


def test_an_order_is_cancelled_once_although_the_correction_comes_twice(registry: Registry, karrio: Karrio) -> None:
    karrio.take_order("SO-4001", "VLV-1", 1)
    correction = _status_update("SO-4001", "ACCEPTED", "CANCELLED")
    sink = registry.sink("karrio_desk")
    assert sink.read_back(correction) is Observed.ABSENT
    assert sink.apply(correction).observed is Observed.APPLIED
    assert sink.apply(correction).observed is Observed.APPLIED
    assert karrio.order("SO-4001")["status"] == "cancelled"


def test_an_order_that_was_shipped_meanwhile_is_not_cancelled(registry: Registry, karrio: Karrio) -> None:
    karrio.ship("SH-4002", karrio.take_order("SO-4002", "VLV-1", 1))
    with pytest.raises(PreconditionError, match="out of date"):
        registry.sink("karrio_desk").apply(_status_update("SO-4002", "ACCEPTED", "CANCELLED"))
    assert karrio.order("SO-4002")["status"] == "fulfilled"


def test_a_state_that_follows_from_shipments_is_not_set(registry: Registry, karrio: Karrio) -> None:
    karrio.take_order("SO-4003", "VLV-1", 1)
    with pytest.raises(RejectedError, match="no code for 'shown_status' SHIPPED"):
        registry.sink("karrio_desk").apply(_status_update("SO-4003", "ACCEPTED", "SHIPPED"))
    assert karrio.order("SO-4003")["status"] == "unfulfilled"


def test_pages_are_put_together_without_a_gap(registry: Registry, karrio: Karrio, home: Path) -> None:
    for number in range(3):
        karrio.take_order(f"SO-500{number}", "VLV-1", 1)
    desk = registry.declaration("karrio_desk")
    entity = desk.entities["order_statuses"]
    assert isinstance(entity, HttpEntity)
    assert isinstance(entity.paging, OffsetPaging)
    paged = entity.model_copy(update={"paging": entity.paging.model_copy(update={"size": 2})})
    references = References({}, load_distributor(SAMPLES / "karrio" / "distributor.yaml", home).references)
    with Registry([desk.model_copy(update={"entities": {"paged": paged}})], references, _Wall()) as small:
        snapshot = small.source("karrio_desk", "paged").pull(Scope())
    assert len(snapshot.pages) > 2
    assert snapshot.complete
    told = b"".join(page.content for page in snapshot.pages).decode()
    assert all(f"SO-500{number}" in told for number in range(3))


def test_a_wrong_password_is_a_matter_of_configuration_and_is_not_told(distributor: Distributor, home: Path) -> None:
    declared = load_distributor(SAMPLES / "karrio" / "distributor.yaml", home)
    wrong = {"KARRIO_URL": distributor.server.url, "KARRIO_PASSWORD": "withdrawn"}
    with (
        Registry.load(declared.systems, References(wrong, declared.references), _Wall()) as opened,
        pytest.raises(ConfigurationError) as refused,
    ):
        opened.source("karrio", "transports").pull(Scope())
    assert "withdrawn" not in str(refused.value)
