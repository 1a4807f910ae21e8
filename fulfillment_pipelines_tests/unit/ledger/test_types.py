from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from fulfillment_pipelines.ledger.types import Instant, ScaledDecimal, to_amount, to_quantity

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001 - zones are drawn
ON_SQLITE = sqlite.dialect()


@given(INSTANTS)
def test_an_instant_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    for dialect in (ON_SQLITE, postgresql.dialect()):
        stored = Instant().process_bind_param(moment, dialect)
        back = Instant().process_result_value(stored, dialect)
        assert (back, back.tzinfo) == (moment, UTC)


@given(INSTANTS, INSTANTS)
def test_stored_text_sorts_like_time(one: datetime, other: datetime) -> None:
    stored = [Instant().process_bind_param(moment, ON_SQLITE) for moment in (one, other)]
    assert (stored[0] < stored[1]) == (one < other)


@given(st.decimals(-(10**15), 10**15, places=4))
def test_a_quantity_comes_back_exactly(value: Decimal) -> None:
    quantity = ScaledDecimal(4)
    assert quantity.process_result_value(quantity.process_bind_param(value, ON_SQLITE), ON_SQLITE) == value


def test_amounts_round_half_even_to_the_hundredth_and_quantities_to_the_ten_thousandth() -> None:
    assert [str(to_amount(Decimal(text))) for text in ("0.005", "0.015", "-1.115", "7")] == [
        "0.00",
        "0.02",
        "-1.12",
        "7.00",
    ]
    assert str(to_quantity(Decimal("0.33335"))) == "0.3334"
