"""Types of the fields that messages from outside carry, and the error for one that cannot be read."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, ValidationError

from fulfillment_pipelines.errors import BadDataError


def _whole(value: Any) -> int:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"'{value}' is not a number") from error
    if not number.is_finite() or number != int(number):
        raise ValueError(f"'{value}' is not a whole number")
    return int(number)


WholeNumber: TypeAlias = Annotated[int, BeforeValidator(_whole)]
"""A whole number, written as a JSON number or as decimal text, for example `12` or `"12.0000"`."""


def unreadable(kind: str, error: ValueError) -> BadDataError:
    """Return the error for a message whose fields do not say what they must."""
    found = (
        "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors())
        if isinstance(error, ValidationError)
        else str(error)
    )
    return BadDataError(f"The message '{kind}' cannot be read.", found=found, remedy="send it again, complete")
