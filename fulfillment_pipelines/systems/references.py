"""Where the values behind `{ref: NAME}` come from: the environment, then dotenv files.

Values are read when they are asked for, so that a rotated secret counts from the next connection on.
They are handed out as `SecretStr`: no representation, log line or error of this package shows one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.parts import Reference, Setting

_LINE = re.compile(r"^(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)$")


class References:
    """Resolves references.

    Args:
        environment: Looked at first; in production `os.environ`.
        files: Dotenv files of `KEY=VALUE` lines, looked at in order. One that does not exist is passed over.
    """

    def __init__(self, environment: Mapping[str, str], files: Sequence[Path] = ()) -> None:
        self._environment = environment
        self._files = tuple(files)

    def __repr__(self) -> str:
        return f"References(files={[str(path) for path in self._files]})"

    def resolve(self, setting: Setting, *, system: str) -> SecretStr:
        """Return the value of a setting, whether it is plain or a reference.

        Args:
            setting: As declared.
            system: Name of the system that needs it, for the error.

        Raises:
            ConfigurationError: The reference is nowhere, or a dotenv file cannot be read.
        """
        if isinstance(setting, str):
            return SecretStr(setting)
        value = self._find(setting)
        if value is None:
            places = ["the environment", *(self._described(path) for path in self._files)]
            raise ConfigurationError(
                f"The system '{system}' needs the reference {setting.ref}, which is not set.",
                expected=f"{setting.ref} in {' or in '.join(places)}",
                found="nothing",
                remedy=f"export {setting.ref}=… or add the line {setting.ref}=… to one of the files",
            )
        return SecretStr(value)

    def _find(self, reference: Reference) -> str | None:
        if value := self._environment.get(reference.ref):
            return value
        for path in self._files:
            values = dict(_dotenv(path))
            if value := values.get(reference.ref):
                return value
        return None

    @staticmethod
    def _described(path: Path) -> str:
        return str(path) if path.exists() else f"{path} (does not exist)"


def _dotenv(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the assignments of a file; a missing file has none."""
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
