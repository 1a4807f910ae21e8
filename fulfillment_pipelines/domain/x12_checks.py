"""What makes a document of any kind contradict itself."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fulfillment_pipelines.domain.x12_codes import LineItemStatus, ShipmentOrderStatus
from fulfillment_pipelines.errors import BadDataError


def has_lines(document: str, lines: Sequence[object]) -> None:
    """Refuse a document without lines.

    Raises:
        BadDataError: It has none.
    """
    if not lines:
        raise BadDataError(f"The {document} has no line.", expected="`lines` with at least one", found="none")


def not_negative(where: str, **quantities: Decimal | None) -> None:
    """Refuse quantities below zero; None is no quantity.

    Raises:
        BadDataError: One is, or is no number.
    """
    for field, quantity in quantities.items():
        if quantity is not None and not (quantity.is_finite() and quantity >= 0):
            raise BadDataError(f"In {where} the field '{field}' cannot be.", expected="0 or more", found=str(quantity))


def agree_with_status(
    where: str, status: LineItemStatus | ShipmentOrderStatus, field: str, found: Decimal | str, *, wrong: bool
) -> None:
    """Refuse a field that does not go with its line's status.

    Raises:
        BadDataError: It is `wrong`.
    """
    if wrong:
        raise BadDataError(
            f"In {where} the field '{field}' does not go with the status.",
            expected=f"what {status} says: {status.title_in_dictionary}",
            found=str(found),
            remedy="give the status that says what is meant",
        )
