"""The kinds of value that messages carry, and the base of every content.

A decimal and an instant travel as text, so that neither passes through a binary fraction nor loses its zone; here they
become `Decimal` and an aware `datetime`. Which fields a message has belongs to the modules of the business objects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

UNIT_KEY = "x-unit"
"""Where a JSON Schema says the unit of a value."""

_INSTANT = re.compile(
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
)


class MessagePart(BaseModel):
    """Base of every payload and precondition: frozen, nothing is converted, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class DecimalText:
    """Marks a decimal that travels as text.

    Attributes:
        pattern: What the text must be; no sign, exponent or digit more than the canonical model keeps.
        unit: What the number counts.
    """

    pattern: str
    unit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text into a decimal, and write it back as text."""
        del source, handler
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.to_string_ser_schema(when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the text."""
        del schema, handler
        return {"type": "string", "pattern": self.pattern, UNIT_KEY: self.unit}

    def _read(self, value: object) -> Decimal:
        text = format(value, "f") if isinstance(value, Decimal) else value
        if not isinstance(text, str) or not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(
                "decimal_text", "Input should be decimal text that matches {wanted}", {"wanted": self.pattern}
            )
        return Decimal(text)


@dataclass(frozen=True, slots=True)
class InstantText:
    """Marks an instant that travels as text: ISO 8601 with its zone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text into an aware instant, and write it back as text."""
        del source, handler
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the text."""
        del schema, handler
        return {"type": "string", "format": "date-time", "pattern": _INSTANT.pattern}

    def _read(self, value: object) -> datetime:
        text = value.isoformat() if isinstance(value, datetime) else value
        if not isinstance(text, str) or not _INSTANT.fullmatch(text):
            raise _not_an_instant()
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:  # the thirteenth month
            raise _not_an_instant() from error


def _not_an_instant() -> PydanticCustomError:
    return PydanticCustomError("instant", "Input should be an instant with its zone, for example 2026-03-02T10:00:00Z")


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


_NOT_ZERO = r"(?!0+(?:\.0+)?$)"
_FOUR_PLACES = r"[0-9]{1,14}(?:\.[0-9]{1,4})?$"
_BASE_UNITS = "base units of the item"

Quantity: TypeAlias = Annotated[Decimal, DecimalText(f"^{_FOUR_PLACES}", _BASE_UNITS)]
"""Zero or more."""

PositiveQuantity: TypeAlias = Annotated[Decimal, DecimalText(f"^{_NOT_ZERO}{_FOUR_PLACES}", _BASE_UNITS)]
"""More than zero."""

SignedQuantity: TypeAlias = Annotated[Decimal, DecimalText(f"^-?{_FOUR_PLACES}", _BASE_UNITS)]
"""A stock figure: a system may hold less than nothing."""

QuantityChange: TypeAlias = Annotated[Decimal, DecimalText(f"^-?{_NOT_ZERO}{_FOUR_PLACES}", _BASE_UNITS)]
"""A signed change; none is no change."""

Price: TypeAlias = Annotated[Decimal, DecimalText(f"^{_FOUR_PLACES}", "money for one `uom`, in `currency`")]
"""Zero or more."""

Instant: TypeAlias = Annotated[datetime, InstantText()]
"""A moment, with its zone."""

Text: TypeAlias = Annotated[str, StringConstraints(pattern=r"\S")]
"""Text that says something."""

CurrencyCode: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code of the message's money.")
]

OrderId: TypeAlias = Annotated[Text, Field(description="The ERP's order number.")]
LineNo: TypeAlias = Annotated[int, Field(ge=1, description="Line number within the order.")]
ShipmentId: TypeAlias = Annotated[Text, Field(description="Shipment leg, the same number in WMS, TMS and ERP.")]
InvoiceId: TypeAlias = Annotated[Text, Field(description="Document number in finance.")]
InvoiceLineNo: TypeAlias = Annotated[int, Field(ge=1, description="Line of the document.")]
CustomerId: TypeAlias = Annotated[Text, Field(description="Sold-to customer.")]
ChannelOrderId: TypeAlias = Annotated[Text, Field(description="The channel's own number for the order.")]
HoldId: TypeAlias = Annotated[Text, Field(description="Number of the hold, the same in every system that knows it.")]
Node: TypeAlias = Annotated[Text, Field(description="Fulfilment site.")]
Sku: TypeAlias = Annotated[Text, Field(description="Item number in the ERP.")]
Uom: TypeAlias = Annotated[Text, Field(description="Unit that the message's quantities are in.")]
Reason: TypeAlias = Annotated[Text, Field(description="Why, in words for the people of the target.")]

HoldType: TypeAlias = Literal["CREDIT", "DUPLICATE", "OTHER"]
HoldStatus: TypeAlias = Literal["CREATED", "RESOLVED", "REJECTED"]
InvoiceStatus: TypeAlias = Literal["DRAFT", "POSTED", "TRANSMITTED", "VOID"]
ShownStatus: TypeAlias = Literal["RECEIVED", "ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED", "BILLED", "CANCELLED"]
CaseType: TypeAlias = Literal["FULFILMENT", "DELIVERY", "CLAIM", "OTHER"]
ReferenceType: TypeAlias = Literal["ITEM", "CUSTOMER", "UOM", "SERVICE"]
