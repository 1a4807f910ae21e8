"""Passwords: hashed with argon2, never kept, never logged; and secrets that are given out once."""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies passwords, few at once: each needs 64 MB, and anybody may try to sign in.

    Args:
        hasher: Replaces the one with the library's own parameters.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        with self._turns:
            return self._hasher.hash(password)

    def is_right(self, password_hash: str | None, password: str) -> bool:
        """Return whether a password is the one that was hashed.

        Where there is no hash the same work is done, so that the time does not tell who has an account.
        """
        known = password_hash or _nobodys(self)
        try:
            with self._turns:
                matches = self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False
        return matches and password_hash is not None


@lru_cache(maxsize=4)
def _nobodys(passwords: Passwords) -> str:
    return passwords.hash(secrets.token_urlsafe())


def new_secret() -> str:
    """Return a secret that cannot be guessed, to be given out once."""
    return secrets.token_urlsafe(32)


def hash_of_secret(secret: str) -> str:
    """Return what is kept of a secret that was made by `new_secret`; it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
