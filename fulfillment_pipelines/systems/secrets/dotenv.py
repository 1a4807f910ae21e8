"""Secrets in dotenv files of `KEY=VALUE` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError

_LINE: Final = re.compile(r"^(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)$")


class DotenvSecrets:
    """One dotenv file; while it does not exist it has no values.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The file, and whether it is there."""
        return str(self._path) if self._path.exists() else f"{self._path} (does not exist)"

    def find(self, name: str) -> SecretStr | None:
        """Return the last value assigned to a name; an empty one is none.

        Raises:
            ConfigurationError: The file cannot be read, or a line of it assigns nothing.
        """
        value = dict(_assignments(self._path)).get(name)
        return SecretStr(value) if value else None

    def remedy(self, name: str) -> str:
        """Return how it is set."""
        return f"add the line {name}=… to {self._path}"


def _assignments(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The references file {path} cannot be read.",
            expected="a readable text file in UTF-8",
            found=type(error).__name__,
            remedy="correct its permissions, or the path in the distributor file",
        ) from error
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.match(stripped)
        if match is None:
            raise ConfigurationError(
                f"{path}:{number}: this line of the references file assigns nothing.",
                expected="KEY=VALUE, or # and a comment",
                found="a line that is not shown, since it may hold a secret",
                remedy="correct the line",
            )
        yield match["name"], _unquoted(match["value"].strip())


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
