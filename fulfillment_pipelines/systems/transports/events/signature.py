"""Whether a message comes from whom it says: a keyed hash over its bytes, fresh enough not to be a replay."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from fulfillment_pipelines.systems.declaration.events import HmacSignature

_MOST_DIGITS: Final = 20


def is_genuine(
    declared: HmacSignature, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_seconds: float
) -> bool:
    """Return whether one of the secrets has signed the message, within the tolerance where its moment is signed too.

    Which part was wrong is not told: whoever forges learns nothing.

    Args:
        declared: How messages are signed.
        secrets: The shared secrets.
        headers: Of the request; looked up as the caller's mapping does.
        body: The raw bytes.
        now_seconds: Now, in Unix seconds.
    """
    signed = body
    if declared.timestamp_header:
        written = headers.get(declared.timestamp_header, "")
        if not written.isascii() or not written.isdigit() or len(written) > _MOST_DIGITS:
            return False
        if abs(now_seconds - int(written)) > declared.tolerance_seconds:
            return False
        signed = written.encode() + b"." + body
    found = _decoded(declared, headers.get(declared.header, ""))
    expected = [hmac.digest(secret.encode(), signed, declared.algorithm) for secret in secrets]
    # Every secret is compared, so that the time taken tells nothing.
    return sum(hmac.compare_digest(one, found) for one in expected) > 0


def sign(declared: HmacSignature, secret: str, body: bytes, sent_at_seconds: int = 0) -> str:
    """Return what stands in the header of a message, for whoever sends one."""
    signed = f"{sent_at_seconds}.".encode() + body if declared.timestamp_header else body
    digest = hmac.digest(secret.encode(), signed, declared.algorithm)
    return declared.prefix + (digest.hex() if declared.encoding == "hex" else base64.b64encode(digest).decode())


def _decoded(declared: HmacSignature, written: str) -> bytes:
    """Return the signature's bytes; none where it is not written as declared."""
    if not written.startswith(declared.prefix):
        return b""
    text = written.removeprefix(declared.prefix)
    try:
        return bytes.fromhex(text) if declared.encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
