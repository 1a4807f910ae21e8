"""Every message by its name, and whether a content fits one.

What a message consists of stands in the modules of the business objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.messages.billing import BILLING_MESSAGES
from fulfillment_pipelines.messages.documents import DOCUMENT_MESSAGES
from fulfillment_pipelines.messages.fields import MessagePart
from fulfillment_pipelines.messages.holds import HOLD_MESSAGES
from fulfillment_pipelines.messages.message import MessageType
from fulfillment_pipelines.messages.orders import ORDER_MESSAGES
from fulfillment_pipelines.messages.service import SERVICE_MESSAGES
from fulfillment_pipelines.messages.shipments import SHIPMENT_MESSAGES
from fulfillment_pipelines.messages.stock import STOCK_MESSAGES

CATALOGUE: Final[Mapping[str, MessageType]] = MappingProxyType(
    {
        message.name: message
        for messages in (
            ORDER_MESSAGES,
            HOLD_MESSAGES,
            SHIPMENT_MESSAGES,
            STOCK_MESSAGES,
            BILLING_MESSAGES,
            SERVICE_MESSAGES,
            DOCUMENT_MESSAGES,
        )
        for message in messages
    }
)
"""All messages, by name."""


def message_type(name: str) -> MessageType:
    """Return the message of a name.

    Raises:
        ConfigurationError: There is no such message.
    """
    if name not in CATALOGUE:
        raise ConfigurationError(
            f"There is no message '{name}'.",
            expected=f"one of {', '.join(CATALOGUE)}",
            found=f"'{name}'",
            remedy="correct the name, or add the message to the package `messages`",
        )
    return CATALOGUE[name]


def read_message(
    message: MessageType, payload: Mapping[str, Scalar], precondition: Mapping[str, Scalar]
) -> tuple[MessagePart, MessagePart]:
    """Return payload and precondition as typed values.

    Raises:
        BadDataError: One of them does not fit; `found` names each field and what is wrong with it.
    """
    problems = [
        *_problems(message.payload, payload, ""),
        *_problems(message.precondition, precondition, "precondition."),
    ]
    if problems:
        raise BadDataError(
            f"The payload does not fit {message.title}.",
            expected=f"what `fulfillment messages show {message.name}` lists",
            found="; ".join(problems),
            remedy="correct the rule that gives it, or edit the correction",
        )
    return message.payload.model_validate(payload), message.precondition.model_validate(precondition)


def _problems(shape: type[MessagePart], values: Mapping[str, Scalar], prefix: str) -> list[str]:
    try:
        shape.model_validate(values)
    except ValidationError as error:
        return [
            f"{prefix}{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        ]
    return []
