"""Many breaks with one cause come out as one cause, and noise comes out as none."""

from __future__ import annotations

import random
import time
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.explanation.causes import cover

ITEMS = [f"VLV-{number}" for number in range(2000)]
BASES = {
    **{("node", node): 1 / 3 for node in ("EAST", "WEST", "NORTH")},
    **{("sku", sku): 1 / len(ITEMS) for sku in ITEMS},
    **{("carrier", carrier): 1 / 2 for carrier in ("ROAD", "RAIL")},
}
CODES = ("FIN-01", "SHP-01", "SHP-03", "INV-01", "WHS-01", "INT-03", "CRD-03")
LONGEST_SECONDS = 20


def _noise(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "code": chance.choice(CODES),
        "business_key": f"noise-{number:05}",
        "value_at_risk_amount": Decimal(10),
        "currency": "USD",
        "node": chance.choice(["EAST", "WEST", "NORTH"]),
        "sku": chance.choice(ITEMS),
        "carrier": chance.choice(["ROAD", "RAIL"]),
        "hour": f"{chance.randrange(24):02} h",
        "ratio": None,
    }


def _pack_size_error(number: int, chance: random.Random) -> dict[str, Any]:
    return {**_noise(number, chance), "code": "FIN-02", "business_key": f"pack-{number:05}", "ratio": "x 12.0"}


def test_five_thousand_breaks_of_one_pack_size_error_are_one_cause() -> None:
    chance = random.Random(1)
    breaks = [_pack_size_error(number, chance) for number in range(5000)]
    breaks += [_noise(number, chance) for number in range(200)]
    started = time.process_time()
    found = cover(breaks, BASES, limit=10)
    assert time.process_time() - started < LONGEST_SECONDS
    first = found.causes[0]
    assert (first.description, first.break_count) == ("code FIN-02, ratio x 12.0", 5000)
    assert first.share_percent == Decimal("96.2")
    assert first.value_at_risk == {"USD": Decimal(50_000)}
    assert first.example == "FIN-02 pack-00000"
    assert first.lift > 100
    assert all(cause.break_count < 100 for cause in found.causes[1:])


def test_two_causes_are_told_apart_and_the_larger_comes_first() -> None:
    chance = random.Random(2)
    breaks = [_pack_size_error(number, chance) for number in range(60)]
    breaks += [
        {**_noise(number, chance), "code": "SHP-03", "carrier": "RAIL", "business_key": f"late-{number}"}
        for number in range(40)
    ]
    found = cover(breaks, BASES, limit=10)
    assert [(cause.description, cause.break_count) for cause in found.causes[:2]] == [
        ("code FIN-02, ratio x 12.0", 60),
        ("code SHP-03, carrier RAIL", 40),
    ]
    assert found.uncovered_count == 0


def test_what_nearly_all_share_besides_is_told() -> None:
    breaks = [
        {**_pack_size_error(number, random.Random(number)), "node": "EAST", "carrier": None, "sku": "VLV-7"}
        for number in range(50)
    ]
    (cause,) = cover(breaks, BASES, limit=1).causes
    told = f"{cause.description}, {cause.also}"
    assert all(value in told for value in ("FIN-02", "x 12.0", "EAST", "VLV-7"))


def test_a_site_that_has_most_breaks_because_it_has_most_lines_is_no_cause() -> None:
    breaks = [
        {
            "code": f"X-{number}",
            "business_key": str(number),
            "value_at_risk_amount": None,
            "currency": "XXX",
            "node": "EAST",
        }
        for number in range(90)
    ]
    assert cover(breaks, {("node", "EAST"): 0.95}, limit=5).causes == ()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_breaks_have_no_common_cause(count: int) -> None:
    found = cover([_noise(number, random.Random(3)) for number in range(count)], BASES, limit=5)
    assert (found.break_count, found.causes, found.uncovered_count) == (count, (), count)


def test_the_order_of_the_breaks_has_no_influence() -> None:
    chance = random.Random(4)
    breaks = [_pack_size_error(number, chance) for number in range(30)]
    breaks += [_noise(number, chance) for number in range(80)]
    assert cover(breaks, BASES, limit=8) == cover(chance.sample(breaks, len(breaks)), BASES, limit=8)
