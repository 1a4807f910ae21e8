"""An exchange of EDIFACT by configuration: a folder of ORDERS is rows, and a document of ours goes out as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError, RejectedError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.systems.declaration import FilesDeclaration
from fulfillment_pipelines.systems.transports.edi.edifact.guides import read_document
from fulfillment_pipelines.systems.transports.edi.edifact.reader import read_interchanges
from fulfillment_pipelines.systems.transports.edi.interchange import Interchange
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import MemoryControlNumbers
from fulfillment_pipelines.systems.transports.files.system import FileSystem
from fulfillment_pipelines.warehouse import scratch

DECLARATION = r"""
system: exchange
title: Exchange with European partners
role: channel
contract_version: "1"
freshness_seconds: 3600
transport: {kind: files, directory: {ref: EXCHANGE_FOLDER}}
entities:
  order_lines:
    contract: order_lines
    path: in/*.edi
    format: edifact
    encoding: iso-8859-1
    rows: [{documents: [ORDERS], segment: LIN, ends: [UNS]}]
    elements:
      sender: UNB02.1
      po_number: BGM02
      ordered_date: "DTM[137]01.2"
      requested_date: "DTM[2]01.2"
      buyer: "NAD[BY]02.1"
      line_no: LIN01
      gtin: LIN03.1
      sku: "PIA[5]02.1"
      qty: "QTY[21]01.2"
      uom: "QTY[21]01.3"
      text: FTX04
    limits: {document_segments: 40}
    key: [sender, po_number, line_no]
messages:
  order.acknowledge:
    partner: partner_id
    drop: outbound/{idempotency_key}.edi
    sent: sent/{idempotency_key}.edi
    rejected: rejected/{idempotency_key}.edi
    answers: in/*.edi
    document: "855"
    fields: {purchase_order_no: customer_po, ordered_on: ordered_at, order_no: order_id, acknowledged_on: sent_at}
    line:
      line_no: line_no
      sku: sku
      ordered_qty: ordered_qty
      uom: {literal: PCE}
      status: ack_code
      acknowledged_qty: acknowledged_qty
partners:
  MUELLER:
    syntax: edifact
    sender: {qualifier: "14", id: "4012345000009"}
    receiver: {qualifier: "14", id: "5412345000013"}
    association: EAN008
    first_control_number: 31
"""
ORDERS = """UNA:+.? '
UNB+UNOC:3+5412345000013:14+4012345000009:14+260302:0905+1'
UNH+1+ORDERS:D:96A:UN:EAN008'
BGM+220+PO?+77+9'
DTM+137:20260302:102'
DTM+2:20260309:102'
NAD+BY+5412345000013::9'
LIN+1++4012345678901:EN'
PIA+5+BRG-1001:SA'
QTY+21:12:PCE'
FTX+ZZZ+++Müller ?: Söhne'
LIN+2'
PIA+5+BRG-1002:SA'
QTY+21:2.5:KGM'
DTM+2:20260316:102'
UNS+S'
CNT+2:2'
UNT+16+1'
UNZ+1+1'
"""
ANSWERED = Correction(
    correction_id="COR-1",
    target="exchange",
    message="order.acknowledge",
    payload={
        "partner_id": "MUELLER",
        "customer_po": "PO+77",
        "ordered_at": "2026-03-02T08:00:00+00:00",
        "order_id": "SO-1001",
        "line_no": 1,
        "sku": "BRG-1001",
        "ordered_qty": "12",
        "ack_code": "CHANGED",
        "acknowledged_qty": "10",
    },
    precondition={"order_id": "SO-1001"},
    idempotency_key="key-1",
)
Pull = Callable[[], DecodedSnapshot]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in", "outbound", "sent", "rejected"):
        (tmp_path / "exchange" / name).mkdir(parents=True)
    return tmp_path / "exchange"


@pytest.fixture
def exchange(declare: Any, referring: Any, clock: FixedClock, folder: Path) -> FileSystem:
    declaration = declare(DECLARATION)
    assert isinstance(declaration, FilesDeclaration)
    return FileSystem(declaration, referring(EXCHANGE_FOLDER=str(folder)), clock, MemoryControlNumbers(clock))


@pytest.fixture
def pull(declare: Any, exchange: FileSystem, tmp_path: Path) -> Iterator[Pull]:
    warehouse = scratch()

    def decoded() -> DecodedSnapshot:
        snapshot = exchange.source("order_lines").pull(Scope())
        now = datetime(2026, 3, 2, tzinfo=UTC)
        landed = LandingArea(tmp_path / "landing").land(
            snapshot, contract_version="1", pulled_at=now, duration_seconds=0
        )
        with warehouse.reading() as cursor:
            return decode(cursor, landed, layout_of(declare(DECLARATION).entities["order_lines"]))

    yield decoded
    warehouse.close()


def test_a_folder_of_orders_is_rows_by_configuration_alone(pull: Pull, folder: Path) -> None:
    (folder / "in" / "a.edi").write_bytes(ORDERS.encode("iso-8859-1"))

    decoded = pull()
    assert decoded.unreadable == ()
    assert decoded.records.drop_columns(["landed_row_no"]).to_pylist() == [
        {
            "sender": "5412345000013",
            "po_number": "PO+77",
            "ordered_date": "20260302",
            "requested_date": requested,
            "buyer": "5412345000013",
            "line_no": line_no,
            "gtin": gtin,
            "sku": sku,
            "qty": qty,
            "uom": uom,
            "text": text,
        }
        for requested, line_no, gtin, sku, qty, uom, text in (
            ("20260309", "1", "4012345678901", "BRG-1001", "12", "PCE", "Müller : Söhne"),
            ("20260316", "2", None, "BRG-1002", "2.5", "KGM", None),
        )
    ]


def test_a_half_written_message_is_told_and_the_files_beside_it_are_rows(pull: Pull, folder: Path) -> None:
    (folder / "in" / "a.edi").write_bytes(ORDERS.encode("iso-8859-1"))
    (folder / "in" / "b.edi").write_bytes(ORDERS[: ORDERS.index("UNS")].encode("iso-8859-1"))

    decoded = pull()
    assert decoded.records.num_rows == 2
    (line,) = decoded.unreadable
    assert (line.page, line.line_no) == ("in/b.edi", 1)
    assert "document 1 has no UNT: it is not taken" in line.problem


def test_what_the_declaration_limits_is_not_taken(pull: Pull, folder: Path) -> None:
    (folder / "in" / "a.edi").write_bytes(ORDERS.replace("UNS+S'", "LIN+3'" * 40 + "UNS+S'").encode("iso-8859-1"))

    decoded = pull()
    assert decoded.records.num_rows == 0
    assert "it has 56 segments and 40 are read" in decoded.unreadable[0].problem


def test_an_answer_to_an_order_goes_out_as_an_ordrsp(exchange: FileSystem, folder: Path) -> None:
    receipt = exchange.sink().apply(ANSWERED)

    text = (folder / "outbound" / "key-1.edi").read_text(encoding="iso-8859-1")
    (interchange,) = read_interchanges(text)
    assert isinstance(interchange, Interchange)
    (document,) = interchange.documents
    reading = read_document(document)
    assert (interchange.problems, reading.problems if reading else "?") == ((), ())
    assert document.envelope[0][5] == document.segments[0][1] == "31"
    assert "UNH+31+ORDRSP:D:96A:UN:EAN008'BGM+231+SO-1001+4'DTM+137:20260302:102'RFF+ON:PO?+77'" in text
    assert (receipt.observed, receipt.reference) == (Observed.QUEUED, "5412345000013/OUT/ORDRSP/31-0031")


def test_a_partner_who_answers_nothing_has_a_document_once_it_was_sent_on(exchange: FileSystem, folder: Path) -> None:
    sink = exchange.sink()
    sink.apply(ANSWERED)
    assert sink.read_back(ANSWERED) is Observed.QUEUED

    (folder / "outbound" / "key-1.edi").rename(folder / "sent" / "key-1.edi")
    assert sink.read_back(ANSWERED) is Observed.APPLIED
    assert sink.apply(ANSWERED).observed is Observed.APPLIED
    assert list((folder / "outbound").iterdir()) == []


def control(*segments: str, sender: str = "5412345000013", time: str = "1000") -> str:
    """Return a CONTRL of the partner."""
    body = "".join(f"{segment}'" for segment in segments)
    return (
        f"UNB+UNOC:3+{sender}:14+4012345000009:14+260302:{time}+9'UNH+1+CONTRL:2:2:UN'{body}"
        f"UNT+{len(segments) + 2}+1'UNZ+1+9'"
    )


@pytest.mark.parametrize(
    ("answers", "observed"),
    [
        ([control("UCI+31+US+THEM+8", "UCM+31+ORDRSP:D:96A:UN+7")], Observed.APPLIED),
        ([control("UCI+31+US+THEM+7")], Observed.APPLIED),
        ([control("UCI+31+US+THEM+4")], Observed.ABSENT),
        ([control("UCI+31+US+THEM+8", "UCM+31+ORDRSP:D:96A:UN+4")], Observed.ABSENT),
        ([control("UCI+31+US+THEM+4"), control("UCI+31+US+THEM+7", time="1100")], Observed.APPLIED),
        ([control("UCI+31+US+THEM+7"), control("UCI+31+US+THEM+4", time="1100")], Observed.ABSENT),
        ([control("UCI+32+US+THEM+7")], Observed.QUEUED),
        ([control("UCI+31+US+THEM+8", "UCM+32+ORDRSP:D:96A:UN+4")], Observed.QUEUED),
        ([control("UCI+31+US+THEM+4", sender="SOMEBODY")], Observed.QUEUED),
        ([control("UCF+31")], Observed.QUEUED),
        ([control("UCI+31+US+THEM+4")[:90]], Observed.QUEUED),
    ],
)
def test_a_partner_who_answers_has_a_document_when_its_control_message_says_so(
    *, declare: Any, referring: Any, clock: FixedClock, folder: Path, answers: list[str], observed: Observed
) -> None:
    declaration = declare(DECLARATION.replace("syntax: edifact", "syntax: edifact\n    answers: contrl"))
    sink = FileSystem(declaration, referring(EXCHANGE_FOLDER=str(folder)), clock, MemoryControlNumbers(clock)).sink()
    sink.apply(ANSWERED)
    (folder / "outbound" / "key-1.edi").rename(folder / "sent" / "key-1.edi")
    assert sink.read_back(ANSWERED) is Observed.QUEUED

    for number, text in enumerate(answers):
        (folder / "in" / f"{number}.edi").write_text(text, encoding="iso-8859-1")
    assert sink.read_back(ANSWERED) is observed


def test_what_the_message_cannot_say_is_rejected_before_it_takes_a_number(exchange: FileSystem, folder: Path) -> None:
    sink = exchange.sink()
    with pytest.raises(RejectedError, match="'status' of the order acknowledgment cannot be written as EDIFACT"):
        sink.apply(
            Correction(
                **{name: getattr(ANSWERED, name) for name in ("correction_id", "target", "message", "precondition")},
                payload={**ANSWERED.payload, "ack_code": "BACKORDERED"},
                idempotency_key="key-0",
            )
        )
    sink.apply(ANSWERED)
    assert "+31'" in (folder / "outbound" / "key-1.edi").read_text(encoding="iso-8859-1")


@pytest.mark.parametrize(
    ("text", "replaced", "said"),
    [
        ("format: edifact", "format: edifakt", "format"),
        ("DTM[137]01.2", "DTM[137]01.0", "an element such as BEG03"),
        ("syntax: edifact", "syntax: tradacoms", "`syntax` to be x12 or edifact"),
        ("association: EAN008", "association: ean008", "association"),
        ("document_segments: 40", "document_segments: 0", "document_segments"),
        ("document_segments: 40", "documents: 40", "limits"),
    ],
)
def test_a_wrong_declaration_is_told(declare: Any, text: str, replaced: str, said: str) -> None:
    assert text in DECLARATION
    with pytest.raises(ConfigurationError) as raised:
        declare(DECLARATION.replace(text, replaced))
    assert said in str(raised.value)
