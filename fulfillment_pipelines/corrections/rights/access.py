"""What people may see and do in the console and through the API (`data/seeds/access.yaml`).

This is the first door, by what a person works on; what a person may approve is decided by the second, in
`approving.mandate`. How a request proves who makes it belongs to the console.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt

from fulfillment_pipelines.corrections.approving.people import People, Person
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.seeds import Seed


class AccessRole(StrEnum):
    """What a person works on, by which access is given."""

    VIEWER = "viewer"
    CUSTOMER_SERVICE = "customer_service"
    OPERATIONS = "operations"
    FINANCE = "finance"
    CREDIT = "credit"
    INTEGRATION = "integration"
    APPROVER = "approver"
    ADMIN = "admin"


class Permission(StrEnum):
    """What may be permitted: every route of the console and the API needs exactly one of these."""

    CASE_VIEW = "case.view"
    CASE_WORK = "case.work"
    CASE_COMMENT = "case.comment"
    ORDER_VIEW = "order.view"
    FLOW_VIEW = "flow.view"
    INTEGRATION_VIEW = "integration.view"
    CORRECTION_VIEW = "correction.view"
    CORRECTION_EDIT = "correction.edit"
    CORRECTION_DECIDE = "correction.decide"
    CORRECTION_REPLAY = "correction.replay"
    SWITCH_ENGAGE = "switch.engage"
    SWITCH_RELEASE = "switch.release"
    GOVERNANCE_VIEW = "governance.view"
    CHANGE_PROPOSE = "change.propose"
    CHANGE_DECIDE = "change.decide"
    AUDIT_VIEW = "audit.view"
    ACCESS_MANAGE = "access.manage"
    EVENT_POST = "event.post"
    EXPORT = "export"
    TOKEN_OWN = "token.own"  # noqa: S105 - the name of a permission


class Reach(StrEnum):
    """For which cases a permission holds."""

    OWN = "own"
    ALL = "all"


class SignInPolicy(Seed):
    """How long a session lasts, and what a password must be.

    Attributes:
        idle_minutes: A session in which nothing happens ends after so long.
        longest_hours: Every session ends after so long.
        attempts: So many wrong passwords in a row lock an account.
        lock_minutes: For so long.
        address_attempts: So many wrong passwords of whomever, from one address, within that time make it wait.
        shortest_password: Characters that a password must have.
    """

    idle_minutes: PositiveInt
    longest_hours: PositiveInt
    attempts: PositiveInt
    lock_minutes: PositiveInt
    address_attempts: PositiveInt
    shortest_password: Annotated[int, Field(ge=8)]


class TokenPolicy(Seed):
    """How long a token of the API may be valid."""

    longest_days: PositiveInt


class RequestPolicy(Seed):
    """How many requests one person or token may make through the API."""

    per_minute: PositiveInt


class AccessSeed(Seed):
    """The content of `access.yaml`."""

    version: PositiveInt
    roles: Mapping[AccessRole, Mapping[Permission, Reach]]
    sign_in: SignInPolicy
    tokens: TokenPolicy
    requests: RequestPolicy


class AccessMatrix:
    """Which role may do what.

    Args:
        seed: The content of the file.
        people: Everybody who is known.

    Raises:
        ConfigurationError: Somebody has a role that the matrix does not know.
    """

    def __init__(self, seed: AccessSeed, people: People) -> None:
        self.seed = seed
        known = {role.value for role in seed.roles}
        for person in people.everybody:
            if unknown := sorted(person.access - known):
                raise ConfigurationError(
                    f"{person.id} has the access role {unknown[0]}, which does not exist.",
                    expected=f"one of {', '.join(sorted(known))}",
                    found=unknown[0],
                    remedy="correct `access` of this person in data/seeds/people.yaml, or add the role to access.yaml",
                )

    def reach(self, roles: Iterable[str], permission: Permission) -> Reach | None:
        """Return for which cases somebody with these roles has a permission; None for none at all."""
        held = {self.seed.roles[AccessRole(role)].get(permission) for role in roles}
        return next((reach for reach in (Reach.ALL, Reach.OWN) if reach in held), None)

    def permits(self, person: Person, permission: Permission, team: str | None = None) -> bool:
        """Return whether a person may do something, to a case of a team where one is named."""
        reach = self.reach(person.access, permission) if person.active else None
        return reach is Reach.ALL or (reach is Reach.OWN and (team is None or team in person.teams))
