"""The shape of a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.verdicts import Area, Finding

Look: TypeAlias = Callable[[Examination, str], Finding]
"""Looks at one entity of a system; at the system as a whole where the entity is empty."""


class Needs(StrEnum):
    """What a check cannot do without."""

    NOTHING = "nothing"
    ROWS = "an entity that can be pulled and has rows"
    EXAMPLE = "an example correction"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and how it is looked at.

    Attributes:
        check_id: Identity, the same in every certificate.
        title: The promise, in words.
        area: What it is about.
        needs: What it cannot do without.
        look: Looks.
        per_entity: Whether each entity is looked at by itself.
    """

    check_id: str
    title: str
    area: Area
    needs: Needs
    look: Look
    per_entity: bool = True
