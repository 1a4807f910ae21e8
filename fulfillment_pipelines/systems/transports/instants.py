"""Instants as systems write them: ISO 8601 text or a driver's datetime, UTC unless they say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_of(written: object) -> datetime:
    """Return the instant in UTC.

    Args:
        written: A datetime, or ISO 8601 text in extended or basic form.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(written, str):
        written = datetime.fromisoformat(written.strip())
    if not isinstance(written, datetime):
        raise ValueError(f"{written!r} is not an instant")  # noqa: TRY004 - one error for every unreadable instant
    return written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """Return an instant as ISO 8601 text in UTC, the form cursors and messages are written in."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
