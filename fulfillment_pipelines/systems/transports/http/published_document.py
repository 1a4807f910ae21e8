"""Fetch a document that a system publishes about itself, such as its OpenAPI description. Nothing is sent with it."""

from __future__ import annotations

from typing import Final

import httpx

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError

_TIMEOUT_SECONDS: Final = 20
_LARGEST_BYTES: Final = 32 * 1024 * 1024


def fetch_document(url: str) -> bytes:
    """Return the content of a published document.

    Args:
        url: Where it is published; an `http` or `https` address.

    Raises:
        ConfigurationError: There is no such document, or it is not for everybody, or it is too large.
        SystemDownError: Its server does not answer.
    """
    content = b""
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_SECONDS, follow_redirects=True) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_BYTES:
                    raise _unusable(url, "more than 32 MiB")
    except httpx.HTTPStatusError as error:
        raise _unusable(url, f"status {error.response.status_code}") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise _unusable(url, str(error)) from error
    except httpx.HTTPError as error:
        raise SystemDownError(
            f"The document at {url} could not be fetched.",
            expected=f"an answer within {_TIMEOUT_SECONDS} seconds",
            found=str(error) or type(error).__name__,
            remedy="see whether its server runs, or give a file in its place",
        ) from error
    return content


def _unusable(url: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"The document at {url} cannot be used.",
        expected="an OpenAPI document that may be read without a login",
        found=found,
        remedy="correct the address, or save the document and give the file",
    )
