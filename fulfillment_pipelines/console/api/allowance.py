"""How many requests one person or token may make: a bucket that fills evenly, in the memory of this process.

How large it is, `requests.per_minute` of `access.yaml` says. Several processes of the console each have their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData

from fulfillment_pipelines.console.access.guard import Actor, Needs, posted_form
from fulfillment_pipelines.console.api.gate import add_headers
from fulfillment_pipelines.console.refusals import TooManyRequestsError
from fulfillment_pipelines.corrections.rights.access import Permission

_MINUTE_SECONDS: Final = 60
_MOST_KEPT: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_at: float


@dataclass
class Allowances:
    """What everybody may still ask for.

    Attributes:
        per_minute: Tells how many requests a minute are allowed; a bucket holds as many.
        clock: Seconds that only grow.
    """

    per_minute: Callable[[], int]
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def take(self, who: str) -> dict[str, str]:
        """Count a request, and return the headers that tell what is left.

        Raises:
            TooManyRequestsError: Nothing is left; says when there is again.
        """
        most = self.per_minute()
        a_second = most / _MINUTE_SECONDS
        with self._guard:
            bucket = self._filled(who, most, a_second)
            is_allowed = bucket.left >= 1
            bucket.left -= is_allowed
            left = bucket.left
        wait = 0 if is_allowed else (1 - left) / a_second
        headers = {
            "RateLimit-Policy": f'"requests";q={most};w={_MINUTE_SECONDS}',
            "RateLimit": f'"requests";r={int(left)};t={_whole(wait or (most - left) / a_second)}',
        }
        if not is_allowed:
            raise RateLimitedError(headers, most=most, wait=_whole(wait))
        return headers

    def _filled(self, who: str, most: int, a_second: float) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.get(who)
        if bucket is None:
            self._forget_the_full(now, most, a_second)
            bucket = self._buckets[who] = _Bucket(most, now)
        bucket.left = min(most, bucket.left + (now - bucket.filled_at) * a_second)
        bucket.filled_at = now
        return bucket

    def _forget_the_full(self, now: float, most: int, a_second: float) -> None:
        if len(self._buckets) >= _MOST_KEPT:
            self._buckets = {
                who: bucket
                for who, bucket in self._buckets.items()
                if bucket.left + (now - bucket.filled_at) * a_second < most
            }


class RateLimitedError(TooManyRequestsError):
    """There were too many requests; `headers` tell of the limit."""

    def __init__(self, headers: dict[str, str], *, most: int, wait: int) -> None:
        super().__init__(
            "There were too many requests.",
            expected=f"at most {most} a minute",
            found="more",
            remedy=f"wait {wait} s, and ask less often",
            retry_after_seconds=wait,
        )
        self.headers = headers


class Calls(Needs):
    """What a route of the API needs: a permission, within the allowance of who asks."""

    def __call__(self, request: Request, form: Annotated[FormData | None, Depends(posted_form)]) -> Actor:
        """Return who makes the request.

        Raises:
            NotSignedInError: Nobody who is known.
            ForbiddenError: The person or the token may not.
            TooManyRequestsError: They have asked too often.
        """
        actor = super().__call__(request, form)
        count(request, f"token {actor.token_id}" if actor.token_id else f"person {actor.id}")
        return actor


def calls(permission: Permission) -> Any:
    """Return the dependency of a route that needs a permission; it gives who makes the request."""
    return Depends(Calls(permission))


def count(request: Request, who: str) -> None:
    """Count a request of somebody, and let the answer tell what is left.

    Raises:
        TooManyRequestsError: Nothing is left.
    """
    allowances: Allowances = request.app.state.allowances
    try:
        add_headers(request.scope, allowances.take(who))
    except RateLimitedError as error:
        add_headers(request.scope, error.headers)
        raise


def _whole(seconds: float) -> int:
    return max(1, -int(-seconds // 1))
