"""The account at the S3-compatible store that holds this installation's own files: the lake's and the landed ones.

Object stores of other people, from which files are fetched, are reached by `systems/transports/files`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pyarrow import fs as arrow_files
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.stores.duckdb_secret import DuckDbSecret

SCHEME: Final = "s3://"
ACCESS_KEY: Final = "OBJECT_STORE_ACCESS_KEY"
SECRET_KEY: Final = "OBJECT_STORE_SECRET_KEY"  # noqa: S105 - the name of a reference
SESSION_TOKEN: Final = "OBJECT_STORE_SESSION_TOKEN"  # noqa: S105 - the name of a reference

_SECONDS: Final = 20
_ATTEMPTS: Final = 4
_AMAZON_REGION: Final = "us-east-1"

FindSecret = Callable[[str], SecretStr | None]
"""Looks a reference up wherever this installation keeps its secrets; None where it is nowhere."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the store is asked with."""

    access_key: SecretStr
    secret_key: SecretStr
    session_token: SecretStr | None


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """One account at one store. Its secrets are read when a connection is made, and nowhere shown.

    Attributes:
        find_secret: Finds `OBJECT_STORE_ACCESS_KEY` and its like.
        endpoint: `http(s)://host[:port]` of a store that is not Amazon's; None for Amazon's.
        region: Where the bucket is; None where the store has no regions.
        path_style: Whether the bucket stands in the path of an address and not in its host name.
    """

    find_secret: FindSecret
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False

    def credentials(self) -> Credentials | None:
        """Return the keys; None where there are none and the machine's own role counts.

        Raises:
            ConfigurationError: One key is there without the other, or a place of secrets cannot be read.
        """
        access_key, secret_key = self.find_secret(ACCESS_KEY), self.find_secret(SECRET_KEY)
        if access_key is None and secret_key is None:
            return None
        if access_key is None or secret_key is None:
            raise ConfigurationError(
                "The object store has half of its keys.",
                expected=f"{ACCESS_KEY} and {SECRET_KEY} together, or neither for the role of the machine",
                found=f"only {ACCESS_KEY if secret_key is None else SECRET_KEY}",
                remedy="set the other one beside it",
            )
        return Credentials(access_key, secret_key, self.find_secret(SESSION_TOKEN))

    def duckdb_secret(self, scope: str) -> DuckDbSecret:
        """Return what lets DuckDB read and write the files below an address, and no others.

        Args:
            scope: `s3://bucket/prefix`.
        """
        scheme, address = self._address()
        options: dict[str, Any] = {"scope": scope, "url_style": "path" if self.path_style else "vhost"}
        if address is not None:
            options |= {"endpoint": address, "use_ssl": scheme == "https"}
        if self.region is not None or address is not None:
            options["region"] = self.region or _AMAZON_REGION
        options |= _keys(self.credentials())
        named = ", ".join(f"{name} ${name}" for name in options)
        extensions = ("httpfs", "aws") if "provider" in options else ("httpfs",)
        return DuckDbSecret(extensions, "create secret lake_files (type s3, " + named + ")", options)

    def for_arrow(self) -> arrow_files.FileSystem:
        """Return Arrow's client; nothing is asked of the store yet."""
        scheme, address = self._address()
        credentials = self.credentials()
        token = credentials.session_token if credentials else None
        return arrow_files.S3FileSystem(
            access_key=credentials.access_key.get_secret_value() if credentials else None,
            secret_key=credentials.secret_key.get_secret_value() if credentials else None,
            session_token=token.get_secret_value() if token else None,
            region=self.region or (_AMAZON_REGION if address else None),
            scheme=scheme,
            endpoint_override=address,
            force_virtual_addressing=not self.path_style,
            connect_timeout=_SECONDS,
            request_timeout=_SECONDS,
            retry_strategy=arrow_files.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            allow_delayed_open=True,
        )

    def _address(self) -> tuple[str, str | None]:
        if self.endpoint is None:
            return "https", None
        split = urlsplit(self.endpoint)
        if split.scheme not in {"http", "https"} or not split.netloc or "@" in split.netloc:
            raise ConfigurationError(
                "The endpoint of the object store is no address.",
                expected="http(s)://host[:port]",
                found="something else, which is not shown",
                remedy="correct FULFILLMENT_OBJECT_STORE_ENDPOINT; keys go into "
                f"{ACCESS_KEY} and {SECRET_KEY}, never into an address",
            )
        return split.scheme, split.netloc


def _keys(credentials: Credentials | None) -> dict[str, str]:
    if credentials is None:
        return {"provider": "credential_chain"}
    keys = {
        "key_id": credentials.access_key.get_secret_value(),
        "secret": credentials.secret_key.get_secret_value(),
    }
    token = credentials.session_token
    return keys if token is None else keys | {"session_token": token.get_secret_value()}
