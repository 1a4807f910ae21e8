"""How values are spelled in elements: each kind writes and reads the same spelling.

Reading is lenient where nothing can be mistaken: numbers with zeros in front, dates without a century, times without
seconds. What does not fit is a fault with its code in element 723.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from fulfillment_pipelines.domain.x12_codes import X12Code
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements, day

_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,40}(?:[.,]\d{0,20})?|[.,]\d{1,20})", re.ASCII)
_WHOLE: Final = re.compile(r"\d{1,20}", re.ASCII)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
_TIME: Final = re.compile(r"\d{4}(?:\d{2}(?:\d{1,2})?)?", re.ASCII)
_CENTURY: Final = "20"
_SHORT_DAY: Final = "YYMMDD"
_CENTS: Final = 2

INVALID_CHARACTER: Final = "6"
INVALID_CODE: Final = "7"
INVALID_DATE: Final = "8"
INVALID_TIME: Final = "9"


class UnfitError(Exception):
    """A text is no value of its kind. Never leaves this room.

    Args:
        code: Element 723.
        expected: What it should be, in words.
    """

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(expected)
        self.code = code
        self.expected = expected


class Kind(Protocol):
    """Writes values as elements and reads them."""

    @property
    def span(self) -> int:
        """How many elements, or components, one after the other, spell a value."""
        ...

    def write(self, field: str, value: Any, elements: Elements) -> Sequence[str]:
        """Return the elements.

        Raises:
            BadDataError: The value cannot be written.
        """
        ...

    def read(self, told: Sequence[str]) -> Any:
        """Return the value of elements of which the first is not empty.

        Raises:
            UnfitError: They spell none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of so many characters; a reader takes it however long it is."""

    longest: int
    shortest: int = 1
    span: int = 1

    def write(self, field: str, value: str, elements: Elements) -> Sequence[str]:
        """Return the text."""
        return (elements.text(field, value, self.longest, shortest=self.shortest),)

    def read(self, told: Sequence[str]) -> str:
        """Return the text."""
        return told[0]


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number of so many digits."""

    digits: int
    span: int = 1

    def write(self, field: str, value: Decimal, elements: Elements) -> Sequence[str]:
        """Return it in plain digits."""
        return (elements.number(field, value, self.digits),)

    def read(self, told: Sequence[str]) -> Decimal:
        """Return the number; a comma is a decimal mark as well."""
        if not _NUMBER.fullmatch(told[0]):
            raise UnfitError(INVALID_CHARACTER, "a number")
        return Decimal(told[0].replace(",", "."))


@dataclass(frozen=True, slots=True)
class Cents:
    """An amount in hundredths without a decimal point (N2); a reader takes one with a point as it stands."""

    digits: int
    span: int = 1

    def write(self, field: str, value: Decimal, elements: Elements) -> Sequence[str]:
        """Return the hundredths."""
        cents = value.scaleb(_CENTS) if value.is_finite() else value
        if value.is_finite() and cents != cents.to_integral_value():
            raise elements.refused(field, "at most two decimals", str(value))
        return (elements.number(field, cents, self.digits),)

    def read(self, told: Sequence[str]) -> Decimal:
        """Return the amount."""
        number = Number(self.digits).read(told)
        return number if "." in told[0] or "," in told[0] else number.scaleb(-_CENTS)


@dataclass(frozen=True, slots=True)
class LineNumber:
    """The number of a line, 1 or more, of so many digits."""

    digits: int
    span: int = 1

    def write(self, field: str, value: int, elements: Elements) -> Sequence[str]:
        """Return its digits."""
        return (elements.line_number(field, value, self.digits),)

    def read(self, told: Sequence[str]) -> int:
        """Return the number."""
        if not _WHOLE.fullmatch(told[0]):
            raise UnfitError(INVALID_CHARACTER, "a whole number")
        return int(told[0])


@dataclass(frozen=True, slots=True)
class Day:
    """A date as CCYYMMDD, and behind it, where `format_code` is told, the code that says so."""

    format_code: str = ""

    @property
    def span(self) -> int:
        """With a format code two, else one."""
        return 2 if self.format_code else 1

    def write(self, field: str, value: date, elements: Elements) -> Sequence[str]:  # noqa: ARG002 - any date fits
        """Return the date."""
        return (day(value), self.format_code) if self.format_code else (day(value),)

    def read(self, told: Sequence[str]) -> date:
        """Return the date; what follows it, a time of day, is left."""
        return _moment(told[0][:8], "").date()


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in UTC, to the second, as a date and a time in neighbouring elements."""

    span: int = 2

    def write(self, field: str, value: datetime, elements: Elements) -> Sequence[str]:
        """Return date and time."""
        return elements.moment(field, value)

    def read(self, told: Sequence[str]) -> datetime:
        """Return the instant; midnight where no time is told."""
        return _moment(told[0], told[1])


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant in UTC, to the second, as one element and the code of its format (2379)."""

    span: int = 2

    def write(self, field: str, value: datetime, elements: Elements) -> Sequence[str]:
        """Return the instant with its format code, 204."""
        return "".join(elements.moment(field, value)), "204"

    def read(self, told: Sequence[str]) -> datetime:
        """Return the instant; midnight where no time is told."""
        return _moment(told[0][:8], told[0][8:])


class Code:
    """A code of a list.

    Args:
        codes: The list.
        spelled: How the standard spells each; without it, the codes themselves.
        also: Other spellings that a reader takes.
    """

    span = 1

    def __init__(
        self,
        codes: type[X12Code],
        spelled: Mapping[Any, str] | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> None:
        self._spelled = {code: str(code) for code in codes} if spelled is None else dict(spelled)
        self._meant = {**(also or {}), **{written: code for code, written in self._spelled.items()}}

    def write(self, field: str, value: X12Code, elements: Elements) -> Sequence[str]:
        """Return the code."""
        elements.code(field, value, tuple(self._spelled))
        return (self._spelled[value],)

    def read(self, told: Sequence[str]) -> Any:
        """Return what the code means."""
        if told[0] not in self._meant:
            raise UnfitError(INVALID_CODE, f"one of {', '.join(self._meant)}")
        return self._meant[told[0]]


class Spelled:
    """A text of which each value has a spelling of its own.

    Args:
        spelled: Value to spelling.
    """

    span = 1

    def __init__(self, spelled: Mapping[str, str]) -> None:
        self._spelled = dict(spelled)
        self._meant = {written: value for value, written in spelled.items()}

    def write(self, field: str, value: str, elements: Elements) -> Sequence[str]:
        """Return the spelling."""
        elements.code(field, value, tuple(self._spelled))
        return (self._spelled[value],)

    def read(self, told: Sequence[str]) -> str:
        """Return the value."""
        if told[0] not in self._meant:
            raise UnfitError(INVALID_CODE, f"one of {', '.join(self._meant)}")
        return self._meant[told[0]]


def _moment(written_day: str, written_time: str) -> datetime:
    if len(written_day) == len(_SHORT_DAY):
        written_day = _CENTURY + written_day
    if len(written_day) != len(_CENTURY + _SHORT_DAY) or not _DIGITS.fullmatch(written_day):
        raise UnfitError(INVALID_DATE, "a date as CCYYMMDD")
    if written_time and not _TIME.fullmatch(written_time):
        raise UnfitError(INVALID_TIME, "a time as HHMM or HHMMSS")
    year, month, of_month = int(written_day[:4]), int(written_day[4:6]), int(written_day[6:8])
    hour, minute, second = (int(written_time[at : at + 2] or 0) for at in (0, 2, 4))
    try:
        midnight = datetime(year, month, of_month, tzinfo=UTC)
    except ValueError as error:
        raise UnfitError(INVALID_DATE, "a date that exists") from error
    try:
        return midnight.replace(hour=hour, minute=minute, second=second)
    except ValueError as error:
        raise UnfitError(INVALID_TIME, "a time of day") from error
