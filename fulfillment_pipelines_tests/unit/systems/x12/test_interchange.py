"""The envelopes of an interchange, and what must not stand in its elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.domain.x12_codes import AdjustmentReason
from fulfillment_pipelines.domain.x12_documents import AdjustedItem, AdvisedItem, InventoryAdjustment, InventoryAdvice
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters

ISA_CHARACTERS = 106
ITEM = AdjustedItem("BRG-1001", Decimal(3), "EA", AdjustmentReason.PHYSICAL_COUNT)
DOCUMENT = InventoryAdjustment(date(2026, 3, 2), "MOV-5", "MOV-5", "WEST", (ITEM,))


def test_the_whole_interchange_is_as_the_standard_wants_it(write: Callable[..., str]) -> None:
    blank = " " * 10
    assert write(DOCUMENT, delimiters=Delimiters(line_break="\n")).splitlines() == [
        f"ISA*00*{blank}*00*{blank}*ZZ*DISTRIB        *ZZ*ACME           *260302*0905*U*00401*000000007*0*P*>~",
        "GS*AW*DISTRIB*ACME*20260302*090507*7*X*004010~",
        "ST*947*0007~",
        "W15*20260302*MOV-5*MOV-5~",
        "N1*WH**91*WEST~",
        "W19*AA*3*EA**VN*BRG-1001~",
        "SE*5*0007~",
        "GE*1*7~",
        "IEA*1*000000007~",
    ]


def test_the_isa_has_one_length_whatever_it_says(write: Callable[..., str]) -> None:
    for number in (1, 999_999_999):
        text = write(DOCUMENT, number=number, version="004010VICS", usage="T")
        assert text[ISA_CHARACTERS - 1] == "~"
        assert text[ISA_CHARACTERS : ISA_CHARACTERS + 3] == "GS*"


@pytest.mark.parametrize("number", [1, 9_999, 10_000, 999_999_999])
def test_one_number_stands_in_all_three_envelopes(by_pyx12: Any, write: Callable[..., str], number: int) -> None:
    said = {segment[0]: segment for segment in by_pyx12(write(DOCUMENT, number=number))}
    opened = [said["ISA"][13], said["GS"][6], said["ST"][2]]
    assert opened == [said["IEA"][2], said["GE"][2], said["SE"][2]]
    assert [int(written) for written in opened] == [number] * 3
    assert len(said["ST"][2]) >= 4


@pytest.mark.parametrize("number", [0, -1, 1_000_000_000])
def test_a_number_that_does_not_fit_is_refused(write: Callable[..., str], number: int) -> None:
    with pytest.raises(ConfigurationError, match="does not fit an interchange"):
        write(DOCUMENT, number=number)


def test_the_partner_s_delimiters_are_used_and_told(by_pyx12: Any, write: Callable[..., str]) -> None:
    text = write(DOCUMENT, delimiters=Delimiters("|", ":", "'", "\r\n"))
    assert text.count("'\r\n") == text.count("'") == 9
    assert "*" not in text
    header, *_ = by_pyx12(text)
    assert header[16] == ":"


@pytest.mark.parametrize("mark", ["*", ">", "~"])
def test_a_delimiter_inside_of_a_value_is_refused_by_the_name_of_its_field(
    write: Callable[..., str], mark: str
) -> None:
    document = replace(DOCUMENT, lines=(replace(ITEM, sku=f"BRG{mark}1001"),))
    with pytest.raises(BadDataError, match=r"The field 'sku' of the inventory adjustment") as raised:
        write(document)
    assert repr(mark) in raised.value.found


def test_what_delimits_another_partner_s_interchanges_is_a_character_like_any_other(
    by_pyx12: Any, write: Callable[..., str]
) -> None:
    document = replace(DOCUMENT, lines=(replace(ITEM, sku="A*B>C~D"),))
    assert by_pyx12(write(document, delimiters=Delimiters("|", ":", "'")))[5][6] == "A*B>C~D"


@pytest.mark.parametrize("value", ["BRG\n1001", "Mutter Müller", "tab\there", "bell\x07", " BRG", "BRG ", "", "x" * 49])
def test_a_value_that_would_not_come_back_as_it_was_is_refused(write: Callable[..., str], value: str) -> None:
    with pytest.raises(BadDataError, match="'sku'"):
        write(replace(DOCUMENT, lines=(replace(ITEM, sku=value),)))


@pytest.mark.parametrize(
    ("value", "written"),
    [("1E+3", "1000"), ("0.000", "0"), ("-0", "0"), ("12.3400", "12.34"), ("1E-4", "0.0001"), ("-7.0", "-7")],
)
def test_a_number_is_written_in_plain_digits(
    by_pyx12: Any, write: Callable[..., str], value: str, written: str
) -> None:
    document = replace(DOCUMENT, lines=(replace(ITEM, adjusted_qty=Decimal(value)),))
    assert by_pyx12(write(document))[5][2] == written


@pytest.mark.parametrize("value", ["12345678901", "0.00000000001", "NaN", "Infinity"])
def test_a_number_that_does_not_fit_is_refused_and_not_rounded(write: Callable[..., str], value: str) -> None:
    with pytest.raises(BadDataError, match="'adjusted_qty'"):
        write(replace(DOCUMENT, lines=(replace(ITEM, adjusted_qty=Decimal(value)),)))


def test_an_instant_without_a_zone_is_refused(write: Callable[..., str]) -> None:
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 - what is refused
    with pytest.raises(BadDataError, match="'advised_at'"):
        write(InventoryAdvice("IB-20", naive, (AdvisedItem("BRG-1001", Decimal(1), "EA"),)))
