"""The people who may decide, with their roles (`data/seeds/people.yaml`).

What a role may approve belongs in `approval_policy`; who lends whom a role, in `delegations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, PositiveInt, StringConstraints

from fulfillment_pipelines.errors import ConfigurationError, RejectedError
from fulfillment_pipelines.exceptions.seeds import Seed
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR

PersonId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]*$", max_length=64)]


class Person(Seed):
    """One person.

    Attributes:
        id: By what commands and records name the person.
        name: The full name.
        email: Where notices go; empty for nowhere.
        roles: What the person answers for.
        active: False once the person has left; such a person decides nothing.
        access: What the person may see and do in the console, by roles of `access.yaml`.
        teams: The teams whose cases are the person's own, as the rules name their owners.
    """

    id: PersonId
    name: str
    roles: frozenset[str]
    active: bool
    email: str = ""
    access: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


class PeopleSeed(Seed):
    """The content of `people.yaml`."""

    version: PositiveInt
    people: Annotated[Sequence[Person], Field(min_length=1)]


class People:
    """Everybody who is known, by identity.

    Args:
        seed: The content of the file.

    Raises:
        ConfigurationError: Two people have one identity, or one has that of the platform itself.
    """

    def __init__(self, seed: PeopleSeed) -> None:
        self._by_id: Mapping[str, Person] = {person.id: person for person in seed.people}
        named = [person.id for person in seed.people]
        twice = sorted({identity for identity in named if named.count(identity) > 1})
        if twice or POLICY_ACTOR in self._by_id:
            raise ConfigurationError(
                "The people file names somebody who cannot be told apart.",
                expected=f"each `id` once, and none that is '{POLICY_ACTOR}', which stands for the policy itself",
                found=", ".join(twice) or POLICY_ACTOR,
                remedy="correct data/seeds/people.yaml",
            )

    @property
    def everybody(self) -> Sequence[Person]:
        """All people, also those who have left."""
        return tuple(self._by_id.values())

    def get(self, identity: str) -> Person | None:
        """Return a person, also one who has left; None where nobody has this identity."""
        return self._by_id.get(identity)

    def is_active(self, identity: str) -> bool:
        """Whether the person may decide at all."""
        person = self._by_id.get(identity)
        return person is not None and person.active

    def holds(self, identity: str, role: str) -> bool:
        """Whether an active person has a role of their own, not lent."""
        return self.is_active(identity) and role in self._by_id[identity].roles

    def holders(self, role: str) -> Sequence[str]:
        """Return the active people who have a role of their own."""
        return sorted(identity for identity in self._by_id if self.holds(identity, role))

    def require_active(self, identity: str) -> Person:
        """Return a person who may decide.

        Raises:
            RejectedError: Nobody has this identity, or the person has left.
        """
        person = self._by_id.get(identity)
        if person is None or not person.active:
            raise RejectedError(
                f"'{identity}' decides nothing here.",
                expected="an active person of people.yaml",
                found="somebody who has left" if person else "nobody of that identity",
                remedy="`fulfillment approvals list` tells who may approve what",
            )
        return person
