"""A secret as DuckDB takes it: no error and no plan of DuckDB repeats what it holds. `warehouse` hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fulfillment_pipelines.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DuckDbSecret:
    """One `create secret`, which lives as long as its connection.

    Attributes:
        extensions: What must be loaded for secrets of this type.
        statement: With every value a parameter.
        parameters: The values.
    """

    extensions: tuple[str, ...]
    statement: str
    parameters: Mapping[str, Any] = field(repr=False)

    def not_installed(self, error: ModuleNotFoundError) -> ConfigurationError:
        """Return what to raise where the package of an extension is missing."""
        return ConfigurationError(
            "The lake lies in a store that this installation cannot read.",
            expected=f"the packages {' and '.join('duckdb-extension-' + name for name in self.extensions)}",
            found=f"no module {error.name}",
            remedy="pip install 'fulfillment-pipelines[s3]'",
        )
