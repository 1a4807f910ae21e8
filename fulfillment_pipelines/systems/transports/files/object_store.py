"""Folders in an S3-compatible object store: a bucket and the beginning of its keys.

Arrow's client is used behind fsspec's interface: it comes with the product and keeps time limits. An object appears
whole or not at all and has no other name before, so that nothing is renamed.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs as arrow_files

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.locations import S3Access
from fulfillment_pipelines.systems.declaration.parts import Setting
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.files.fsspec_location import FsspecLocation, reason_of
from fulfillment_pipelines.systems.transports.files.location import Failure, LocationError

_CODE = re.compile(r"AWS Error (\w+)")
_FAILURES: Final = {
    "ACCESS_DENIED": Failure.NOT_ALLOWED,
    "NO_SUCH_BUCKET": Failure.NO_SUCH_PLACE,
    "INVALID_ACCESS_KEY_ID": Failure.LOGIN_REFUSED,
    "INVALID_CLIENT_TOKEN_ID": Failure.LOGIN_REFUSED,
    "SIGNATURE_DOES_NOT_MATCH": Failure.LOGIN_REFUSED,
    "INVALID_SIGNATURE": Failure.LOGIN_REFUSED,
    "MISSING_AUTHENTICATION_TOKEN": Failure.LOGIN_REFUSED,
    "UNRECOGNIZED_CLIENT": Failure.LOGIN_REFUSED,
    "EXPIRED_TOKEN": Failure.LOGIN_REFUSED,
}
_ATTEMPTS: Final = 2


class ObjectStoreLocation(FsspecLocation):
    """The objects of a bucket whose keys begin alike."""

    renames = False

    @classmethod
    def of_account(
        cls, address: str, access: S3Access, references: References, *, system: str, timeout_seconds: float
    ) -> ObjectStoreLocation:
        """Return the folder at `s3://bucket/path`; nothing is asked of the store yet.

        Raises:
            ConfigurationError: A reference is nowhere, or an address is none.
        """
        split = urlsplit(address)
        if not split.netloc or "@" in split.netloc:
            raise ConfigurationError(
                f"{system}: the address of its folder names no bucket.",
                expected="s3://bucket/path, and the account under `transport.s3`",
                remedy="correct the address",
            )

        def value(setting: Setting | None) -> str | None:
            return None if setting is None else references.resolve(setting, system=system).get_secret_value()

        scheme, endpoint = _endpoint(value(access.endpoint), system)
        client = arrow_files.S3FileSystem(
            access_key=value(access.access_key),
            secret_key=value(access.secret_key),
            session_token=value(access.session_token),
            region=value(access.region) or ("us-east-1" if endpoint else None),
            scheme=scheme,
            endpoint_override=endpoint,
            connect_timeout=timeout_seconds,
            request_timeout=timeout_seconds,
            retry_strategy=arrow_files.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            allow_delayed_open=True,
        )
        root = "/".join(part for part in (split.netloc, *split.path.split("/")) if part)
        files = ArrowFSWrapper(client, skip_instance_cache=True)
        return cls(files, root, timeout_seconds=timeout_seconds)

    def is_there(self) -> bool:
        """Return whether the bucket is there; a folder without files is none in an object store."""
        bucket = self.root.split("/", 1)[0]
        if self.entry(bucket) is None:
            raise LocationError(Failure.NO_SUCH_PLACE, "there is no such bucket")
        return True

    def explain(self, error: OSError) -> LocationError:
        """Return what an error of the store means, by the code it gives."""
        found = _CODE.search(str(error))
        if found is None:
            return LocationError(Failure.DOWN, reason_of(error))
        return LocationError(_FAILURES.get(found[1], Failure.DOWN), f"the store answers {found[1]}")


def _endpoint(address: str | None, system: str) -> tuple[str, str | None]:
    if address is None:
        return "https", None
    split = urlsplit(address)
    if split.scheme not in {"http", "https"} or not split.netloc:
        raise ConfigurationError(
            f"{system}: the endpoint of its object store is no address.",
            expected="http(s)://host[:port]",
            remedy="correct `transport.s3.endpoint`, or the reference it points to",
        )
    return split.scheme, split.netloc
