from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.interchange import BrokenInterchange, Document, Interchange
from fulfillment_pipelines.systems.transports.edi.syntaxes import read_any
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges

SAMPLES_VARIABLE = "EDI_SAMPLES_DIRECTORY"
Write = Callable[..., str]


def interchange(
    *documents: tuple[str, ...], separator: str = "*", terminator: str = "~", number: str = "000000007"
) -> str:
    """Return a sound interchange with one group; a document is its type and its segments."""
    blank = " " * 10
    head = ["ISA", "00", blank, "00", blank, "ZZ", "ACME           ", "ZZ", "DISTRIB        ", "260302", "0900"]
    segments = [separator.join([*head, "U", "00401", number, "0", "P", ">"])]
    segments.append(separator.join(["GS", "PO", "ACME", "DISTRIB", "20260302", "090000", "7", "X", "004010"]))
    for position, (kind, *body) in enumerate(documents, start=1):
        segments.append(separator.join(["ST", kind, f"{position:04d}"]))
        segments += [segment.replace("*", separator) for segment in body]
        segments.append(separator.join(["SE", str(len(body) + 2), f"{position:04d}"]))
    segments += [separator.join(["GE", str(len(documents)), "7"]), separator.join(["IEA", "1", number])]
    return "".join(segment + terminator for segment in segments)


def sound(text: str) -> list[Document]:
    found = list(read_interchanges(text))
    assert all(isinstance(one, Interchange) and not one.problems for one in found), found
    return [document for one in found if isinstance(one, Interchange) for document in one.documents]


def problem(text: str) -> str:
    (broken,) = read_interchanges(text)
    assert isinstance(broken, BrokenInterchange)
    return broken.problem


ORDER = ("850", "BEG*00*SA*PO-1**20260302", "PO1*1*12*EA*6.40**VP*BRG-1001")


def test_a_document_has_its_type_its_segments_and_its_envelope() -> None:
    (document,) = sound(interchange(ORDER))

    assert document.type == "850"
    assert document.segments == (
        ("ST", "850", "0001"),
        ("BEG", "00", "SA", "PO-1", "", "20260302"),
        ("PO1", "1", "12", "EA", "6.40", "", "VP", "BRG-1001"),
        ("SE", "4", "0001"),
    )
    assert [segment[0] for segment in document.envelope] == ["GS", "ISA"]
    assert document.envelope[1][6] == "ACME"


@pytest.mark.parametrize(
    ("separator", "terminator"),
    [("*", "~"), ("*", "~\n"), ("|", "~\r\n"), ("^", "'"), ("*", "\n"), ("*", "\r\n"), ("\x1d", "\x1c")],
    ids=["plain", "lines", "crlf", "other", "newline_ends", "crlf_ends", "control_characters"],
)
def test_separators_come_from_the_interchange_itself(separator: str, terminator: str) -> None:
    (document,) = sound(interchange(ORDER, separator=separator, terminator=terminator))
    assert document.segments[2] == ("PO1", "1", "12", "EA", "6.40", "", "VP", "BRG-1001")


def test_a_byte_order_mark_and_indentation_mean_nothing() -> None:
    indented = interchange(ORDER, terminator="~\r\n").replace("\r\nPO1", "\r\n\t\t    PO1")
    (document,) = sound("\ufeff" + indented)
    assert document.segments[2][0] == "PO1"


def test_an_interchange_whose_isa_lost_its_padding_is_read() -> None:
    (document,) = sound(interchange(ORDER).replace(" ", ""))
    assert document.envelope[1][13] == "000000007"


def test_control_numbers_agree_whatever_zeros_pad_them() -> None:
    assert sound(interchange(ORDER).replace("IEA*1*000000007", "IEA*1*7"))


def test_an_interchange_without_documents_is_sound() -> None:
    assert sound(interchange()) == []
    assert sound("") == []
    assert sound("\ufeff\r\n  ") == []


def test_an_answer_to_an_earlier_interchange_may_stand_before_the_groups() -> None:
    answered = interchange(ORDER).replace("~GS*", "~TA1*000000003*260302*0800*A*000~GS*")
    assert [document.type for document in sound(answered)] == ["850"]


def test_a_file_may_hold_interchanges_with_other_separators_each() -> None:
    text = interchange(ORDER) + interchange(ORDER, separator="|", terminator="'\n", number="000000008")
    assert [document.envelope[1][13] for document in sound(text)] == ["000000007", "000000008"]


def test_an_element_that_says_isa_begins_nothing() -> None:
    text = interchange(("850", "N1*ST*ISA*01*123", "BEG"), ("850", "MSG*ISA*00*", "BEG"))
    assert [document.segments[1][0] for document in sound(text)] == ["N1", "MSG"]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda text: text.replace("IEA*1*000000007~", ""), ["interchange 7 has no IEA (segment 8)"]),
        (lambda text: text.replace("GE*1*7~", ""), ["group 7 has no GE (segment 7)"]),
        (
            lambda text: text.replace("IEA*1*000000007", "IEA*1*000000009"),
            ["interchange 7 ends with control number 9 (segment 8)"],
        ),
        (lambda text: text.replace("GE*1*7", "GE*1*8"), ["group 7 ends with control number 8 (segment 7)"]),
        (lambda text: text.replace("SE*4*0001", "SE*4*0002"), ["document 1 ends with control number 2 (segment 6)"]),
        (lambda text: text.replace("SE*4*", "SE*5*"), ["document 1 declares 5 parts and has 4 (segment 6)"]),
        (lambda text: text.replace("GE*1*", "GE*2*"), ["group 7 declares 2 parts and has 1 (segment 7)"]),
        (lambda text: text.replace("IEA*1*", "IEA**"), ["interchange 7 declares ? parts and has 1 (segment 8)"]),
        (lambda text: text + "PO1*2*1*EA~", ["1 segments stand behind its IEA (segment 9)"]),
        (
            lambda text: text.replace("ST*850*0001~", "N1*BY~N2*BY~ST*850*0001~"),
            ["the segment N1 and 1 more stand outside of a document (segment 3)"],
        ),
        (
            lambda text: text.replace("ST*850*0001~", "ST**0001~"),
            ["an ST does not name its document's type (segment 3)"],
        ),
        (lambda text: text.replace("~ST*", "~TA1*3~ST*"), ["the segment TA1 stands outside of a document (segment 3)"]),
        (lambda text: text.replace("GE*1*7~", "GE*1*7~GE*1*7~"), ["the GE 7 ends nothing (segment 8)"]),
        (
            lambda text: text.replace("GS*PO*ACME*DISTRIB*20260302*090000*7*X*004010~", "").replace("GE*1*7~", ""),
            [
                "document 1 stands outside of a group (segment 2)",
                "interchange 7 declares 1 parts and has 0 (segment 6)",
            ],
        ),
    ],
)
def test_a_document_with_its_trailer_is_taken_whatever_else_is_wrong(
    spoilt: Callable[[str], str], said: list[str]
) -> None:
    (found,) = read_interchanges(spoilt(interchange(ORDER)))

    assert isinstance(found, Interchange)
    assert [str(problem) for problem in found.problems] == said
    assert [document.segments[1][3] for document in found.documents] == ["PO-1"]


@pytest.mark.parametrize(
    ("spoilt", "said", "taken"),
    [
        (
            lambda text: text.replace("SE*4*0002~", ""),
            ["document 2 has no SE: it is not taken (segment 10)"],
            ["PO-1"],
        ),
        (
            lambda text: text.replace("SE*4*0001~", ""),
            ["document 1 has no SE: it is not taken (segment 6)"],
            ["PO-2"],
        ),
        (
            lambda text: text[: text.index("PO1*1", text.index("PO-2"))],
            [
                "document 2 has no SE: it is not taken (segment 9)",
                "group 7 has no GE (segment 9)",
                "interchange 7 has no IEA (segment 9)",
            ],
            ["PO-1"],
        ),
    ],
    ids=["lost", "lost_between", "half_written"],
)
def test_a_document_that_nothing_closes_is_shown_and_not_taken(
    spoilt: Callable[[str], str], said: list[str], taken: list[str]
) -> None:
    other = ("850", "BEG*00*SA*PO-2**20260302", "PO1*1*7*EA*6.40**VP*BRG-1002")
    (found,) = read_interchanges(spoilt(interchange(ORDER, other)))

    assert isinstance(found, Interchange)
    assert [str(problem) for problem in found.problems] == said
    assert [document.segments[1][3] for document in found.documents] == taken
    (lost,) = found.not_taken
    assert {lost.segments[1][3], *taken} == {"PO-1", "PO-2"}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda text: text.replace("0*P*>~", "0*P>~")[:90], "its ISA has 13 elements instead of 16"),
        (lambda text: text[: text.index("GS*") - 2], "its ISA does not say how segments end"),
        (lambda _: "UNB+UNOA:1+SENDER+RECEIVER+260302:0900+7'", "it does not begin with an ISA segment"),
    ],
)
def test_what_has_no_usable_isa_says_so(spoilt: Callable[[str], str], said: str) -> None:
    assert problem(spoilt(interchange(ORDER))) == said


@pytest.mark.parametrize("width", [80, 79, 72, 41])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_lines_that_are_cut_at_a_width_are_put_together(width: int, line_break: str) -> None:
    text = interchange(ORDER, ("850", "BEG*00*SA*PO-2", "MSG*" + "two words " * 20 + "end"))
    wrapped = line_break.join(text[at : at + width] for at in range(0, len(text), width))
    assert [document.segments for document in sound(wrapped)] == [document.segments for document in sound(text)]


def test_blank_lines_and_what_fills_the_end_of_a_file_mean_nothing() -> None:
    spaced = "\r\n\r\n" + interchange(ORDER, terminator="~\n\n \n") + "\x1a\x00\x00"
    assert sound(spaced)[0].segments == sound(interchange(ORDER))[0].segments


def test_a_line_that_begins_like_a_segment_is_one_though_the_terminator_before_it_is_missing() -> None:
    text = interchange(ORDER, terminator="~\n").replace("20260302~\n", "20260302\n")
    (found,) = read_interchanges(text)

    assert isinstance(found, Interchange)
    assert [str(problem) for problem in found.problems] == ["the segment BEG has no terminator (segment 4)"]
    assert found.documents[0].segments == sound(interchange(ORDER))[0].segments


def test_a_line_that_goes_on_with_its_segment_is_part_of_it() -> None:
    text = interchange(ORDER, terminator="~\n").replace("*PO-1*", "\n*PO-1*")
    assert sound(text)[0].segments == sound(interchange(ORDER))[0].segments


def test_lines_may_end_with_a_carriage_return_alone() -> None:
    assert sound(interchange(ORDER, terminator="\r"))[0].segments == sound(interchange(ORDER))[0].segments


@pytest.mark.parametrize(
    ("told", "version", "repetition"), [("U", "00401", ""), ("^", "00501", "^"), ("^", "00401", ""), ("U", "00501", "")]
)
def test_repetitions_are_separated_as_the_isa_says_where_its_version_knows_of_them(
    told: str, version: str, repetition: str
) -> None:
    (document,) = sound(interchange(ORDER).replace("*U*00401*", f"*{told}*{version}*"))
    assert (document.repetition, document.component) == (repetition, ">")


@pytest.mark.parametrize(
    ("body", "limit", "said"),
    [
        (["PO1"] * 20, {"document_segments": 20}, "it has 22 segments and 20 are read"),
        (["PO1" + "*1" * 20], {"segment_elements": 10}, "a segment has 20 elements and 10 are read"),
        (["MSG*" + "x" * 100], {"segment_characters": 50}, "a segment has 105 characters and 50 are read"),
        (
            [f"HL*{level}*{level - 1 or ''}*I" for level in range(1, 9)],
            {"hierarchy_levels": 7},
            "its hierarchy is 8 levels deep and 7 are read",
        ),
        (["REF*1^2^3"], {"element_repetitions": 2}, "an element is repeated 3 times and 2 are read"),
    ],
    ids=["segments", "elements", "characters", "levels", "repetitions"],
)
def test_a_document_beyond_a_limit_is_not_taken_and_the_next_one_is(
    body: list[str], limit: dict[str, int], said: str
) -> None:
    text = interchange(("850", *body), ("850", "BEG")).replace("*U*00401*", "*^*00501*")
    (found,) = read_interchanges(text, Limits(**limit))

    assert isinstance(found, Interchange)
    assert [str(problem) for problem in found.problems] == [f"document 1 is not taken: {said} (segment 3)"]
    assert [len(found.documents), len(found.not_taken)] == [1, 1]
    assert len(sound(text)) == 2


def test_an_interchange_beyond_the_limit_is_not_read() -> None:
    text = interchange(ORDER)
    (found,) = read_interchanges(text, Limits(interchange_characters=len(text) - 1))
    assert isinstance(found, BrokenInterchange)
    assert found.problem == f"it has {len(text)} characters and {len(text) - 1} are read"


def test_a_broken_interchange_does_not_take_the_others_with_it() -> None:
    cut_off = interchange(ORDER, number="000000001")[:100]
    found = list(read_interchanges("noise\n" + cut_off + interchange(ORDER, number="000000002")))

    assert [type(one).__name__ for one in found] == ["BrokenInterchange", "BrokenInterchange", "Interchange"]
    assert [one.position for one in found] == [1, 2, 3]


def test_a_broken_interchange_shows_how_it_begins() -> None:
    (broken,) = read_interchanges(interchange(ORDER)[:100])
    assert isinstance(broken, BrokenInterchange)
    assert broken.text.startswith("ISA*00*")


def test_files_of_the_wild_are_read_and_what_is_wrong_with_them_is_told() -> None:
    """Bytes from public repositories: 47 files, of which 6 are TRADACOMS."""
    folder = os.environ.get(SAMPLES_VARIABLE)
    if not folder:
        pytest.skip(f"{SAMPLES_VARIABLE} does not name the folder of the sample files")
    found = {
        path.name: list(read_any(path.read_bytes().decode("utf-8", errors="replace")))
        for path in Path(folder).iterdir()
    }
    unread = {
        name: one.problem for name, all_of in found.items() for one in all_of if isinstance(one, BrokenInterchange)
    }
    documents = {
        name: [document for one in all_of if isinstance(one, Interchange) for document in one.documents]
        for name, all_of in found.items()
    }

    assert len(found) == 47
    assert set(unread) == {name for name in found if name.startswith("tradacoms.")}
    assert set(unread.values()) == {"it is TRADACOMS, not X12 or EDIFACT"}
    assert {name for name in found if not documents[name]} == set(unread)
    assert not [one for all_of in found.values() for one in all_of if isinstance(one, Interchange) and one.not_taken]
    sound_x12 = [
        name
        for name, all_of in found.items()
        if not name.startswith(("edifact.", "Apperak")) and not any(getattr(one, "problems", "?") for one in all_of)
    ]
    assert sorted(sound_x12) == SOUND_SAMPLES


SOUND_SAMPLES = [
    "210-MGCTLYST-SAMPLE.EDI",
    "214-MGCTLYST-SAMPLE.EDI",
    "990-MGCTLYST-SAMPLE.EDI",
    "x12.214.edi",
    "x12.810a.edi",
    "x12.810b.edi",
    "x12.810c.edi",
    "x12.810d.edi",
    "x12.820.issue140.edi",
    "x12.Issue88.edi",
]
