"""What partners of the twin take from a mailbox, and what the exchange does not send on at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.demand import Volume

RUN_SECONDS = 1_800
BLANK = " " * 10
ADVICE = ["BIA*00*SI*1*20260302*100000", "LIN*1*VP*BRG-1001", "QTY*33*17*EA", "CTT*1"]


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    with Twin.start(tmp_path, 7, history=False, volume=Volume(orders_a_day=60)) as started:
        yield started


def interchange(
    *body: str, kind: str = "846", group: str = "IB", number: str = "1", sender: str = "DISTRIB", counted: int = 0
) -> str:
    isa = f"ISA*00*{BLANK}*00*{BLANK}*ZZ*{sender:<15}*ZZ*ACME           *260302*1000*U*00401*{number:>09}*0*P*>"
    head = [isa, f"GS*{group}*{sender}*ACME*20260302*100000*{number}*X*004010", f"ST*{kind}*{number:>04}"]
    tail = [f"SE*{counted or len(body) + 2}*{number:>04}", f"GE*1*{number}", f"IEA*1*{number:>09}"]
    return "".join(f"{segment}~\n" for segment in [*head, *body, *tail])


def leave(twin: Twin, name: str, text: str) -> None:
    (twin.home / "edi" / "outbound" / "ACME" / f"{name}.edi").write_text(text, encoding="ascii", newline="")


def sent(twin: Twin) -> list[str]:
    return sorted(path.stem.rpartition("_")[2] for path in (twin.home / "edi" / "out").glob("*_ACME_*.edi"))


def answers(twin: Twin) -> list[list[str]]:
    """What ACME's 997s say: the group, the document and the verdict."""
    said = []
    for path in sorted((twin.home / "edi" / "in").glob("*_ACME.edi")):
        segments = [segment.strip().split("*") for segment in path.read_text(encoding="ascii").split("~")]
        said += [
            [group[2], named[2], verdict[1]]
            for group, named, verdict in zip(segments, segments[1:], segments[2:], strict=False)
            if (group[0], named[0], verdict[0]) == ("AK1", "AK2", "AK5")
        ]
    return said


def test_what_is_left_goes_out_with_the_next_run_and_is_answered_with_the_one_after(twin: Twin) -> None:
    leave(twin, "first", interchange(*ADVICE))
    twin.advance(RUN_SECONDS)
    assert (sent(twin), answers(twin)) == (["first"], [])
    twin.advance(RUN_SECONDS)
    assert answers(twin) == [["1", "0001", "A"]]


def test_a_number_is_taken_once(twin: Twin) -> None:
    leave(twin, "first", interchange(*ADVICE))
    leave(twin, "second", interchange(*ADVICE))
    leave(twin, "third", interchange(*ADVICE, number="2"))
    twin.advance(RUN_SECONDS)
    assert sent(twin) == ["first", "third"]
    assert "has had a group of that number" in _problem(twin, "second")


def _problem(twin: Twin, name: str) -> str:
    rejected = twin.home / "edi" / "rejected" / "ACME"
    assert (rejected / f"{name}.edi").exists()
    return (rejected / f"{name}.problem.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (interchange(*ADVICE, counted=9), "envelopes do not agree"),
        (interchange(*ADVICE).replace("IEA*1*000000001", "IEA*1*000000002"), "envelopes do not agree"),
        (interchange(*ADVICE, sender="SOMEBODY"), "not from us"),
        (interchange("W06*F*SO-1", kind="945", group="SW"), "takes no such document"),
        (interchange(*ADVICE, group="PR"), "takes no such document"),
        (interchange(*ADVICE).replace("*", "|"), "not delimited as agreed"),
        (interchange(*ADVICE).replace("~\n", "~"), "not delimited as agreed"),
        ("nothing of the kind", "not delimited as agreed"),
    ],
)
def test_what_is_not_as_agreed_is_not_sent_on(twin: Twin, text: str, said: str) -> None:
    leave(twin, "wrong", text)
    twin.advance(RUN_SECONDS)
    assert said in _problem(twin, "wrong")
    assert sent(twin) == []


def test_a_document_about_an_unknown_order_is_refused_by_the_partner(twin: Twin) -> None:
    unknown = ["BAK*00*AD*PO-NOBODY-GAVE*20260302****SO-1", "PO1*1*1*EA***VP*BRG-1001", "ACK*IA*1*EA", "CTT*1"]
    leave(twin, "answer", interchange(*unknown, kind="855", group="PR"))
    twin.advance(2 * RUN_SECONDS)
    assert (sent(twin), answers(twin)) == (["answer"], [["1", "0001", "R"]])


def test_an_exchange_that_is_down_keeps_what_waits(twin: Twin) -> None:
    twin.outage("edi", on=True)
    leave(twin, "patient", interchange(*ADVICE))
    twin.advance(2 * RUN_SECONDS)
    assert sent(twin) == []
    twin.outage("edi", on=False)
    twin.advance(RUN_SECONDS)
    assert sent(twin) == ["patient"]
