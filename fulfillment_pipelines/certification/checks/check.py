"""The shape of a check, and what is said where one breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.verdicts import Area, Finding, failed
from fulfillment_pipelines.errors import FulfillmentError

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


def told(act: Callable[[], Finding]) -> Finding:
    """Return what a look said; an error that was not looked for is a promise broken, whoever made it."""
    try:
        return act()
    except FulfillmentError as error:
        return failed(str(error))
    except Exception as error:  # noqa: BLE001 - a foreign error that leaves an adapter is what is looked for
        # Its text is not shown: what a library says may hold an address with a password.
        return failed("An error that is not one of the product's own left the adapter.", error=type(error).__name__)
