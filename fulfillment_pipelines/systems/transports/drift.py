"""What is wrong between a declaration and the system it describes: an entity not declared, a field gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.declaration.parts import EntityBase


def undeclared_entity(system: str, entity: str, declared: Iterable[str]) -> ConfigurationError:
    """Return the error for an entity that a system does not declare."""
    return ConfigurationError(
        f"The system '{system}' declares no entity '{entity}'.",
        expected=f"one of {', '.join(declared) or 'none: it has no entities'}",
        remedy="correct the name, or declare the entity in the system's YAML",
    )


def refuse_missing_fields(feed: str, declared: EntityBase, found: Collection[str], *, where: str) -> None:
    """Return when every declared field is there.

    Args:
        feed: The feed's name, `system/entity`.
        declared: The entity.
        found: Names of the fields that came.
        where: The page or file they came in.

    Raises:
        BadDataError: A field that is not optional is gone: the system's interface has drifted.
    """
    missing = [name for name in declared.required_fields if name not in found]
    if missing:
        raise BadDataError(
            f"{feed}: the interface has changed, {where} has no field {', '.join(missing)}.",
            expected=", ".join(declared.fields),
            found=", ".join(sorted(found)),
            remedy="agree on the change with the system's owner, then correct `fields` in its YAML",
        )
