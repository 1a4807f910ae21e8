"""Secrets in a folder of files, one value each, as Docker and Kubernetes mount them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError

_MOST_BYTES: Final = 65_536


class FolderSecrets:
    """A folder; each file is named after a reference, in capitals or in small letters, and holds its value.

    Args:
        folder: The folder. One that does not exist has no values.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        """The folder, and whether it is there."""
        return f"the files of {self._folder}" + ("" if self._folder.is_dir() else " (does not exist)")

    def find(self, name: str) -> SecretStr | None:
        """Return what a file holds, without the line break at its end; an empty file has no value.

        Raises:
            ConfigurationError: The file cannot be read, is no text, or is too large for a secret.
        """
        for path in (self._folder / name, self._folder / name.lower()):
            value = _content(path)
            if value:
                return SecretStr(value)
        return None

    def remedy(self, name: str) -> str:
        """Return how it is set."""
        return f"mount a file {name} in {self._folder}"


def _content(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise _unreadable(path, f"more than {_MOST_BYTES:,} bytes")
        return content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        # The text of a decoding error repeats what was read.
        raise _unreadable(path, type(error).__name__) from None


def _unreadable(path: Path, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"The secret file {path} cannot be read.",
        expected="a readable file that holds one value in UTF-8",
        found=found,
        remedy="correct its permissions or its content",
    )
