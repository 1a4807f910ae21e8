"""Secrets in the environment of the process."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr


class EnvironmentSecrets:
    """Environment variables.

    Args:
        environment: In production `os.environ`.
    """

    place = "the environment"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def find(self, name: str) -> SecretStr | None:
        """Return the value of a variable; an empty one is none."""
        value = self._environment.get(name)
        return SecretStr(value) if value else None

    def remedy(self, name: str) -> str:
        """Return how it is set."""
        return f"export {name}=…"
