from __future__ import annotations

from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.systems.transports.edi.x12.reader import Document


def document(*segments: str, kind: str = "850") -> Document:
    body = tuple(tuple(segment.split("*")) for segment in (f"ST*{kind}*0001", *segments, "SE*9*0001"))
    return Document(kind, (("GS", "PO", "ACME"), ("ISA", "00")), body)


def records(rows: DocumentRows, found: Document, **elements: ElementAddress) -> list[dict[str, str | None]]:
    layout = DocumentLayout((rows,), {name: (address,) for name, address in elements.items()})
    return list(records_of(found, layout))


LOOP = DocumentRows(segment="PO1", ends=("CTT",))
LINE = ElementAddress("PO1", position=1)
ITEMS = DocumentRows(level="I")


def test_a_document_is_one_row_where_no_segment_makes_one() -> None:
    found = document("BEG*00*SA*PO-1", "PO1*1", "PO1*2")
    assert records(DocumentRows(), found, po=ElementAddress("BEG", position=3), first=LINE) == [
        {"po": "PO-1", "first": "1"}
    ]


def test_a_field_comes_from_its_own_row_then_from_the_head_then_from_the_envelope() -> None:
    found = document("BEG*00*SA*PO-1", "DTM*002*20260301", "PO1*1", "DTM*002*20260309", "PO1*2", "CTT*2")
    wanted = ElementAddress("DTM", qualifier="002", position=2)
    assert records(LOOP, found, line=LINE, wanted=wanted, sender=ElementAddress("GS", position=2)) == [
        {"line": "1", "wanted": "20260309", "sender": "ACME"},
        {"line": "2", "wanted": "20260301", "sender": "ACME"},
    ]


def test_a_row_says_nothing_of_what_only_another_row_or_the_summary_says() -> None:
    found = document("PO1*1", "REF*AB*one", "PO1*2", "CTT*2", "REF*AB*all")
    said = records(LOOP, found, line=LINE, reference=ElementAddress("REF", qualifier="AB", position=2))
    assert [row["reference"] for row in said] == ["one", None]


def test_a_document_without_the_segment_has_no_row() -> None:
    assert records(LOOP, document("BEG*00*SA*PO-1"), line=LINE) == []


def test_a_document_of_another_type_has_no_row() -> None:
    assert records(DocumentRows(documents=("860",)), document("BEG*00"), line=LINE) == []


def test_a_label_finds_the_element_behind_it_wherever_it_stands() -> None:
    found = document("PO1*1*12*EA*6.40**UP*0123*BP*07-60001", "PO1*2*1*EA*2**BP*07-60002", "CTT*2")
    said = records(LOOP, found, item=ElementAddress("PO1", label="BP"))
    assert [row["item"] for row in said] == ["07-60001", "07-60002"]


def test_a_label_at_the_end_of_a_segment_has_nothing_behind_it() -> None:
    assert records(LOOP, document("PO1*1*12*BP"), item=ElementAddress("PO1", label="BP")) == [{"item": None}]


def test_an_empty_element_and_one_that_is_not_there_say_nothing() -> None:
    found = document("PO1*1**  *")
    address = (ElementAddress("PO1", position=position) for position in (2, 3, 9))
    assert records(LOOP, found, **{f"e{number}": one for number, one in enumerate(address)}) == [
        {"e0": None, "e1": None, "e2": None}
    ]


def test_the_first_address_that_holds_a_value_counts() -> None:
    layout = DocumentLayout(
        (DocumentRows(),), {"po": (ElementAddress("BEG", position=3), ElementAddress("BCH", position=3))}
    )
    assert list(records_of(document("BCH*04*SA*PO-2", kind="860"), layout)) == [{"po": "PO-2"}]


def test_an_item_level_inherits_from_its_own_parents_only() -> None:
    found = document(
        *("BSN*00*SH-1", "HL*1**S", "TD5*EAST", "HL*2*1*O", "PRF*PO-1", "HL*3*2*I", "LIN*1"),
        *("HL*4*1*O", "HL*5*4*I", "LIN*2"),
        kind="856",
    )
    said = records(
        ITEMS,
        found,
        shipment=ElementAddress("BSN", position=2),
        site=ElementAddress("TD5", position=1),
        order=ElementAddress("PRF", position=1),
        line=ElementAddress("LIN", position=1),
    )
    assert said == [
        {"shipment": "SH-1", "site": "EAST", "order": "PO-1", "line": "1"},
        {"shipment": "SH-1", "site": "EAST", "order": None, "line": "2"},
    ]


def test_levels_that_are_each_other_s_parent_end_the_search() -> None:
    found = document("HL*1*2*I", "LIN*1", "HL*2*1*I", "LIN*2", kind="856")
    assert [row["line"] for row in records(ITEMS, found, line=ElementAddress("LIN", position=1))] == ["1", "2"]


def test_a_document_without_levels_has_no_row_of_a_level() -> None:
    assert records(ITEMS, document("BSN*00*SH-1", kind="856"), line=LINE) == []


def test_the_climb_ends_where_no_hierarchy_is_that_deep() -> None:
    levels = [f"HL*{level}*{level + 1}*I" for level in range(1, 5_000)]
    found = document(*levels, "HL*5000**S", "TD5*EAST", kind="856")
    layout = DocumentLayout((ITEMS,), {"site": (ElementAddress("TD5", position=1),)})

    said = list(records_of(found, layout))
    assert [len(said), said[0]["site"], said[-1]["site"]] == [4_999, None, "EAST"]


def test_a_component_is_found_in_its_element() -> None:
    found = Document("ORDERS", (), (("UNH", "1"), ("DTM", "137\x1f20260302\x1f102"), ("DTM", "2\x1f20260309")), "\x1f")
    wanted = {
        "ordered": ElementAddress("DTM", qualifier="137", position=1, component=2),
        "format": ElementAddress("DTM", position=1, component=3),
        "first": ElementAddress("DTM", position=1),
        "nothing": ElementAddress("DTM", qualifier="2", position=1, component=3),
    }
    assert records(DocumentRows(), found, **wanted) == [
        {"ordered": "20260302", "format": "102", "first": "137", "nothing": None}
    ]


def test_a_component_of_an_x12_element_is_told_apart_by_its_own_mark() -> None:
    found = Document("850", (), (("ST", "850"), ("PO1", "1", "12", "EA>X")), ">")
    wanted = {"whole": ElementAddress("PO1", position=3), "part": ElementAddress("PO1", position=3, component=2)}
    assert records(DocumentRows(), found, **wanted) == [{"whole": "EA>X", "part": "X"}]
