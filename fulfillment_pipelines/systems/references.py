"""Where the values behind `{ref: NAME}` come from: the first of several sources that has one.

Values are read when they are asked for, so that a rotated secret counts from the next connection on.
They are handed out as `SecretStr`: no representation, log line or error of this package shows one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.parts import Setting
from fulfillment_pipelines.systems.secrets import DotenvSecrets, EnvironmentSecrets, SecretSource


class References:
    """Resolves references.

    Args:
        environment: Looked at first; in production `os.environ`.
        files: Dotenv files of `KEY=VALUE` lines, looked at in order. One that does not exist is passed over.
        sources: Asked after them, in order.
    """

    def __init__(
        self, environment: Mapping[str, str], files: Sequence[Path] = (), sources: Sequence[SecretSource] = ()
    ) -> None:
        self._sources: tuple[SecretSource, ...] = (
            EnvironmentSecrets(environment),
            *(DotenvSecrets(path) for path in files),
            *sources,
        )

    def __repr__(self) -> str:
        return f"References({[source.place for source in self._sources]})"

    def find(self, name: str) -> SecretStr | None:
        """Return the value of a reference; None where it is nowhere.

        Raises:
            ConfigurationError: A source cannot be read.
            SystemDownError: A source does not answer.
        """
        return next((value for source in self._sources if (value := source.find(name)) is not None), None)

    def resolve(self, setting: Setting, *, system: str) -> SecretStr:
        """Return the value of a setting, whether it is plain or a reference.

        Args:
            setting: As declared.
            system: Name of the system that needs it, for the error.

        Raises:
            ConfigurationError: The reference is nowhere, or a source cannot be read.
            SystemDownError: A source does not answer.
        """
        if isinstance(setting, str):
            return SecretStr(setting)
        value = self.find(setting.ref)
        if value is not None:
            return value
        raise ConfigurationError(
            f"The system '{system}' needs the reference {setting.ref}, which is not set.",
            expected=f"{setting.ref} in {' or in '.join(source.place for source in self._sources)}",
            found="nothing",
            remedy=", or ".join(source.remedy(setting.ref) for source in self._sources),
        )
