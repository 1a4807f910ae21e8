"""The X12 documents of the EDI gateway as its declaration and snapshot SQL understand them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines import systems
from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.snapshots.decoding import decode
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines.warehouse import Connection, Warehouse, scratch

_DECLARED = Path(systems.__file__).parent / "declared" / "edi.yaml"
_FUNCTIONS = {"850": "PO", "860": "PC", "855": "PR", "856": "SH", "810": "IN", "997": "FA"}
Rows = list[dict[str, Any]]
Read = Callable[[str], Rows]


class Gateway:
    """The folder of a gateway, filled one interchange at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("in", "out"):
            (folder / name).mkdir()

    def exchange(
        self, moment: str, kind: str, *documents: list[str], number: int = 1, out: bool = False, name: str = ""
    ) -> str:
        """Leave a file with one group of documents and return its name."""
        sender, receiver = ("DISTRIB", "ACME") if out else ("ACME", "DISTRIB")
        stamp = f"{moment[:8]}*{moment[9:]}"
        said = [f"ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*260302*0900*U*00401*1*0*P*>"]
        said.append(f"GS*{_FUNCTIONS[kind]}*{sender}*{receiver}*{stamp}*{number}*X*004010")
        for position, body in enumerate(documents, start=1):
            said += [f"ST*{kind}*{position:04d}", *body, f"SE*{len(body) + 2}*{position:04d}"]
        said += [f"GE*{len(documents)}*{number}", "IEA*1*1"]
        path = self.folder / ("out" if out else "in") / f"{name or moment + 'Z_' + kind}.edi"
        path.write_text("".join(f"{segment}~\n" for segment in said), encoding="utf-8")
        return path.name


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    folder = tmp_path / "edi"
    folder.mkdir()
    return Gateway(folder)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """DuckDB without a lake."""
    opened = scratch()
    yield opened
    opened.close()


@pytest.fixture
def read(gateway: Gateway, sql_folder: Path, tmp_path: Path, warehouse: Warehouse) -> Iterator[Read]:
    """Pull, land, decode and map an entity of the gateway."""
    registry = Registry.load(
        [_DECLARED],
        References({"EDI_DIRECTORY": str(gateway.folder)}),
        FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC)),
    )

    def mapped(entity: str) -> Rows:
        snapshot = registry.source("edi", entity).pull(Scope())
        landed = LandingArea(tmp_path / "landed").land(
            snapshot, contract_version="1", pulled_at=snapshot.as_of, duration_seconds=0
        )
        with warehouse.reading() as cursor:
            decoded = decode(cursor, landed, layout_of(registry.feed("edi", entity).declared))
            assert decoded.unreadable == ()
            rows = _map(cursor, decoded.records, sql_folder / "10_snapshots" / f"snap_edi__{entity}.sql")
        assert sorted(row["landed_row_no"] for row in rows) == list(range(1, decoded.landed_rows + 1))
        return rows

    yield mapped
    registry.close()


def _map(cursor: Connection, records: Any, path: Path) -> Rows:
    cursor.register("landed", records)
    return cursor.execute(path.read_text(encoding="utf-8")).to_arrow_table().to_pylist()


def said(rows: Rows) -> Rows:
    """Return what rows say, each once, without their numbers."""
    told = [{name: value for name, value in row.items() if name != "landed_row_no"} for row in rows]
    return sorted({str(row): row for row in told}.values(), key=str)


ORDER = [
    "BEG*00*SA*PO-1**20260302",
    "CUR*BY*USD",
    "ITD************NET30",
    "DTM*004*20260302*081500*UT",
    "DTM*002*20260307*050000*UT",
    "N1*BY*Buyer*92*C-0007",
    "N1*ST*Ship to*92*C-0007-01",
    "PO1*1*12*EA*6.40**BP*07-60001",
    "PO1*2*8*EA*2.15**VP*VLV-1002",
    "CTT*2",
]


def test_a_purchase_order_is_an_order_of_its_partner(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)

    assert said(read("orders")) == [
        {
            "order_id": "ACME-PO-1",
            "channel": "EDI",
            "channel_order_id": "ACME-PO-1",
            "customer_id": "C-0007",
            "customer_po": "PO-1",
            "ship_to_id": "C-0007-01",
            "payment_terms": "NET30",
            "priority": "STANDARD",
            "revision_no": 0,
            "status": "OPEN",
            "currency": "USD",
            "ordered_at": "2026-03-02T08:15:00Z",
            "requested_at": "2026-03-07T05:00:00Z",
        }
    ]


def test_a_line_names_the_item_by_the_number_its_buyer_uses(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)

    by_line = {row["line_no"]: row for row in read("order_lines")}
    assert (by_line["1"]["sku"], by_line["1"]["foreign_sku"]) == (None, "07-60001")
    assert (by_line["2"]["sku"], by_line["2"]["foreign_sku"]) == ("VLV-1002", None)
    assert (by_line["2"]["ordered_qty"], by_line["2"]["cancelled_qty"], by_line["2"]["unit_price"]) == ("8", 0, "2.15")


def test_a_rush_order_is_a_priority(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", [ORDER[0].replace("*SA*", "*RO*"), *ORDER[1:]])
    assert said(read("orders"))[0]["priority"] == "PRIORITY"


def test_a_change_that_takes_units_off_is_a_cancellation_of_them(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    change = ["BCH*04*SA*PO-1***20260302", "POC*2*QD*5*5*EA*2.15**VP*VLV-1002", "CTT*1"]
    gateway.exchange("20260302T100000", "860", change, number=2)

    lines = {(row["line_no"], row["ordered_qty"], row["cancelled_qty"]) for row in read("order_lines")}
    assert lines == {("1", "12", 0), ("2", "8", 3)}
    assert said(read("orders"))[0]["status"] == "OPEN"


def test_a_change_that_adds_units_raises_what_is_ordered(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    change = ["BCH*04*SA*PO-1***20260302", "POC*2*QI*10*10*EA*2.15**VP*VLV-1002", "CTT*1"]
    gateway.exchange("20260302T100000", "860", change, number=2)

    lines = {(row["line_no"], float(row["ordered_qty"]), row["cancelled_qty"]) for row in read("order_lines")}
    assert lines == {("1", 12.0, 0), ("2", 10.0, 0)}


def test_the_newest_change_of_a_line_counts_whatever_its_file_is_called(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    late = ["BCH*04*SA*PO-1***20260302", "POC*2*QD*2*2*EA*2.15**VP*VLV-1002", "CTT*1"]
    early = ["BCH*04*SA*PO-1***20260302", "POC*2*QD*7*7*EA*2.15**VP*VLV-1002", "CTT*1"]
    gateway.exchange("20260302T110000", "860", late, number=3, name="20260302T100000Z_a")
    gateway.exchange("20260302T100000", "860", early, number=2, name="20260302T110000Z_b")

    assert {row["cancelled_qty"] for row in read("order_lines") if row["line_no"] == "2"} == {6}


def test_a_change_of_the_wanted_day_is_a_new_revision(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    change = ["BCH*04*SA*PO-1**1*20260302", "DTM*002*20260308*050000*UT", "CTT*0"]
    gateway.exchange("20260302T100000", "860", change, number=2)

    (order,) = said(read("orders"))
    assert (order["revision_no"], order["requested_at"]) == (1, "2026-03-08T05:00:00Z")


def test_a_cancelled_order_says_so(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    gateway.exchange("20260302T100000", "860", ["BCH*01*SA*PO-1***20260302", "CTT*0"], number=2)

    assert said(read("orders"))[0]["status"] == "CANCELLED"


@pytest.mark.parametrize("entity", ["orders", "order_lines"])
def test_a_file_that_is_sent_again_changes_nothing(gateway: Gateway, read: Read, entity: str) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    before = said(read(entity))
    gateway.exchange("20260302T083000", "850", ORDER, name="20260302T090000Z_again")

    assert said(read(entity)) == before


def test_a_change_of_an_order_that_never_came_is_not_passed_over(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T100000", "860", ["BCH*04*SA*PO-9***20260302", "CTT*0"])

    (order,) = read("orders")
    assert (order["order_id"], order["ordered_at"]) == ("ACME-PO-9", None)


NOTICE = [
    "BSN*00*SH-000001*20260302*100000*0004",
    "HL*1**S",
    "DTM*011*20260302*100000*UT",
    "N1*SF*Ship from*92*EAST",
    "HL*2*1*O",
    "PRF*PO-1***20260302",
    "REF*VN*SO-1",
    "HL*3*2*I",
    "LIN*1*VP*BRG-1001",
    "SN1*1*12*EA",
    "HL*4*1*O",
    "PRF*PO-2***20260302",
    "REF*VN*SO-2",
    "HL*5*4*I",
    "LIN*3*VP*VLV-1002",
    "SN1*3*8*EA",
    "CTT*5",
]


def test_an_item_of_a_ship_notice_belongs_to_the_order_it_hangs_below(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, out=True)

    lines = [(row["order_id"], row["line_no"], row["sku"], row["shipped_qty"]) for row in read("shipment_lines")]
    assert lines == [("SO-1", "1", "BRG-1001", "12"), ("SO-2", "3", "VLV-1002", "8")]
    assert {(row["shipment_id"], row["node"], row["shipped_at"]) for row in read("shipment_lines")} == {
        ("SH-000001", "EAST", "2026-03-02T10:00:00Z")
    }


def test_a_cancelled_ship_notice_announces_nothing(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, out=True)
    gateway.exchange("20260302T113000", "856", [NOTICE[0].replace("*00*", "*01*"), *NOTICE[1:]], number=2, out=True)

    assert {row["shipped_qty"] for row in read("shipment_lines")} == {"0"}


def document(rows: Rows, kind: str) -> dict[str, Any]:
    (found,) = [row for row in said(rows) if row["document_type"] == kind]
    return found


def test_a_document_waits_for_its_acknowledgement(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, number=17, out=True)

    assert document(read("documents"), "856") == {
        "document_id": "ACME/OUT/856/17-0001",
        "partner_id": "ACME",
        "document_type": "856",
        "direction": "OUT",
        "control_no": "17-0001",
        "order_id": "SO-1",
        "shipment_id": "SH-000001",
        "invoice_id": None,
        "sent_at": "2026-03-02T10:30:00Z",
        "acked_at": None,
        "ack_status": None,
    }


@pytest.mark.parametrize(("told", "status"), [("A", "A"), ("E", "E"), ("R", "R"), ("M", "R")])
def test_an_acknowledgement_answers_the_documents_it_names(
    gateway: Gateway, read: Read, told: str, status: str
) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, NOTICE, number=17, out=True)
    answer = ["AK1*SH*17", "AK2*856*0001", f"AK5*{told}", "AK9*P*2*1*1"]
    gateway.exchange("20260302T110000", "997", answer, number=5)

    notices = {row["control_no"]: row for row in read("documents") if row["document_type"] == "856"}
    assert (notices["17-0001"]["ack_status"], notices["17-0001"]["acked_at"]) == (status, "2026-03-02T11:00:00Z")
    assert notices["17-0002"]["acked_at"] is None


def test_an_acknowledgement_without_names_answers_its_whole_group(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, NOTICE, number=17, out=True)
    gateway.exchange("20260302T110000", "997", ["AK1*SH*17", "AK9*A*2*2*2"], number=5)

    assert {row["ack_status"] for row in read("documents") if row["document_type"] == "856"} == {"A"}


def test_an_acknowledgement_of_the_same_number_in_the_other_direction_is_another_one(
    gateway: Gateway, read: Read
) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, number=17, out=True)
    gateway.exchange("20260302T110000", "997", ["AK1*SH*17", "AK2*856*0001", "AK5*A", "AK9*A*1*1*1"], out=True)

    assert document(read("documents"), "856")["acked_at"] is None


def test_a_document_that_is_sent_again_was_sent_when_it_was_first_sent(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T103000", "856", NOTICE, number=17, out=True)
    refused = ["AK1*SH*17", "AK2*856*0001", "AK5*R", "AK9*R*1*1*0"]
    gateway.exchange("20260302T110000", "997", refused, number=5)
    gateway.exchange("20260302T120000", "856", NOTICE, number=17, out=True)
    gateway.exchange("20260302T123000", "997", [*refused[:2], "AK5*A", "AK9*A*1*1*1"], number=6)

    found = document(read("documents"), "856")
    assert (found["sent_at"], found["acked_at"], found["ack_status"]) == (
        "2026-03-02T10:30:00Z",
        "2026-03-02T12:30:00Z",
        "A",
    )


def test_an_order_and_its_invoice_are_told_by_the_documents_about_them(gateway: Gateway, read: Read) -> None:
    gateway.exchange("20260302T083000", "850", ORDER)
    invoice = ["BIG*20260302*INV-1", "REF*VN*SO-1", "REF*BM*SH-000001", "IT1*1*12*EA*6.40**VP*BRG-1001", "TDS*7680"]
    gateway.exchange("20260302T113000", "810", invoice, out=True)
    answer = ["BAK*00*AC*PO-1*20260302****SO-1", "PO1*1*12*EA*6.40**VP*BRG-1001", "ACK*IA*12*EA", "CTT*1"]
    gateway.exchange("20260302T090000", "855", answer, out=True)

    told = {row["document_type"]: (row["order_id"], row["shipment_id"], row["invoice_id"]) for row in read("documents")}
    assert told == {
        "850": ("ACME-PO-1", None, None),
        "855": ("SO-1", None, None),
        "810": ("SO-1", "SH-000001", "INV-1"),
    }
