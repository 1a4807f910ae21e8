from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.systems.transports.edi.x12.reader import (
    BrokenInterchange,
    Document,
    Interchange,
    read_interchanges,
)

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
    assert not [broken.problem for broken in found if isinstance(broken, BrokenInterchange)]
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


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda text: text.replace("IEA*1*000000007~", ""), "interchange 7 has no IEA"),
        (lambda text: text.replace("GE*1*7~", ""), "group 7 has no GE"),
        (lambda text: text.replace("SE*4*0001~", ""), "document 1 has no SE"),
        (lambda text: text.replace("IEA*1*000000007", "IEA*1*000000009"), "interchange 7 ends with control number 9"),
        (lambda text: text.replace("GE*1*7", "GE*1*8"), "group 7 ends with control number 8"),
        (lambda text: text.replace("SE*4*0001", "SE*4*0002"), "document 1 ends with control number 2"),
        (lambda text: text.replace("SE*4*", "SE*5*"), "document 1 declares 5 parts and has 4"),
        (lambda text: text.replace("GE*1*", "GE*2*"), "group 7 declares 2 parts and has 1"),
        (lambda text: text.replace("IEA*1*", "IEA**"), "interchange 7 declares ? parts and has 1"),
        (lambda text: text[: len(text) // 2], "interchange 7 has no IEA"),
        (lambda text: text + "PO1*2*1*EA~", "something stands behind its IEA"),
        (
            lambda text: text.replace("ST*850*0001~", "N1*BY~ST*850*0001~"),
            "the segment N1 stands outside of a document",
        ),
        (lambda text: text.replace("~BEG*", "~ST*850*2~BEG*"), "document 2 begins before the one before it ended"),
        (lambda text: text.replace("ST*850*0001~", "ST~"), "an ST does not name its transaction set"),
        (lambda text: text.replace("~ST*", "~TA1*3~ST*"), "the segment TA1 stands inside of a group"),
        (lambda text: text.replace("ST*850*0001~", ""), "the segment BEG stands outside of a document"),
        (lambda text: text.replace("GE*1*7~", "GE*1*7~GE*1*7~"), "the GE 7 ends nothing"),
        (lambda text: text.replace("0*P*>~", "0*P>~")[:90], "its ISA has 13 elements instead of 16"),
        (lambda _: "UNB+UNOA:1+SENDER+RECEIVER+260302:0900+7'", "it does not begin with an ISA segment"),
    ],
)
def test_an_interchange_that_cannot_be_trusted_says_why(spoilt: Callable[[str], str], said: str) -> None:
    assert problem(spoilt(interchange(ORDER))) == said


def test_a_broken_interchange_does_not_take_the_others_with_it() -> None:
    cut_off = interchange(ORDER, number="000000001")[:150]
    found = list(read_interchanges("noise\n" + cut_off + interchange(ORDER, number="000000002")))

    assert [type(one).__name__ for one in found] == ["BrokenInterchange", "BrokenInterchange", "Interchange"]
    assert [one.position for one in found] == [1, 2, 3]


def test_a_broken_interchange_shows_how_it_begins() -> None:
    (broken,) = read_interchanges(interchange(ORDER)[:150])
    assert isinstance(broken, BrokenInterchange)
    assert broken.text.startswith("ISA*00*")


def _samples() -> list[Path]:
    folder = os.environ.get(SAMPLES_VARIABLE)
    return sorted(Path(folder).iterdir()) if folder else []


def test_files_of_the_wild_are_read_or_refused_with_a_reason() -> None:
    """Bytes from public repositories: 47 files, 19 of them X12, of which 10 have trailers that agree."""
    samples = _samples()
    if not samples:
        pytest.skip(f"{SAMPLES_VARIABLE} does not name the folder of the sample files")
    outcomes = {}
    for path in samples:
        text = path.read_bytes().decode("utf-8", errors="replace")
        outcomes[path.name] = list(read_interchanges(text))
    x12 = {name for name in outcomes if name.startswith("x12.") or name.endswith("-SAMPLE.EDI")}
    broken = {name for name, found in outcomes.items() if any(isinstance(one, BrokenInterchange) for one in found)}

    assert (len(outcomes), len(x12)) == (47, 19)
    assert set(outcomes) - x12 <= broken
    reasons = [one.problem for name in broken & x12 for one in outcomes[name] if isinstance(one, BrokenInterchange)]
    assert all("declares" in reason or "ends with control number" in reason for reason in reasons)
    assert sorted(x12 - broken) == SOUND_SAMPLES


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
