"""A client of Vendure's two GraphQL interfaces, as a shop front or an administrator's tool would be.

What is asked belongs to the modules that ask. Each client is one session.
"""

from __future__ import annotations

from typing import Any

import httpx

_SESSION = "vendure-auth-token"


class RefusedError(Exception):
    """Vendure has refused a request; the text is its own."""


class GraphqlClient:
    """One session at one of the interfaces.

    Args:
        http: Where requests go through; its base URL is the portal's.
        interface: `shop-api` or `admin-api`.
    """

    def __init__(self, http: httpx.Client, interface: str) -> None:
        self._http = http
        self._interface = interface
        self._session = ""

    def ask(self, document: str, **variables: object) -> Any:
        """Run a document with one field at its top and return what stands in that field.

        Raises:
            RefusedError: The answer holds an error, or an error result in place of what was asked for.
        """
        headers = {"Authorization": f"Bearer {self._session}"} if self._session else {}
        response = self._http.post(
            f"/{self._interface}", json={"query": document, "variables": variables}, headers=headers
        )
        self._session = response.headers.get(_SESSION, self._session)
        answer = response.json()
        if response.is_error or answer.get("errors"):
            raise RefusedError(response.text)
        (result,) = answer["data"].values()
        if isinstance(result, dict) and result.get("errorCode"):
            raise RefusedError(f"{result['errorCode']}: {result.get('message')}")
        return result
