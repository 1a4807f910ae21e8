"""Documents for a trading partner: dropped once, followed until its 997, the same however often they are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import ConfigurationError, RejectedError, RetryableError
from fulfillment_pipelines.messages.catalogue import message_type
from fulfillment_pipelines.systems.declaration import DocumentMessage, FilesDeclaration, LiteralValue, load_declaration
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import MemoryControlNumbers
from fulfillment_pipelines.systems.transports.files.system import FileSystem

SMALL = Path(__file__).parents[1] / "small_distributor" / "erp_by_edi.yaml"
DECLARED = Path(__file__).parents[2] / "fulfillment_pipelines" / "systems" / "declared" / "edi.yaml"

CONFIRMED = Correction(
    correction_id="COR-1",
    target="erp_by_edi",
    message="ship.confirm",
    payload={
        "shipment_id": "SHP-9",
        "order_id": "SO-1001",
        "line_no": 3,
        "node": "WEST",
        "sku": "BRG-1001",
        "shipped_qty": "12.0000",
        "shipped_at": "2026-03-02T23:30:00-02:00",
    },
    precondition={"shipment_id": "SHP-9"},
    idempotency_key="key-1",
)
ADJUSTED = replace(
    CONFIRMED,
    message="inventory.adjust",
    payload={"node": "WEST", "sku": "BRG-1001", "movement_qty": "-2", "reason_code": "AU", "movement_id": "MOV-5"},
    idempotency_key="key-2",
)


class ErpHouse:
    """The partner's side of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("outbound", "sent", "rejected", "in"):
            (folder / name).mkdir(parents=True)

    def waiting(self) -> list[list[str]]:
        """What waits to be sent: the segments of each file."""
        return [path.read_text(encoding="ascii").split("~") for path in sorted((self.folder / "outbound").iterdir())]

    def take(self) -> None:
        for path in (self.folder / "outbound").iterdir():
            path.rename(self.folder / "sent" / path.name)

    def answer(self, *said: str, name: str = "a", time: str = "100000", sender: str = "123456789") -> None:
        blank = " " * 10
        isa = f"ISA*00*{blank}*00*{blank}*01*{sender:<15}*ZZ*DISTRIB        *260302*1000*U*00401*000000001*0*P*>"
        body = [f"GS*FA*{sender}*DISTRIB*20260302*{time}*1*X*004010", "ST*997*0001", *said]
        text = "~\n".join([isa, *body, f"SE*{len(said) + 2}*0001", "GE*1*1", "IEA*1*000000001", ""])
        (self.folder / "in" / f"{name}.edi").write_text(text, encoding="ascii")


@pytest.fixture
def house(tmp_path: Path) -> ErpHouse:
    return ErpHouse(tmp_path / "exchange")


@pytest.fixture
def numbers(clock: FixedClock) -> MemoryControlNumbers:
    return MemoryControlNumbers(clock)


@pytest.fixture
def make_sink(
    house: ErpHouse, referring: Any, clock: FixedClock, numbers: MemoryControlNumbers
) -> Callable[..., CorrectionSink]:
    def make(*, counted: bool = True, later: timedelta = timedelta(0)) -> CorrectionSink:
        declaration = load_declaration(SMALL)
        assert isinstance(declaration, FilesDeclaration)
        references = referring(ERP_EDI_DIRECTORY=str(house.folder))
        then = FixedClock(clock.now() + later)
        return FileSystem(declaration, references, then, numbers if counted else None).sink()

    return make


@pytest.fixture
def sink(make_sink: Callable[..., CorrectionSink]) -> CorrectionSink:
    return make_sink()


def test_a_confirmed_shipment_goes_out_as_a_945(sink: CorrectionSink, house: ErpHouse) -> None:
    receipt = sink.apply(CONFIRMED)

    (segments,) = house.waiting()
    assert segments[0].endswith("*ZZ*DISTRIB        *01*123456789      *260302*0900*U*00401*000005001*0*P*>")
    assert segments[1:] == [
        "GS*SW*DISTRIB*123456789*20260302*090000*5001*X*004010VICS",
        "ST*945*5001",
        "W06*F*SO-1001*20260303*SHP-9",
        "N1*WH**91*WEST",
        "LX*3",
        "W12*CC*12*12*0*EA**VN*BRG-1001",
        "W03*12",
        "SE*7*5001",
        "GE*1*5001",
        "IEA*1*000005001",
        "",
    ]
    assert (receipt.observed, receipt.reference) == (Observed.QUEUED, "123456789/OUT/945/5001-5001")


def test_a_stock_movement_goes_out_as_a_947(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(ADJUSTED)

    (segments,) = house.waiting()
    assert segments[2:6] == [
        "ST*947*5001",
        "W15*20260302*MOV-5*MOV-5",
        "N1*WH**91*WEST",
        "W19*AU*-2*EA**VN*BRG-1001",
    ]


def test_interchanges_are_numbered_one_after_the_other(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    sink.apply(ADJUSTED)
    assert [segments[0].split("*")[13] for segments in house.waiting()] == ["000005001", "000005002"]


@pytest.mark.parametrize("code", ["A", "E"])
def test_a_document_is_followed_from_the_mailbox_to_the_partner_s_answer(
    sink: CorrectionSink, house: ErpHouse, code: str
) -> None:
    assert sink.read_back(CONFIRMED) is Observed.ABSENT
    sink.apply(CONFIRMED)
    assert sink.read_back(CONFIRMED) is Observed.QUEUED
    house.take()
    assert sink.read_back(CONFIRMED) is Observed.QUEUED
    house.answer("AK1*SW*5001", "AK2*945*5001", f"AK5*{code}", "AK9*A*1*1*1")
    assert sink.read_back(CONFIRMED) is Observed.APPLIED
    assert sink.apply(CONFIRMED).observed is Observed.APPLIED
    assert house.waiting() == []


@pytest.mark.parametrize("code", ["R", "M", "W", "X"])
def test_a_document_that_the_partner_refuses_is_not_sent_again(
    sink: CorrectionSink, house: ErpHouse, code: str
) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK3*W12*5**8", f"AK5*{code}", "AK9*R*1*1*0")

    assert sink.read_back(CONFIRMED) is Observed.ABSENT
    with pytest.raises(RejectedError, match=f"key-1 was refused.*997 says {code}"):
        sink.apply(CONFIRMED)
    assert house.waiting() == []


def test_a_document_that_is_not_sent_on_is_refused(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    (house.folder / "outbound" / "key-1.edi").rename(house.folder / "rejected" / "key-1.edi")

    assert sink.read_back(CONFIRMED) is Observed.ABSENT
    with pytest.raises(RejectedError, match=r"it lies in rejected/key-1\.edi"):
        sink.apply(CONFIRMED)


@pytest.mark.parametrize(
    "said",
    [
        ["AK1*SW*5002", "AK2*945*5001", "AK5*A", "AK9*A*1*1*1"],
        ["AK1*SW*5001", "AK2*856*5001", "AK5*A", "AK9*A*1*1*1"],
        ["AK1*SW*5001", "AK2*945*5002", "AK5*A", "AK9*A*1*1*1"],
    ],
    ids=["group", "type", "document"],
)
def test_an_answer_to_another_document_proves_nothing(sink: CorrectionSink, house: ErpHouse, said: list[str]) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer(*said)
    assert sink.read_back(CONFIRMED) is Observed.QUEUED


def test_an_answer_of_another_partner_proves_nothing(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*A", "AK9*A*1*1*1", sender="987654321")
    assert sink.read_back(CONFIRMED) is Observed.QUEUED


@pytest.mark.parametrize(("code", "observed"), [("A", Observed.APPLIED), ("R", Observed.ABSENT)])
def test_an_answer_that_names_no_document_is_one_to_the_whole_group(
    sink: CorrectionSink, house: ErpHouse, code: str, observed: Observed
) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", f"AK9*{code}*1*1*1")
    assert sink.read_back(CONFIRMED) is observed


def test_the_newest_answer_counts(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*A", "AK9*A*1*1*1", name="a", time="110000")
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*R", "AK9*R*1*1*0", name="b", time="103000")
    assert sink.read_back(CONFIRMED) is Observed.APPLIED


def test_an_answer_that_was_cut_off_counts_once_its_file_is_whole(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*A", "AK9*A*1*1*1")
    path = house.folder / "in" / "a.edi"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"SE*")])
    assert sink.read_back(CONFIRMED) is Observed.QUEUED
    path.write_bytes(whole)
    assert sink.read_back(CONFIRMED) is Observed.APPLIED


def test_an_answer_whose_file_is_taken_away_is_no_answer_any_more(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    house.take()
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*R", "AK9*R*1*1*0")
    assert sink.read_back(CONFIRMED) is Observed.ABSENT
    (house.folder / "in" / "a.edi").unlink()
    assert sink.read_back(CONFIRMED) is Observed.QUEUED


def test_an_answer_among_broken_files_is_found(sink: CorrectionSink, house: ErpHouse) -> None:
    sink.apply(CONFIRMED)
    house.take()
    (house.folder / "in" / "0.edi").write_bytes(b"ISA*00*cut off, 997 or not")
    house.answer("AK1*SW*5001", "AK2*945*5001", "AK5*A", "AK9*A*1*1*1")
    assert sink.read_back(CONFIRMED) is Observed.APPLIED


def test_a_repeated_send_is_the_same_interchange_byte_for_byte(
    make_sink: Callable[..., CorrectionSink], house: ErpHouse
) -> None:
    make_sink().apply(CONFIRMED)
    lost = house.folder / "outbound" / "key-1.edi"
    first = lost.read_bytes()
    lost.unlink()

    make_sink(later=timedelta(days=2)).apply(CONFIRMED)
    assert lost.read_bytes() == first


def test_a_send_that_fails_gives_its_number_to_its_own_repetition(sink: CorrectionSink, house: ErpHouse) -> None:
    (house.folder / "outbound").rmdir()
    with pytest.raises(RetryableError):
        sink.apply(CONFIRMED)
    (house.folder / "outbound").mkdir()
    sink.apply(ADJUSTED)
    sink.apply(CONFIRMED)

    numbers = {segments[2].split("*")[1]: segments[0].split("*")[13] for segments in house.waiting()}
    assert numbers == {"945": "000005001", "947": "000005002"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sku": "BRG*1001"}, r"'sku' .*cannot be written.*'\*'"),
        ({"sku": None}, "'sku' of the document cannot be filled"),
        ({"shipped_qty": "a dozen"}, "'ordered_qty' of the document cannot be filled.*a number"),
        ({"shipped_qty": "-1"}, "'ordered_qty' cannot be"),
        ({"shipped_qty": "NaN"}, "'ordered_qty' cannot be"),
        ({"shipped_at": "soon"}, "'shipped_on' of the document cannot be filled"),
        ({"line_no": "third"}, "'line_no' of the document cannot be filled"),
        ({"order_id": "S" * 23}, "'order_no' .*1 to 22 characters"),
    ],
)
def test_a_document_that_cannot_be_written_is_refused_and_takes_no_number(
    sink: CorrectionSink, house: ErpHouse, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(RejectedError, match=said):
        sink.apply(replace(CONFIRMED, payload={**CONFIRMED.payload, **changed}))
    assert house.waiting() == []
    sink.apply(ADJUSTED)
    assert house.waiting()[0][0].split("*")[13] == "000005001"


def test_a_reason_that_is_in_no_dictionary_is_refused_with_those_that_are(sink: CorrectionSink) -> None:
    wrong = replace(ADJUSTED, payload={**ADJUSTED.payload, "reason_code": "181"})
    with pytest.raises(RejectedError, match=r"'reason' .*AA \(PHYSICAL_COUNT\).*'181'"):
        sink.apply(wrong)


def test_a_payload_that_lacks_a_field_is_told_by_its_name(sink: CorrectionSink) -> None:
    lacking = {name: value for name, value in CONFIRMED.payload.items() if name != "sku"}
    with pytest.raises(ConfigurationError, match="'sku' in its payload"):
        sink.apply(replace(CONFIRMED, payload=lacking))


def test_without_a_count_nothing_is_sent(make_sink: Callable[..., CorrectionSink], house: ErpHouse) -> None:
    with pytest.raises(ConfigurationError, match="nobody counts its interchanges"):
        make_sink(counted=False).apply(CONFIRMED)
    assert house.waiting() == []


def test_a_partner_that_is_not_declared_is_told(referring: Any, clock: FixedClock, tmp_path: Path) -> None:
    declaration = load_declaration(DECLARED)
    assert isinstance(declaration, FilesDeclaration)
    exchange = FileSystem(declaration, referring(EDI_DIRECTORY=str(tmp_path)), clock, MemoryControlNumbers(clock))
    to_nobody = replace(CONFIRMED, message="inventory.advise", payload={"partner_id": "NOBODY"})
    with pytest.raises(
        ConfigurationError, match=r"goes to no partner that is declared\. .*ACME, BOLTON, CRANE.*NOBODY"
    ):
        exchange.sink().apply(to_nobody)


@pytest.mark.parametrize("path", [SMALL, DECLARED], ids=lambda path: path.stem)
def test_documents_are_filled_from_fields_that_their_messages_have(path: Path) -> None:
    declaration = load_declaration(path)
    assert isinstance(declaration, FilesDeclaration)
    documents = {
        name: message for name, message in declaration.messages.items() if isinstance(message, DocumentMessage)
    }
    assert documents
    for name, message in documents.items():
        known = {*message_type(name).payload.model_fields, "control_number", "sent_at", "idempotency_key"}
        sources = (message.partner, *message.fields.values(), *message.line.values())
        assert {source for source in sources if not isinstance(source, LiteralValue)} <= known, name


@pytest.mark.parametrize(
    ("text", "replaced", "said"),
    [
        ("order_no: order_id, ", "", "`fields` only order_no.*at least order_no"),
        ("{sku: sku,", "{skew: sku,", "`line` only sku"),
        ('document: "945"', 'document: "999"', "'945'"),
        ("outbound/{idempotency_key}.edi", "outbound/all.edi", "idempotency_key"),
        ("version: 004010VICS", 'delimiters: {element: "-"}', "should match pattern"),
        ("version: 004010VICS", 'delimiters: {element: ">"}', "three different characters"),
        ("version: 004010VICS", "version: '005010'", "should match pattern"),
        ("literal: ERPHOUSE", "literal: NOBODY", "`partners` with the one"),
    ],
)
def test_a_wrong_declaration_is_told(declare: Any, text: str, replaced: str, said: str) -> None:
    written = SMALL.read_text(encoding="utf-8")
    assert text in written
    with pytest.raises(ConfigurationError, match=said):
        declare(written.replace(text, replaced, 1))
