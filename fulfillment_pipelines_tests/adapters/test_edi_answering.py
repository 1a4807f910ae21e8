"""Partners' documents are answered with 997s as `partners:` declares: once, when they are whole, by their numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import MemoryControlNumbers
from fulfillment_pipelines.systems.transports.files.system import FileSystem

DECLARATION = """
system: exchange
title: Exchange
role: channel
contract_version: "1"
freshness_seconds: 3600
transport: {kind: files, directory: {ref: EXCHANGE_FOLDER}}
partners:
  ACME:
    sender: {qualifier: ZZ, id: DISTRIB}
    receiver: {qualifier: ZZ, id: ACME}
    acknowledges:
      received: in/*.edi
      drop: outbound/997_{interchange_no}.edi
      sent: sent/*997_{interchange_no}.edi
      reads: ["850"]
  BOLTON:
    sender: {qualifier: ZZ, id: DISTRIB}
    receiver: {qualifier: ZZ, id: BOLTON}
"""


def received(number: str = "000000007", kind: str = "850", sender: str = "ACME", group: str = "PO") -> str:
    blank = " " * 10
    isa = f"ISA*00*{blank}*00*{blank}*ZZ*{sender:<15}*ZZ*DISTRIB        *260302*0900*U*00401*{number}*0*P*>"
    body = [f"GS*{group}*{sender}*DISTRIB*20260302*0900*70*X*004010", f"ST*{kind}*0001", "BEG*00*SA*PO-1**20260302"]
    return "~".join([isa, *body, "PO1*1*12*EA", "CTT*1", "SE*5*0001", "GE*1*70", f"IEA*1*{number}", ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in", "outbound", "sent"):
        (tmp_path / "exchange" / name).mkdir(parents=True)
    return tmp_path / "exchange"


@pytest.fixture
def exchange(declare: Any, referring: Any, clock: FixedClock, folder: Path) -> Callable[..., FileSystem]:
    numbers = MemoryControlNumbers(clock)

    def made(*, counted: bool = True) -> FileSystem:
        references = referring(EXCHANGE_FOLDER=str(folder))
        return FileSystem(declare(DECLARATION), references, clock, numbers if counted else None)

    return made


def test_an_interchange_is_answered_by_its_numbers(exchange: Callable[..., FileSystem], folder: Path) -> None:
    (folder / "in" / "a.edi").write_text(received())

    assert exchange().acknowledge() == ("outbound/997_000000007.edi",)
    segments = (folder / "outbound" / "997_000000007.edi").read_text(encoding="ascii").split("~")
    assert segments[0].endswith("*ZZ*DISTRIB        *ZZ*ACME           *260302*0900*U*00401*000000001*0*P*>")
    assert segments[1:] == [
        *("GS*FA*DISTRIB*ACME*20260302*090000*1*X*004010", "ST*997*0001", "AK1*PO*70", "AK2*850*0001", "AK5*A"),
        *("AK9*A*1*1*1", "SE*6*0001", "GE*1*1", "IEA*1*000000001", ""),
    ]


def test_an_interchange_is_answered_once(exchange: Callable[..., FileSystem], folder: Path) -> None:
    (folder / "in" / "a.edi").write_text(received())
    exchange().acknowledge()
    assert exchange().acknowledge() == ()

    (folder / "outbound" / "997_000000007.edi").rename(folder / "sent" / "20260302_997_000000007.edi")
    assert exchange().acknowledge() == ()


def test_an_answer_that_was_lost_is_the_same_when_it_is_given_again(
    exchange: Callable[..., FileSystem], folder: Path
) -> None:
    (folder / "in" / "a.edi").write_text(received() + received("000000008"))
    assert len(exchange().acknowledge()) == 2
    answer = folder / "outbound" / "997_000000007.edi"
    first = answer.read_bytes()
    answer.unlink()

    assert exchange().acknowledge() == ("outbound/997_000000007.edi",)
    assert answer.read_bytes() == first


def test_an_interchange_that_may_be_half_written_waits_for_its_trailer(
    exchange: Callable[..., FileSystem], folder: Path
) -> None:
    whole = received()
    (folder / "in" / "a.edi").write_text(whole[: whole.index("IEA")])
    assert exchange().acknowledge() == ()

    (folder / "in" / "a.edi").write_text(whole)
    assert len(exchange().acknowledge()) == 1


@pytest.mark.parametrize(
    "text",
    [
        received(sender="BOLTON"),
        received(group="FA", kind="997"),
        received(number="../../etc"),
        "no interchange at all",
    ],
    ids=["not_declared", "an_answer", "no_number", "noise"],
)
def test_what_is_not_to_be_answered_is_not(exchange: Callable[..., FileSystem], folder: Path, text: str) -> None:
    (folder / "in" / "a.edi").write_text(text)
    assert exchange().acknowledge() == ()
    assert list((folder / "outbound").iterdir()) == []


def test_a_transaction_set_that_is_not_declared_is_rejected(exchange: Callable[..., FileSystem], folder: Path) -> None:
    (folder / "in" / "a.edi").write_text(received(kind="860"))
    exchange().acknowledge()
    assert "AK5*R*1~" in (folder / "outbound" / "997_000000007.edi").read_text(encoding="ascii")


def test_nobody_is_answered_without_a_count_of_our_interchanges(
    exchange: Callable[..., FileSystem], folder: Path
) -> None:
    (folder / "in" / "a.edi").write_text(received())
    with pytest.raises(ConfigurationError, match="nobody counts its interchanges"):
        exchange(counted=False).acknowledge()


@pytest.mark.parametrize("missing", ["997_{interchange_no}.edi", "*997_{interchange_no}.edi"])
def test_an_answer_without_the_number_in_its_name_is_no_declaration(declare: Any, missing: str) -> None:
    with pytest.raises(ConfigurationError, match="interchange_no"):
        declare(DECLARATION.replace(f"/{missing}", "/answer.edi"))
