"""The decision rights (domain book §2.4): who decides what, and what may therefore be written where.

The rows are in `data/seeds/authority.yaml`; here are their shape, what makes them consistent, and the question whether
a message may go to a role under a class. Who asks it: `rights_check` at start-up, `policy` at the gate, `guarded_sink`
at the door. Whether something that may be written is written without a person belongs in `policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import CorrectionClass, Scalar
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.exceptions.seeds import Seed

OUTSIDE: Final = "AUTH-OUTSIDE"
"""The clause under which everything that no row grants is refused."""

ClauseId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{2,63}$")]

_TELLS = frozenset({CorrectionClass.PUBLISH, CorrectionClass.NOTIFY})
"""Classes that tell a system what another has recorded; G and R only stop or repeat, and J has a person."""


class Authority(StrEnum):
    """Whose word stands for an attribute."""

    ERP = "erp"
    ORCHESTRATION = "orchestration"
    WMS = "wms"
    CARRIER = "carrier"
    FINANCE = "finance"
    CRM = "crm"
    CHANNEL = "channel"
    HUMAN = "human"


class Attribute(Seed):
    """One thing that systems speak of, and whose word stands for it."""

    clause_id: ClauseId
    authority: Authority
    about: str = Field(min_length=1)


class Grant(Seed):
    """What one message may write, into which roles, under which classes.

    Attributes:
        clause_id: Identity of the row; every correction names the one that allows it.
        message: Name of the message.
        classes: Classes that may carry it.
        receivers: Roles that may receive it.
        writes: Attributes it changes in the receiver.
        precondition: Values that must have been read from the target, to be compared again when it is written.
        only_while: Values that a precondition must have had, by its name.
        lowers: Field of payload and precondition that may only become less; empty where that does not matter.
        compared: Whether a system that can compare must compare the precondition again at the moment of writing.
        because: Why it is safe, to be read by whoever signs the policy.
    """

    clause_id: ClauseId
    message: str = Field(min_length=1)
    classes: frozenset[CorrectionClass] = Field(min_length=1)
    receivers: frozenset[Role] = Field(min_length=1)
    writes: tuple[str, ...] = Field(min_length=1)
    precondition: tuple[str, ...] = ()
    only_while: Mapping[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    lowers: str = ""
    compared: bool = False
    because: str = Field(min_length=1)

    def misfit(self, payload: Mapping[str, Scalar], precondition: Mapping[str, Scalar]) -> str:
        """Return what the row asks of a content that this content does not have; empty where it fits."""
        unread = [name for name in self.precondition if precondition.get(name) is None]
        if unread:
            return f"'{', '.join(unread)}' was not read from the target, so that a change would not be noticed"
        for name, values in self.only_while.items():
            if precondition.get(name) not in values:
                allowed = " or ".join(str(value) for value in values)
                return f"'{name}' was {precondition.get(name)}; it is written only while it is {allowed}"
        if self.lowers and not _is_less(payload.get(self.lowers), precondition.get(self.lowers)):
            return (
                f"'{self.lowers}' would go from {precondition.get(self.lowers)} to {payload.get(self.lowers)}, "
                "and a protective stop only makes it less"
            )
        return ""


class AuthorityMatrix(Seed):
    """The content of `authority.yaml`.

    Attributes:
        version: Raised with every change of the file.
        attributes: By name.
        grants: No two of them speak of the same message, role and class.
    """

    version: PositiveInt
    attributes: Mapping[str, Attribute] = Field(min_length=1)
    grants: tuple[Grant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_agree(self) -> Self:
        problem = next(self._problems(), None)
        if problem is not None:
            raise PydanticCustomError("decision_rights", "{problem}", {"problem": problem})
        return self

    @cached_property
    def messages(self) -> frozenset[str]:
        """Names of all messages that may be written at all."""
        return frozenset(grant.message for grant in self.grants)

    @cached_property
    def _by_use(self) -> Mapping[tuple[str, str, str], Grant]:
        return {use: grant for grant in self.grants for use in _uses(grant)}

    def grant_for(self, message: str, role: str, correction_class: str) -> Grant | None:
        """Return the row that lets a message go to a role under a class; None where there is none."""
        return self._by_use.get((message, role, correction_class))

    def require(self, message: str, role: str, correction_class: str) -> Grant:
        """Return the row that lets a message go to a role under a class.

        Raises:
            RejectedError: There is none: it is not sent, whoever approves it.
        """
        grant = self.grant_for(message, role, correction_class)
        if grant is None:
            raise RejectedError(
                f"{OUTSIDE}: the decision rights do not let '{message}' go to the role '{role}' "
                f"under class {correction_class}.",
                expected=self.allowed(message),
                found=f"{message} -> {role} ({correction_class})",
                remedy="decide otherwise, or have `data/seeds/authority.yaml` changed by those who own it",
            )
        return grant

    def allowed(self, message: str) -> str:
        """Return, in words, where a message may go."""
        ways = [
            f"{', '.join(sorted(grant.receivers))} ({', '.join(sorted(grant.classes))})"
            for grant in self.grants
            if grant.message == message
        ]
        return f"{message} -> {'; '.join(ways)}" if ways else f"one of {', '.join(sorted(self.messages))}"

    def authorities(self, grant: Grant) -> tuple[Authority, ...]:
        """Return whose recorded facts a row writes, each once, in the order of its attributes."""
        return tuple(dict.fromkeys(self.attributes[name].authority for name in grant.writes))

    def _problems(self) -> Iterator[str]:
        clauses = [row.clause_id for row in self.attributes.values()] + [row.clause_id for row in self.grants]
        yield from _repeated("the clause", clauses, "one row")
        uses = [use for grant in self.grants for use in _uses(grant)]
        yield from _repeated("the use", [f"{message} -> {role} ({kind})" for message, role, kind in uses], "one grant")
        for grant in self.grants:
            yield from self._problems_of(grant)

    def _problems_of(self, grant: Grant) -> Iterator[str]:
        for name in grant.writes:
            attribute = self.attributes.get(name)
            if attribute is None:
                yield f"{grant.clause_id}: every attribute of `writes` among `attributes`, but not so: {name}"
                continue
            tells = _TELLS & grant.classes
            if tells and attribute.authority in {*grant.receivers, Authority.HUMAN}:
                told = ", ".join(sorted(tells))
                yield (
                    f"{grant.clause_id}: class {told} only into systems that are not the authority of what is written, "
                    f"but {attribute.authority} is that of {name}"
                )
        for name in (*grant.only_while, grant.lowers):
            if name and name not in grant.precondition:
                yield f"{grant.clause_id}: {name} among `precondition`, since it is compared"
        if grant.compared and not grant.precondition:
            yield f"{grant.clause_id}: a `precondition`, since it is to be compared"


def _uses(grant: Grant) -> Iterator[tuple[str, str, str]]:
    for role in sorted(grant.receivers):
        for correction_class in sorted(grant.classes):
            yield grant.message, role.value, correction_class.value


def _repeated(what: str, names: Iterable[str], where: str) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name} in {where} only"
        seen.add(name)


def _is_less(after: Scalar, before: Scalar) -> bool:
    try:
        return Decimal(str(after)) < Decimal(str(before))
    except InvalidOperation:
        return False
