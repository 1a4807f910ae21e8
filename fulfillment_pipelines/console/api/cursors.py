"""Where the next page of a list begins: opaque to callers, bound to the list and to what was asked for.

A cursor names the last row that was shown, not how many there were: rows that come or go in the meantime neither
repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from fulfillment_pipelines.errors import BadDataError

_FINGERPRINT: Final = 12


def cursor_of(listed: str, asked: Mapping[str, object], last: Sequence[str]) -> str:
    """Return the cursor behind a row.

    Args:
        listed: Name of the list.
        asked: What was asked for; the cursor holds for nothing else.
        last: The values by which the list is sorted, of the last row that was shown.
    """
    content = json.dumps([_fingerprint(listed, asked), *last], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def behind(cursor: str, listed: str, asked: Mapping[str, object]) -> list[str]:
    """Return the values of the row behind which a page begins.

    Args:
        cursor: What a caller sent.
        listed: Name of the list.
        asked: What is asked for.

    Raises:
        BadDataError: It is no cursor of this list, or of another question.
    """
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _refused() from error
    if not isinstance(content, list) or not all(isinstance(value, str) for value in content):
        raise _refused()
    if content[:1] != [_fingerprint(listed, asked)] or any("\0" in value for value in content):
        raise _refused()
    values: list[str] = content[1:]
    return values


def pair_behind(cursor: str, listed: str, asked: Mapping[str, object]) -> tuple[str, str]:
    """Return the two values of the row behind which a page begins.

    Raises:
        BadDataError: It is no cursor of this list, or of another question.
    """
    values = behind(cursor, listed, asked)
    if len(values) != 2:  # noqa: PLR2004 - a pair
        raise _refused()
    return values[0], values[1]


def moment_of(value: str) -> datetime:
    """Return an instant that a cursor holds as text, in UTC.

    Raises:
        BadDataError: It is none.
    """
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _refused() from error
    raise _refused()


def _fingerprint(listed: str, asked: Mapping[str, object]) -> str:
    text = json.dumps([listed, sorted((name, str(value)) for name, value in asked.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT]


def _refused() -> BadDataError:
    return BadDataError(
        "The cursor does not belong to this list.",
        expected="`next_cursor` of the page before, with the same filters and sort",
        found="another text",
        remedy="ask for the first page again, without a cursor",
    )
