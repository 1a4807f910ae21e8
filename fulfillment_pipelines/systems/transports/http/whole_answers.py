"""One exchange whose answer must come as a whole within the time limit: somebody waits who holds a correction.

Which exchanges these are belongs to who sends them: `session.py` and `tokens.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import httpx


def whole_answer(
    client: httpx.Client,
    request: httpx.Request,
    monotonic: Callable[[], float],
    *,
    auth: httpx.BasicAuth | None = None,
) -> httpx.Response:
    """Return an answer that came within the client's time limit; httpx itself limits each wait for more of it.

    Args:
        client: Sends it.
        request: What is sent.
        monotonic: Seconds that only ever grow.
        auth: Credentials for this request alone.

    Raises:
        httpx.HTTPError: It did not come, or not in time.
    """
    limit_at = monotonic() + (client.timeout.read or math.inf)
    received: list[bytes] = []
    streamed = client.send(request, stream=True, auth=auth)
    try:
        for part in streamed.iter_raw():
            received.append(part)
            if monotonic() > limit_at:
                raise httpx.ReadTimeout("It still comes, too slowly.", request=request)
    finally:
        streamed.close()
    return httpx.Response(streamed.status_code, headers=streamed.headers, content=b"".join(received), request=request)
