"""A Vendure portal beside an ERP and a warehouse: what it shows wrongly is found, corrected through its API, proved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from scripts.real_systems.vendure.distributor import Distributor, whole_running
from scripts.real_systems.vendure.orders import Portal
from scripts.real_systems.vendure.story import take_in

pytestmark = pytest.mark.only_in_test_systems


class _Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="module")
def distributor(home: Path) -> Iterator[Distributor]:
    with whole_running(home / "vendure") as running:
        yield running


@pytest.fixture(scope="module")
def portal(distributor: Distributor) -> Portal:
    return distributor.server.portal


@pytest.fixture(scope="module")
def rounds(distributor: Distributor, home: Path) -> Iterator[Rounds]:
    del distributor  # it has written the references
    with rounds_of("vendure", home) as opened:
        yield opened


@pytest.fixture
def registry(distributor: Distributor, home: Path) -> Iterator[Registry]:
    """The declared systems, on their own: for one request at a time."""
    del distributor  # it has written the references
    declared = load_distributor(SAMPLES / "vendure" / "distributor.yaml", home)
    with Registry.load(declared.systems, References({}, declared.references), _Wall()) as opened:
        yield opened


def _status_update(order_no: str, found: str, shown: str) -> Correction:
    key = f"{order_no}-{found}-{shown}"
    return Correction(
        f"COR-{key}",
        "vendure",
        "status.update",
        {"order_id": order_no, "shown_status": shown, "shown_promise_at": None},
        {"shown_status": found},
        key,
    )


def test_what_the_portal_shows_wrongly_is_corrected_through_its_api_and_proved(
    rounds: Rounds, distributor: Distributor, portal: Portal, home: Path
) -> None:
    codes = distributor.codes
    lost, shipped, cancelled = ("INT-03", codes[""]), ("SHP-05", "vendure/SO-1004"), ("SHP-05", "vendure/SO-1005")

    first = rounds.run()
    assert first.reconciliation.unexplained == 0
    assert sum(admission.quarantined_rows for admission in first.admissions) == 0
    rounds.run()
    assert rounds.differences() == {(*lost, "0"), (*shipped, "ACCEPTED"), (*cancelled, "ACCEPTED")}
    assert rounds.corrections() == {
        lost: CorrectionState.SENT,
        shipped: CorrectionState.ACKED,
        cancelled: CorrectionState.ACKED,
    }
    assert portal.order(codes["SO-1004"])["state"] == "Shipped"
    assert [fulfilment["state"] for fulfilment in portal.order(codes["SO-1004"])["fulfillments"]] == ["Shipped"]
    assert portal.order(codes["SO-1005"])["state"] == "Cancelled"
    assert portal.order(codes["SO-1001"])["state"] == "PaymentSettled", "nobody has touched what was right"

    take_in(portal, home / "vendure" / "erp")
    rounds.run()
    proved = rounds.run()
    assert rounds.differences() == set()
    assert proved.reconciliation.unexplained == 0
    assert set(rounds.corrections().values()) == {CorrectionState.VERIFIED}
    assert set(rounds.cases().values()) == {CaseState.VERIFIED}


def test_an_order_is_shipped_once_although_the_correction_comes_twice(registry: Registry, portal: Portal) -> None:
    code = portal.place("twice", {"VLV-1": 1}, "SO-3001")
    correction = _status_update("SO-3001", "ACCEPTED", "SHIPPED")
    sink = registry.sink("vendure")
    assert sink.read_back(correction) is Observed.ABSENT
    assert sink.apply(correction).observed is Observed.APPLIED
    assert sink.apply(correction).observed is Observed.APPLIED
    assert sink.read_back(correction) is Observed.APPLIED
    assert [fulfilment["state"] for fulfilment in portal.order(code)["fulfillments"]] == ["Shipped"]


def test_what_broke_off_between_two_steps_goes_on_with_the_second(registry: Registry, portal: Portal) -> None:
    code = portal.place("broken", {"VLV-1": 1}, "SO-3002")
    portal.fulfil(code)
    registry.sink("vendure").apply(_status_update("SO-3002", "ACCEPTED", "SHIPPED"))
    order = portal.order(code)
    assert order["state"] == "Shipped"
    assert len(order["fulfillments"]) == 1


def test_an_order_that_has_moved_on_meanwhile_is_left_alone(registry: Registry, portal: Portal) -> None:
    code = portal.place("moved", {"VLV-1": 2}, "SO-3003")
    portal.ship(code, {"VLV-1": 1})
    with pytest.raises(PreconditionError, match="out of date"):
        registry.sink("vendure").apply(_status_update("SO-3003", "ACCEPTED", "CANCELLED"))
    assert portal.order(code)["state"] == "PartiallyShipped"


def test_what_the_portal_refuses_is_refused_in_its_own_words(registry: Registry, portal: Portal) -> None:
    code = portal.place("part", {"VLV-1": 2}, "SO-3004")
    portal.ship(code, {"VLV-1": 1})
    with pytest.raises(RejectedError, match="ITEMS_ALREADY_FULFILLED"):
        registry.sink("vendure").apply(_status_update("SO-3004", "IN_FULFILMENT", "SHIPPED"))
    assert portal.order(code)["state"] == "PartiallyShipped"


def test_a_state_that_the_portal_cannot_be_brought_to_is_refused_before_anything_is_sent(
    registry: Registry, portal: Portal
) -> None:
    code = portal.place("delivered", {"VLV-1": 1}, "SO-3005")
    with pytest.raises(RejectedError, match="no code for 'shown_status' DELIVERED"):
        registry.sink("vendure").apply(_status_update("SO-3005", "ACCEPTED", "DELIVERED"))
    assert portal.order(code)["state"] == "PaymentSettled"


def test_a_pull_since_a_cursor_brings_what_has_changed_within_the_same_second(
    registry: Registry, portal: Portal
) -> None:
    source = registry.source("vendure", "order_statuses")
    before = source.pull(Scope())
    code = portal.place("late", {"VLV-1": 1}, "SO-3006")
    since = source.pull(Scope(since=before.cursor))
    assert code in _text(since), "Vendure keeps whole seconds, so the change may bear a time before the cursor"
    assert before.declared_rows is not None
    assert since.declared_rows == _rows(since)


def test_pages_are_put_together_without_a_gap(registry: Registry, portal: Portal, home: Path) -> None:
    placed = {portal.place(f"page{number}", {"SEA-1": 1}) for number in range(3)}
    entity = registry.declaration("vendure").entities["orders"]
    assert isinstance(entity, HttpEntity)
    assert isinstance(entity.paging, OffsetPaging)
    paged = entity.model_copy(update={"paging": OffsetPaging(kind="offset", size=2)})
    declared = registry.declaration("vendure").model_copy(update={"entities": {"orders": paged}})
    references = References({}, load_distributor(SAMPLES / "vendure" / "distributor.yaml", home).references)
    with Registry([declared], references, _Wall()) as small:
        snapshot = small.source("vendure", "orders").pull(Scope())
    assert len(snapshot.pages) > 2
    assert snapshot.complete
    assert all(code in _text(snapshot) for code in placed)


def test_a_key_that_is_no_longer_good_is_a_matter_of_configuration(distributor: Distributor, home: Path) -> None:
    declared = load_distributor(SAMPLES / "vendure" / "distributor.yaml", home)
    references = References(
        {"VENDURE_URL": distributor.server.url, "VENDURE_API_KEY": "withdrawn"}, declared.references
    )
    with (
        Registry.load(declared.systems, references, _Wall()) as opened,
        pytest.raises(ConfigurationError) as refused,
    ):
        opened.source("vendure", "orders").pull(Scope())
    assert "withdrawn" not in str(refused.value)


def _text(snapshot: Any) -> str:
    return b"".join(page.content for page in snapshot.pages).decode()


def _rows(snapshot: Any) -> int:
    return _text(snapshot).count('"code"')
