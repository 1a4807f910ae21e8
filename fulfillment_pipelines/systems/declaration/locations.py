"""How a folder on another machine is reached: logins, host keys, buckets. No secret stands here, only references."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.systems.declaration.parts import Declared, Secret, Setting


class SftpAccess(Declared):
    r"""The login to an SFTP server, and how its identity is known.

    Attributes:
        username: Who logs in; may stand in the address instead.
        password: Of the user; with a private key it is asked for when the key is not taken.
        private_key: The text of an OpenSSH or PEM private key; `\n` stands for a line end in a one-line reference.
        passphrase: Of the private key.
        known_hosts: Lines of an OpenSSH known_hosts file with the server's key.
        host_key: Fingerprint of the server's key, `SHA256:…`, as `ssh-keygen -l` prints it.
    """

    username: Setting | None = None
    password: Secret | None = None
    private_key: Secret | None = None
    passphrase: Secret | None = None
    known_hosts: Setting | None = None
    host_key: Setting | None = None

    @model_validator(mode="after")
    def _server_and_user_are_known(self) -> Self:
        if (self.known_hosts is None) == (self.host_key is None):
            raise PydanticCustomError(
                "host_key", "either `known_hosts` or `host_key`: a server that is not known is never logged in to"
            )
        if self.password is None and self.private_key is None:
            raise PydanticCustomError("login", "a `password` or a `private_key`")
        return self


class S3Access(Declared):
    """The account at an object store.

    Attributes:
        access_key: Identifier of the account; without it the machine's own role is used.
        secret_key: Of the account.
        session_token: Of temporary credentials.
        region: Where the bucket is.
        endpoint: `http(s)://host[:port]` of a store that is not Amazon's.
    """

    access_key: Setting | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    region: Setting | None = None
    endpoint: Setting | None = None

    @model_validator(mode="after")
    def _keys_come_in_pairs(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise PydanticCustomError("keys", "`access_key` and `secret_key` together, or neither")
        return self
