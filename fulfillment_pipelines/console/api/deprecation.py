"""Routes that will go: since when that is said, when they go at the earliest, and what takes their place.

`docs/api.md` promises how long a route stays; `Deprecated` keeps that promise where a route is declared.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from fastapi import Request
from fastapi.routing import APIRoute

from fulfillment_pipelines.console.api.gate import add_headers
from fulfillment_pipelines.errors import ConfigurationError

SHORTEST_NOTICE: Final = timedelta(days=180)
"""How long a route stays after it was said that it will go."""


class Deprecated:
    """A dependency of a route that will go: its answers say so (RFC 9745, RFC 8594).

    Args:
        since: Since when it is said.
        sunset: The route answers until then.
        instead: Path of what takes its place.

    Raises:
        ConfigurationError: It would go sooner than is promised.
    """

    def __init__(self, *, since: datetime, sunset: datetime, instead: str) -> None:
        if sunset - since < SHORTEST_NOTICE:
            raise ConfigurationError(
                "A route of the API would go sooner than is promised.",
                expected=f"at least {SHORTEST_NOTICE.days} days between `since` and `sunset`",
                found=f"{(sunset - since).days} days",
                remedy="let it stay longer",
            )
        self._headers = {
            "Deprecation": f"@{int(since.timestamp())}",
            "Sunset": format_datetime(sunset.astimezone(UTC), usegmt=True),
            "Link": f'<{instead}>; rel="successor-version"',
        }

    def __call__(self, request: Request) -> None:
        """Let the answer say that the route will go."""
        add_headers(request.scope, self._headers)


def require_notices(routes: list[APIRoute]) -> None:
    """Do nothing where every route that is called deprecated says since when and until when.

    Raises:
        ConfigurationError: One does not.
    """
    for route in routes:
        says = any(isinstance(one.dependency, Deprecated) for one in route.dependencies)
        if bool(route.deprecated) != says:
            raise ConfigurationError(
                f"The route {route.path} is deprecated without notice.",
                expected="`deprecated=True` together with Depends(Deprecated(...))",
                found="one without the other",
                remedy="declare both",
            )
