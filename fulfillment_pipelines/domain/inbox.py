"""Messages that systems send by themselves: what is kept of each, and kept once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One message as it came.

    Attributes:
        system: Declared name of the system it came from.
        entity: Declared name of the entity it speaks of.
        message_id: The sender's own number of it; the same message sent again has the same.
        received_at: When it came, in UTC.
        body: Its content, byte for byte.
    """

    system: str
    entity: str
    message_id: str
    received_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message of the inbox.

    Attributes:
        sequence_no: Grows with every message that is kept, whatever it speaks of.
        received_at: When it came, in UTC.
        body: Its content, byte for byte.
    """

    sequence_no: int
    received_at: datetime
    body: bytes
