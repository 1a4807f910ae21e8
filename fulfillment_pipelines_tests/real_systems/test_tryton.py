"""Two real Trytons as ERP, finance and warehouse: what is wrong is found, corrected through their API, proved.

The ERP and finance are release 8.2 over JSON-RPC, the warehouse is release 6.0 by SQL. What was planted stands in
scripts/real_systems/tryton/story.py; there is no Python of theirs or for them in the product.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed, Scalar
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError, PreconditionError, RejectedError
from fulfillment_pipelines.ledger.readings import list_corrections
from fulfillment_pipelines.loop.passes import PassResult, run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from scripts.real_systems.tryton.distributor import Distributor, both_running
from scripts.real_systems.tryton.json_rpc import Tryton

_CONFIG = Path(__file__).parents[2] / "data" / "samples" / "tryton" / "distributor.yaml"
_PLANTED = {
    ("FIN-01", "SO-0004/1/CS-0005", "EAST"),
    ("INV-01", "BRG-6206", "EAST"),
    ("SHP-01", "CS-0006/SO-0005/1", "EAST"),
    ("WHS-01", "SO-0007/1", "EAST"),
}
_FOUND = "select code, business_key, node from rec_findings"
_CORRECTIONS = {"inventory.adjust", "invoice.request", "release.send", "ship.confirm"}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tryton")


@pytest.fixture(scope="module")
def distributor(runtime: Path) -> Iterator[Distributor]:
    with both_running(runtime / "tryton") as running:
        yield running


@pytest.fixture(scope="module")
def erp(distributor: Distributor) -> Tryton:
    return distributor.erp.login()


@pytest.fixture(scope="module")
def wms(distributor: Distributor) -> Tryton:
    return distributor.wms.login()


@pytest.fixture(scope="module")
def platform(distributor: Distributor, runtime: Path) -> Iterator[Platform]:
    assert distributor.references.is_file()
    with build_platform(Settings(runtime_dir=runtime, duckdb_threads=1), config=_CONFIG) as built:
        built.prepare()
        yield built


@pytest.fixture(scope="module")
def first_look(platform: Platform) -> tuple[PassResult, set[tuple[str, str, str]]]:
    result = run_pass(platform, full=True)
    return result, _found(platform)


@pytest.fixture(scope="module")
def proof(platform: Platform, first_look: object) -> PassResult:
    """The second look corrects what must stand twice; the third sees every cure."""
    del first_look
    run_pass(platform, full=True)
    return run_pass(platform, full=True)


def _found(platform: Platform) -> set[tuple[str, str, str]]:
    return {(row["code"], row["business_key"], row["node"]) for row in platform.warehouse.query(_FOUND).to_pylist()}


def _correction(
    target: str, message: str, payload: dict[str, Scalar], precondition: dict[str, Scalar] | None = None
) -> Correction:
    key = "-".join([message, *(str(value) for value in payload.values())])
    return Correction("COR-1", target, message, payload, precondition or {}, idempotency_key=key)


def test_everything_both_releases_say_is_admitted(first_look: tuple[PassResult, object]) -> None:
    result, _ = first_look
    pulled = {(attempt.system, attempt.entity) for attempt in result.attempts if attempt.landed is not None}
    assert len(pulled) == len(result.attempts) == 15
    assert {system for system, _ in pulled} == {"tryton_catalogue", "tryton_erp", "tryton_finance", "tryton_wms"}
    assert sum(admission.quarantined_rows for admission in result.admissions) == 0


def test_exactly_what_was_planted_is_found(
    first_look: tuple[PassResult, set[tuple[str, str, str]]],
) -> None:
    result, found = first_look
    assert found == _PLANTED
    assert result.reconciliation.violations == ()
    assert result.reconciliation.unexplained == 0


def test_items_and_customers_are_read_over_rest(platform: Platform, first_look: object) -> None:
    del first_look
    counted = platform.warehouse.query(
        "select system, status, count(*) as lines from canon_items group by all"
        " union all select system, status, count(*) from canon_customers group by all order by lines"
    ).to_pylist()
    assert [(row["system"], row["status"], row["lines"]) for row in counted] == [
        ("tryton_catalogue", "ACTIVE", 6),
        ("tryton_catalogue", "ACTIVE", 8),
    ]


def test_a_shipment_that_was_short_agrees_in_all_three_systems(platform: Platform, first_look: object) -> None:
    del first_look
    legs = platform.warehouse.query(
        "select role, shipment_id, shipped_qty from canon_shipment_lines where order_id = 'SO-0003' order by all"
    ).to_pylist()
    billed = platform.warehouse.query(
        "select status, invoiced_qty, shipment_id from canon_invoice_lines where order_id = 'SO-0003'"
    ).to_pylist()
    assert [(leg["role"], leg["shipment_id"], leg["shipped_qty"]) for leg in legs] == [
        ("erp", "CS-0003", Decimal(6)),
        ("wms", "CS-0003", Decimal(6)),
    ]
    assert billed == [{"status": "POSTED", "invoiced_qty": Decimal(6), "shipment_id": "CS-0003"}]


def test_every_cure_is_proved_by_a_later_snapshot(platform: Platform, proof: PassResult) -> None:
    assert _found(platform) == set()
    assert proof.reconciliation.unexplained == 0
    assert {verdict.value: lines for verdict, lines in proof.reconciliation.verdicts.items() if lines} == {"AGREE": 20}
    with platform.ledger.reading() as work:
        states = {(row.message, row.state.value) for row in list_corrections(work)}
    assert states == {(message, "VERIFIED") for message in _CORRECTIONS}


def test_the_forgotten_invoice_is_a_draft_in_tryton(erp: Tryton, proof: PassResult) -> None:
    del proof
    of_order = [["origin.sale.number", "=", "SO-0004", "sale.line"]]
    lines = erp.search(
        "account.invoice.line", of_order, ["quantity", "amount", "invoice.state", "stock_moves.shipment.number"]
    )
    assert [(line["quantity"], line["amount"], line["invoice."]["state"]) for line in lines] == [
        (3.0, Decimal("1830.00"), "draft")
    ]
    assert [move["shipment."]["number"] for move in lines[0]["stock_moves."]] == ["CS-0005"]


def test_the_departure_that_the_erp_missed_is_booked_and_billed_by_itself(erp: Tryton, proof: PassResult) -> None:
    del proof
    shipment = erp.search("stock.shipment.out", [["number", "=", "CS-0006"]], ["state"])
    sale = erp.search("sale.sale", [["number", "=", "SO-0005"]], ["shipment_state", "invoice_state"])
    assert [row["state"] for row in shipment] == ["done"]
    assert [(row["shipment_state"], row["invoice_state"]) for row in sale] == [("sent", "pending")]


def test_the_count_of_the_warehouse_is_booked_once_in_the_erp(erp: Tryton, proof: PassResult) -> None:
    del proof
    counts = erp.search("stock.inventory", [["lines.product.code", "=", "BRG-6206"]], ["state", "lines.quantity"])
    assert [(count["state"], [line["quantity"] for line in count["lines."]]) for count in counts[1:]] == [
        ("done", [436.0])
    ]


def test_the_release_that_was_lost_is_taken_in_by_the_old_warehouse(wms: Tryton, proof: PassResult) -> None:
    del proof
    sales = wms.search("sale.sale", [["reference", "=", "SO-0007"]], ["state", "shipments", "lines.quantity"])
    assert [(sale["state"], [line["quantity"] for line in sale["lines."]]) for sale in sales] == [
        ("processing", [12.0])
    ]
    shipments = wms.search("stock.shipment.out", [["id", "in", sales[0]["shipments"]]], ["reference", "state"])
    assert [(shipment["reference"], shipment["state"]) for shipment in shipments] == [("CS-0008", "assigned")]


def test_a_release_that_was_half_taken_in_is_finished_and_not_repeated(
    platform: Platform, wms: Tryton, proof: PassResult
) -> None:
    del proof
    payload: dict[str, Scalar] = {"release_id": "CS-9001", "order_id": "SO-9001", "line_no": 1, "sku": "SNS-0010"}
    correction = _correction(
        "tryton_wms_inbox", "release.send", {**payload, "uom": "EA", "released_qty": "7.0000"}, {"release_id": None}
    )
    sink = platform.registry.sink("tryton_wms_inbox")
    sink.apply(correction)
    # As after a crash before the last two steps: the shipment has no number of ours and nothing is assigned to it.
    shipment = wms.one("stock.shipment.out", [["reference", "=", "CS-9001"]])
    wms.press("stock.shipment.out", "wait", shipment)
    wms.write("stock.shipment.out", shipment, reference=None)
    assert sink.read_back(correction) is Observed.ABSENT

    assert sink.apply(correction).observed is Observed.APPLIED

    assert sink.read_back(correction) is Observed.APPLIED
    sales = wms.search("sale.sale", [["reference", "=", "SO-9001"]], ["shipments"])
    assert [sale["shipments"] for sale in sales] == [[shipment]]
    states = wms.search("stock.shipment.out", [["id", "=", shipment]], ["reference", "state"])
    assert [(row["reference"], row["state"]) for row in states] == [("CS-9001", "assigned")]


def test_people_of_the_warehouse_are_asked_in_its_own_documents(
    platform: Platform, wms: Tryton, proof: PassResult
) -> None:
    del proof
    sink = platform.registry.sink("tryton_wms_inbox")
    count = _correction("tryton_wms_inbox", "count.request", {"node": "EAST", "sku": "PMP-0100"})
    question = _correction(
        "tryton_wms_inbox",
        "event.request",
        {"order_id": "SO-0013", "line_no": 1, "node": "EAST", "gap": "DEPARTED without PICKED"},
    )
    for correction in (count, count, question):
        assert sink.apply(correction).observed is Observed.APPLIED
        assert sink.read_back(correction) is Observed.APPLIED
    asked = wms.search("stock.inventory", [["state", "=", "draft"]], ["lines.product.code"])
    assert [[line["product."]["code"] for line in one["lines."]] for one in asked] == [["PMP-0100"]]
    noted = wms.search("sale.sale", [["reference", "=", "SO-0013"]], ["comment"])
    assert [sale["comment"] for sale in noted] == ["Line 1: DEPARTED without PICKED?"]


def test_one_line_of_a_shipment_that_leaves_as_a_whole_is_left_to_a_person(
    platform: Platform, proof: PassResult
) -> None:
    del proof
    payload: dict[str, Scalar] = {"shipment_id": "CS-0009", "order_id": "SO-0008", "line_no": 1, "node": "EAST"}
    confirmation = _correction(
        "tryton_erp",
        "ship.confirm",
        {**payload, "sku": "FST-0008", "shipped_qty": "250", "shipped_at": "2026-10-12T00:00:00Z"},
        {"shipment_id": "CS-0009"},
    )
    with pytest.raises(RejectedError, match="finds 2 records"):
        platform.registry.sink("tryton_erp").apply(confirmation)


def test_stock_that_moved_since_it_was_read_is_not_adjusted(platform: Platform, erp: Tryton, proof: PassResult) -> None:
    del proof
    before = erp.search("stock.inventory", [], [])
    payload: dict[str, Scalar] = {"node": "EAST", "sku": "BRG-6206", "movement_qty": "-40", "reason_code": "06"}
    late = _correction(
        "tryton_erp", "inventory.adjust", {**payload, "movement_id": "MOVE-1"}, {"on_hand_qty": "476.0000"}
    )
    with pytest.raises(PreconditionError):
        platform.registry.sink("tryton_erp").apply(late)
    assert erp.search("stock.inventory", [], []) == before


def test_a_leg_that_tryton_billed_meanwhile_is_not_billed_again(
    platform: Platform, erp: Tryton, proof: PassResult
) -> None:
    del proof
    before = erp.search("account.invoice", [], [])
    sink = platform.registry.sink("tryton_finance")
    payload: dict[str, Scalar] = {"order_id": "SO-0005", "line_no": 1, "shipment_id": "CS-0006", "uom": "EA"}
    price: dict[str, Scalar] = {"unit_price": "340.0000", "currency": "USD"}
    leg: dict[str, Scalar] = {"shipment_id": "CS-0006"}
    same, other = (
        _correction("tryton_finance", "invoice.request", {**payload, "invoiced_qty": quantity, **price}, leg)
        for quantity in ("5.0000", "4.0000")
    )
    assert sink.apply(same).observed is Observed.APPLIED
    with pytest.raises(PreconditionError):
        sink.apply(other)
    assert erp.search("account.invoice", [], []) == before


def test_a_session_that_tryton_has_ended_is_opened_anew(
    platform: Platform, distributor: Distributor, proof: PassResult
) -> None:
    del proof
    orders = platform.registry.source("tryton_erp", "orders")
    before = [page.content for page in orders.pull(Scope()).pages]
    with closing(sqlite3.connect(distributor.erp.database_file, timeout=10)) as database, database:
        assert database.execute("delete from ir_session").rowcount > 0
    assert [page.content for page in orders.pull(Scope()).pages] == before


def test_a_password_that_tryton_refuses_is_told_by_its_reference(
    distributor: Distributor, runtime: Path, tmp_path: Path
) -> None:
    del runtime
    (tmp_path / "tryton").mkdir()
    wrong = distributor.references.read_text(encoding="utf-8").replace("PASSWORD=", "PASSWORD=not-")
    (tmp_path / "tryton" / "tryton.env").write_text(wrong, encoding="utf-8")
    with (
        build_platform(Settings(runtime_dir=tmp_path, duckdb_threads=1), config=_CONFIG) as built,
        pytest.raises(ConfigurationError, match="tryton_finance: the login is refused") as refusal,
    ):
        built.registry.source("tryton_finance", "invoice_lines").pull(Scope())
    assert "not-only-on-loopback" not in str(refusal.value)


def test_the_releases_really_differ_in_their_tables(distributor: Distributor) -> None:
    columns = {}
    for name, server in (("8.2", distributor.erp), ("6.0", distributor.wms)):
        with closing(sqlite3.connect(server.database_file, timeout=10)) as database:
            columns[name] = {row[1] for row in database.execute("pragma table_info(stock_move)")}
    assert "unit" in columns["8.2"] - columns["6.0"]
    assert "uom" in columns["6.0"] - columns["8.2"]
