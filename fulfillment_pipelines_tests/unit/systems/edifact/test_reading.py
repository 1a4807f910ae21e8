"""EDIFACT text is taken apart whatever delimits it, and what is wrong with envelopes is told beside what was read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.edifact.reader import read_interchanges
from fulfillment_pipelines.systems.transports.edi.interchange import BrokenInterchange, Document, Interchange
from fulfillment_pipelines.systems.transports.edi.syntaxes import read_any

COMPONENT = "\x1f"
ORDER = ["BGM+220+PO-1+9", "DTM+137:20260302:102", "LIN+1++4012345678901:EN", "QTY+21:12:PCE"]


def interchange(*messages: list[str], number: str = "7", end: str = "'") -> str:
    """Return a sound interchange of ORDERS."""
    segments = [f"UNB+UNOC:3+BUYER:14+SELLER:14+260302:0905+{number}"]
    for position, body in enumerate(messages, start=1):
        segments += [f"UNH+{position}+ORDERS:D:96A:UN", *body, f"UNT+{len(body) + 2}+{position}"]
    segments.append(f"UNZ+{len(messages)}+{number}")
    return "".join(segment + end for segment in segments)


def sound(text: str) -> list[Document]:
    found = list(read_interchanges(text))
    assert all(isinstance(one, Interchange) and not one.problems for one in found), found
    return [document for one in found if isinstance(one, Interchange) for document in one.documents]


def spelled(document: Document) -> list[list[str]]:
    """Return the segments with their components between points."""
    return [[element.replace(COMPONENT, "·") for element in segment] for segment in document.segments]


def test_a_message_has_its_type_its_segments_and_its_envelope() -> None:
    (document,) = sound(interchange(ORDER))

    assert document.type == "ORDERS"
    assert spelled(document) == [
        ["UNH", "1", "ORDERS·D·96A·UN"],
        ["BGM", "220", "PO-1", "9"],
        ["DTM", "137·20260302·102"],
        ["LIN", "1", "", "4012345678901·EN"],
        ["QTY", "21·12·PCE"],
        ["UNT", "6", "1"],
    ]
    assert [segment[0] for segment in document.envelope] == ["UNB"]


def test_a_group_is_the_inner_envelope() -> None:
    text = (
        interchange(ORDER).replace("'UNH", "'UNG+ORDERS+A+B+260302:0905+9+UN+D:96A'UNH").replace("'UNZ", "'UNE+1+9'UNZ")
    )
    assert [segment[0] for segment in sound(text)[0].envelope] == ["UNG", "UNB"]


@pytest.mark.parametrize(
    "text",
    [
        "UNA:+.? '" + interchange(ORDER),
        "\ufeffUNA:+.? '\r\n" + interchange(ORDER, end="'\r\n"),
        interchange(ORDER, end="'\n\t\t"),
        interchange(ORDER, end="\n"),
        interchange(ORDER, end="\r\n"),
        "UNA:+.? *" + interchange(ORDER, end="*"),
        "UNA|*,! ~" + interchange(ORDER, end="~").replace("+", "*").replace(":", "|"),
        interchange(ORDER, end="\x1c").replace("+", "\x1d").replace(":", "\x1f"),
        "\n".join(interchange(ORDER)[at : at + 80] for at in range(0, 300, 80)),
    ],
    ids=["advice", "marks", "indented", "newline_ends", "crlf_ends", "terminator", "others", "level_b", "wrapped"],
)
def test_what_delimits_is_told_by_the_interchange_itself(text: str) -> None:
    assert spelled(sound(text)[0]) == spelled(sound(interchange(ORDER))[0])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a?+b", "a+b"),
        ("a?:b", "a:b"),
        ("a?'b", "a'b"),
        ("a??", "a?"),
        ("a??+b", "a?"),
        ("a???+b", "a?+b"),
        ("?a", "a"),
        ("Müller ?+ Söhne", "Müller + Söhne"),
    ],
)
def test_a_released_character_is_one_of_the_data(written: str, meant: str) -> None:
    assert sound(interchange([f"BGM+220+{written}+9"]))[0].segments[1][2] == meant


def test_a_release_character_can_be_switched_off() -> None:
    assert sound("UNA:+.  '" + interchange(["BGM+220+a?"]))[0].segments[1][2] == "a?"


def test_characters_of_the_private_use_area_are_kept() -> None:
    assert sound(interchange(["BGM+220+\ue000?+\ue001"]))[0].segments[1][2] == "\ue000+\ue001"


@pytest.mark.parametrize(
    "said", ["NAD+BY+UNB+X", "FTX+UNA", "FTX+AAA+:UNB+X", "FTX+UNB?+X", "FTX+a UNB+X", "FTX+UNA::..."]
)
def test_an_element_that_says_unb_begins_nothing(said: str) -> None:
    assert len(sound(interchange([said]))) == 1


def test_a_file_may_hold_several_interchanges_with_or_without_advice() -> None:
    text = interchange(ORDER) + "\n" + "UNA:+.? '" + interchange(ORDER, number="8") + interchange(ORDER, number="9")
    assert [document.envelope[0][5] for document in sound(text)] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda text: text.replace("UNZ+1+7'", ""), ["interchange 7 has no UNZ (segment 8)"]),
        (lambda text: text.replace("UNZ+1+7", "UNZ+1+8"), ["interchange 7 ends with control number 8 (segment 8)"]),
        (lambda text: text.replace("UNZ+1", "UNZ+2"), ["interchange 7 declares 2 parts and has 1 (segment 8)"]),
        (lambda text: text.replace("UNT+6", "UNT+7"), ["document 1 declares 7 parts and has 6 (segment 7)"]),
        (
            lambda text: text[text.index("UNH") :],
            ["no UNB stands around its messages (segment 1)", "the UNZ 7 ends nothing (segment 7)"],
        ),
        (lambda text: text.replace("ORDERS:D:96A:UN", ""), ["an UNH does not name its document's type (segment 2)"]),
    ],
)
def test_a_message_with_its_trailer_is_taken_whatever_else_is_wrong(
    spoilt: Callable[[str], str], said: list[str]
) -> None:
    (found,) = read_interchanges(spoilt(interchange(ORDER)))

    assert isinstance(found, Interchange)
    assert [str(problem) for problem in found.problems] == said
    assert [document.segments[1][2] for document in found.documents] == ["PO-1"]


def test_a_message_that_nothing_closes_is_shown_and_not_taken() -> None:
    whole = interchange(ORDER, ["BGM+220+PO-2+9"])
    (found,) = read_interchanges(whole[: whole.index("UNT+3+2")])

    assert isinstance(found, Interchange)
    assert [document.segments[1][2] for document in found.documents] == ["PO-1"]
    assert [document.segments[1][2] for document in found.not_taken] == ["PO-2"]
    assert [str(problem) for problem in found.problems] == [
        "document 2 has no UNT: it is not taken (segment 10)",
        "interchange 7 has no UNZ (segment 10)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ISA*00*", "it does not begin with a UNA, UNB or UNH segment"),
        ("UNA++.? 'UNB+UNOC:3'", "its UNA does not say how segments end"),
    ],
)
def test_what_is_no_edifact_says_so(text: str, said: str) -> None:
    (found,) = read_interchanges(text)
    assert isinstance(found, BrokenInterchange)
    assert found.problem == said


def test_a_message_beyond_a_limit_is_not_taken() -> None:
    (found,) = read_interchanges(interchange(ORDER, ["BGM"]), Limits(document_segments=5))

    assert isinstance(found, Interchange)
    assert [len(found.documents), len(found.not_taken)] == [1, 1]
    assert "it has 6 segments and 5 are read" in str(found.problems[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("STX=ANA:1+A+B+260302:090500+7'", "it is TRADACOMS, not X12 or EDIFACT"),
        ("hello", "it does not begin with an ISA segment"),
    ],
)
def test_a_file_of_another_standard_is_named(text: str, said: str) -> None:
    (found,) = read_any(text)
    assert isinstance(found, BrokenInterchange)
    assert found.problem == said


def test_the_standard_is_told_by_how_a_file_begins() -> None:
    (found,) = read_any("\ufeff\n" + interchange(ORDER))
    assert isinstance(found, Interchange)
    assert found.documents[0].type == "ORDERS"
