"""The 997 that answers a received interchange says of each document what was wrong, and with the partner's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.x12_acknowledgment import FunctionalAcknowledgment
from fulfillment_pipelines.systems.transports.edi.interchange import Interchange
from fulfillment_pipelines.systems.transports.edi.x12.acknowledging import acknowledge
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges

SOUND = ("BEG*00*SA*PO-1**20260302", "PO1*1*12*EA*6.4**VP*BRG-1", "CTT*1")


def received(*documents: tuple[str, ...], group: str = "PO", kind: str = "850", declared: int | None = None) -> str:
    """Return an interchange of one group."""
    blank = " " * 10
    head = f"ISA*00*{blank}*00*{blank}*ZZ*ACME           *ZZ*DISTRIB        *260302*0900*U*00401*000000007*0*P*>"
    segments = [head, f"GS*{group}*ACME*DISTRIB*20260302*0900*70*X*004010"]
    for position, body in enumerate(documents, start=1):
        segments += [f"ST*{kind}*{position:04d}", *body, f"SE*{len(body) + 2}*{position:04d}"]
    segments += [f"GE*{len(documents) if declared is None else declared}*70", "IEA*1*000000007"]
    return "".join(segment + "~" for segment in segments)


def answers(text: str, *reads: str) -> list[FunctionalAcknowledgment]:
    (interchange,) = read_interchanges(text)
    assert isinstance(interchange, Interchange)
    return list(acknowledge(interchange, reads))


@pytest.fixture
def said(write: Callable[..., str], by_pyx12: Any) -> Callable[..., list[str]]:
    """What pyx12 reads of the answer to an interchange between ST and SE, a segment a line."""

    def between(text: str, *reads: str) -> list[str]:
        (answer,) = answers(text, *reads)
        return ["*".join(segment) for segment in by_pyx12(write(answer))[3:-3]]

    return between


def test_a_sound_group_is_accepted(said: Callable[..., list[str]]) -> None:
    assert said(received(SOUND, SOUND)) == [
        *("AK1*PO*70", "AK2*850*0001", "AK5*A", "AK2*850*0002", "AK5*A", "AK9*A*2*2*2"),
    ]


@pytest.mark.parametrize(
    ("spoilt", "answered"),
    [
        (("SE*5*0001", "SE*6*0001"), ["AK5*E*4", "AK9*E*1*1*1"]),
        (("SE*5*0001", "SE*5*0002"), ["AK5*E*3", "AK9*E*1*1*1"]),
        (("SE*5*0001~", ""), ["AK5*R*2", "AK9*R*1*1*0"]),
        (("GE*1*70", "GE*2*70"), ["AK5*A", "AK9*E*2*1*1*5"]),
        (("GE*1*70", "GE*1*71"), ["AK5*A", "AK9*E*1*1*1*4"]),
        (("GE*1*70~", ""), ["AK5*A", "AK9*E*1*1*1*3"]),
    ],
    ids=["count", "number", "trailer", "group_count", "group_number", "group_trailer"],
)
def test_what_is_wrong_with_an_envelope_is_answered_by_its_code(
    said: Callable[..., list[str]], spoilt: tuple[str, str], answered: list[str]
) -> None:
    assert said(received(SOUND).replace(*spoilt)) == ["AK1*PO*70", "AK2*850*0001", *answered]


def test_what_is_wrong_with_elements_is_answered_where_it_stands(said: Callable[..., list[str]]) -> None:
    wrong = ("BEG*77*SA***20261302", "CUR*BY", "PO1*1*a > dozen*EA", "CTT*1")

    assert said(received(SOUND, wrong)) == [
        *("AK1*PO*70", "AK2*850*0001", "AK5*A", "AK2*850*0002"),
        *("AK3*BEG*2**8", "AK4*1**7*77", "AK4*3**1", "AK4*5**8*20261302"),
        *("AK3*PO1*4**8", "AK4*2**6"),  # what stands there cannot be repeated: it holds a delimiter of ours
        *("AK5*R*5", "AK9*P*2*2*1"),
    ]


def test_a_mandatory_segment_that_is_missing_is_named(said: Callable[..., list[str]]) -> None:
    answered = said(received(SOUND[1:]))
    assert answered[2:] == ["AK3*BEG*1**3", "AK5*R*5", "AK9*R*1*1*0"]


def test_a_document_that_only_an_optional_element_is_wrong_with_is_accepted_with_errors(
    said: Callable[..., list[str]],
) -> None:
    assert said(received((SOUND[0], "PO1*x*12*EA", "CTT*1")))[2:] == [
        *("AK3*PO1*3**8", "AK4*1**6*x", "AK5*E*5", "AK9*E*1*1*1"),
    ]


def test_a_transaction_set_that_we_do_not_take_is_rejected(said: Callable[..., list[str]]) -> None:
    assert said(received(("B2**SCAC",), kind="204"), "850") == [
        *("AK1*PO*70", "AK2*204*0001", "AK5*R*1", "AK9*R*1*1*0"),
    ]
    assert said(received(("B2**SCAC",), kind="204"))[2] == "AK5*A"


def test_answers_are_not_answered() -> None:
    assert answers(received(("AK1*PO*1", "AK9*A*1*1*1"), group="FA", kind="997")) == []


def test_every_group_has_an_answer_of_its_own() -> None:
    first, second = received(SOUND), received(SOUND, SOUND)
    groups = [text[text.index("GS*") : text.index("IEA*")] for text in (first, second)]
    both = first[: first.index("GS*")] + groups[0] + groups[1].replace("*70", "*71") + "IEA*2*000000007~"

    assert [(one.group_no, one.received_sets) for one in answers(both)] == [("70", 1), ("71", 2)]
