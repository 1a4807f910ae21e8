"""JSON as a foreign system sends it: read, or said to be unreadable in one way.

What is in it belongs to who asked.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def read_json(content: bytes, *, exact: bool = False) -> Any:
    """Return what JSON text says.

    Args:
        content: The text, in UTF-8, UTF-16 or UTF-32.
        exact: Whether fractions become Decimal, as what is compared must be.

    Raises:
        ValueError: It is no JSON, its bytes are no text, or it is nested too deep.
    """
    try:
        return json.loads(content, parse_float=Decimal) if exact else json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep to be read") from error
