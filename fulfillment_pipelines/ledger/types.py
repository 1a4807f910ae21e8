"""How exact values are stored on SQLite and PostgreSQL alike: instants, money and quantities.

SQLite has neither a decimal type nor a zone, and binary floating point loses cents: amounts are stored as whole
hundredths and quantities as whole ten-thousandths, so that both databases sort and add them exactly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC to the microsecond; on SQLite as text of one width, which sorts like time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type the database knows."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Return the instant as the database stores it.

        Raises:
            ValueError: The instant has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"An instant needs a zone; {value.isoformat()} has none.")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return utc.isoformat(" ", "microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """Return what was stored as an aware datetime in UTC."""
        del dialect
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class ScaledDecimal(TypeDecorator[Decimal]):
    """A decimal with a fixed number of places, stored as a whole number of its smallest step.

    Args:
        places: Digits after the point: 2 for amounts, 4 for quantities.
    """

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Return the number of steps.

        Raises:
            ValueError: The value has more places than are stored; rounding is the caller's decision.
        """
        del dialect
        if value is None:
            return None
        scaled = value.scaleb(self.places)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than {self.places} decimal places.")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Return the decimal with exactly `places` digits after the point."""
        del dialect
        return None if value is None else Decimal(value).scaleb(-self.places)


AMOUNT_STEP = Decimal("0.01")
"""Smallest amount that the ledger tells apart, in every currency."""

QUANTITY_STEP = Decimal("0.0001")
"""Smallest quantity that the ledger tells apart, in base units."""


def to_amount(value: Decimal) -> Decimal:
    """Return the amount rounded half-even to the hundredth: the grain the ledger stores."""
    return value.quantize(AMOUNT_STEP, ROUND_HALF_EVEN)


def to_quantity(value: Decimal) -> Decimal:
    """Return the quantity rounded half-even to the ten-thousandth: the grain the ledger stores."""
    return value.quantize(QUANTITY_STEP, ROUND_HALF_EVEN)
