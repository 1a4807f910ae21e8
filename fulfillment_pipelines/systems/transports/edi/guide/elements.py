"""From values to elements: lengths, character set, numbers and instants, as both standards spell them.

A value that a reader would not get back as it was given is refused by the name of its field, never changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT


class Elements:
    """Writes elements for one partner.

    Args:
        document: What is written, for messages: `order acknowledgment`.
        forbidden: What no element may hold.
        allowed: What it may hold, in words for a person.
        standard: Whose elements they are: `X12`.
        component: What is put between the components of an element.
    """

    def __init__(
        self, document: str, forbidden: re.Pattern[str], allowed: str, standard: str, component: str = COMPONENT
    ) -> None:
        self.component = component
        self._document = document
        self._forbidden = forbidden
        self._allowed = allowed
        self._standard = standard

    def text(self, field: str, value: str, longest: int, *, shortest: int = 1) -> str:
        """Return a text as an element.

        Args:
            field: Its name in the document.
            value: The text.
            longest: Most characters it may have.
            shortest: Fewest characters it may have.

        Raises:
            BadDataError: It is too short or too long, has blanks around it, or holds what no element may hold.
        """
        if found := self._forbidden.search(value):
            raise self.refused(field, self._allowed, f"{found[0]!r} in {value!r}")
        if value != value.strip():
            raise self.refused(field, "no blanks around it: a reader takes them for padding", repr(value))
        if not shortest <= len(value) <= longest:
            raise self.refused(field, f"{shortest} to {longest} characters", f"{len(value)} in {value!r}")
        return value

    def number(self, field: str, value: Decimal, digits: int) -> str:
        """Return a number in plain digits: no exponent, no zeros behind the last decimal that counts.

        Args:
            field: Its name in the document.
            value: The number.
            digits: Most digits it may have; sign and point do not count.

        Raises:
            BadDataError: It is not finite, or has more digits.
        """
        if not value.is_finite():
            raise self.refused(field, "a number", str(value))
        written = f"{value:f}"
        if "." in written:
            written = written.rstrip("0").rstrip(".")
        if written in ("-0", ""):
            written = "0"
        count = len(written.lstrip("-").replace(".", ""))
        if count > digits:
            raise self.refused(field, f"at most {digits} digits", f"{count} in {written}")
        return written

    def line_number(self, field: str, value: int, digits: int) -> str:
        """Return the number of a line.

        Raises:
            BadDataError: It is below 1, or has more digits.
        """
        if value < 1:
            raise self.refused(field, "1 or more", str(value))
        return self.number(field, Decimal(value), digits)

    def moment(self, field: str, value: datetime) -> tuple[str, str]:
        """Return date and time of an instant in UTC, to the second.

        Raises:
            BadDataError: The instant has no zone.
        """
        if value.tzinfo is None:
            raise self.refused(field, "an instant with its zone", value.isoformat())
        utc = value.astimezone(UTC)
        return day(utc), f"{utc:%H%M%S}"

    def code(self, field: str, value: object, known: Sequence[object]) -> None:
        """Refuse a code that the document cannot say.

        Raises:
            BadDataError: It is not among those known.
        """
        if value not in known:
            raise self.refused(field, "one of " + ", ".join(str(one) for one in known), str(value))

    def refused(self, field: str, expected: str, found: str) -> BadDataError:
        """Return the error that says which field cannot be written, and why."""
        return BadDataError(
            f"The field '{field}' of the {self._document} cannot be written as {self._standard}.",
            expected=expected,
            found=found,
            remedy="correct the value where it comes from, or agree on other delimiters with the partner",
        )


def day(value: date) -> str:
    """Return a date as CCYYMMDD."""
    return f"{value.year:04d}{value.month:02d}{value.day:02d}"
