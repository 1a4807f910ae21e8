"""What is asked of any place that keeps secrets."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr


class SecretSource(Protocol):
    """A place that keeps values under names. Asked anew for every connection, so that a rotated value counts."""

    @property
    def place(self) -> str:
        """What the place is called in messages; it shows no value."""
        ...

    def find(self, name: str) -> SecretStr | None:
        """Return the value of a name, None where the place has none.

        Raises:
            ConfigurationError: The place cannot be read as it is configured.
            SystemDownError: It does not answer.
        """
        ...

    def remedy(self, name: str) -> str:
        """Return what a person does so that the place has a value of that name."""
        ...
