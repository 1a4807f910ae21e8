"""What is wrong between a declaration and the system it describes: an entity not declared, a field gone.

What has changed beside that, and since when, belongs to `snapshots.drift`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Final, TypeVar

from rapidfuzz import fuzz

from fulfillment_pipelines.errors import ConfigurationError, InterfaceChangedError
from fulfillment_pipelines.systems.declaration.parts import EntityBase

_Entity = TypeVar("_Entity")

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_SAME_WORDS: Final = 0.9

LIKE_NAME_PERCENT: Final = 65
"""How alike two names must be for the one to be told as a likely successor of the other, by name alone."""


def declared_entity(system: str, entity: str, declared: Mapping[str, _Entity]) -> _Entity:
    """Return what a system declares of an entity.

    Raises:
        ConfigurationError: It does not declare it.
    """
    if entity not in declared:
        raise ConfigurationError(
            f"The system '{system}' declares no entity '{entity}'.",
            expected=f"one of {', '.join(declared) or 'none: it has no entities'}",
            remedy="correct the name, or declare the entity in the system's YAML",
        )
    return declared[entity]


def refuse_missing_fields(feed: str, declared: EntityBase, found: Collection[str], *, where: str) -> None:
    """Return when every declared field is there.

    Args:
        feed: The feed's name, `system/entity`.
        declared: The entity.
        found: Names of the fields that came.
        where: The page or file they came in.

    Raises:
        InterfaceChangedError: A field that is not optional is gone: the system's interface has drifted.
    """
    missing = tuple(name for name in declared.required_fields if name not in found)
    if missing:
        others = [name for name in found if name not in declared.fields]
        raise InterfaceChangedError(
            f"{feed}: the interface has changed, {where} has no field {', '.join(missing)}.",
            expected=", ".join(declared.fields),
            found=", ".join(sorted(found)),
            remedy="agree on the change with the system's owner, then correct `fields` in its YAML"
            + _likely_successors(missing, others),
            missing_fields=missing,
            other_fields=tuple(sorted(others)),
        )


def name_likeness_percent(one: str, other: str) -> int:
    """Return how alike two field names are, whatever their case; one that has the other's words is nearly the same."""
    spelled = fuzz.ratio("".join(_words(one)), "".join(_words(other)))
    shared = fuzz.token_set_ratio(" ".join(_words(one)), " ".join(_words(other)))
    return round(max(spelled, _SAME_WORDS * shared))


def _likely_successors(missing: Iterable[str], others: Collection[str]) -> str:
    pairs = [
        (name, likeliest)
        for name in missing
        for likeliest in [max(others, key=partial(name_likeness_percent, name), default="")]
        if name_likeness_percent(name, likeliest) >= LIKE_NAME_PERCENT
    ]
    told = ", ".join(f"{name} is now {likeliest}" for name, likeliest in pairs)
    return f" (by the names, perhaps {told})" if told else ""


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
