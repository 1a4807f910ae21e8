"""At start-up: everything that systems declare and rules propose lies within the decision rights.

What is found is told by file and line, before anything is pulled. The decision rights themselves are in `authority`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import MessageRoute, Rule
from fulfillment_pipelines.systems.declaration import HttpMessage, SqlMessage, SystemDeclaration
from fulfillment_pipelines.systems.yaml_file import line_of_key


@dataclass(frozen=True, slots=True)
class DeclaredMessages:
    """What one system's declaration says that it takes.

    Attributes:
        system: Declared name.
        role: What it is to the distributor.
        messages: Names of its messages.
        uncompared: Those whose precondition it could compare when it is written, and does not; a system that takes
            files cannot.
        path: The declaration.
    """

    system: str
    role: Role
    messages: tuple[str, ...]
    uncompared: frozenset[str]
    path: Path

    @classmethod
    def of(cls, declaration: SystemDeclaration, path: Path) -> Self:
        """Return what a declaration says, as it was read from a file."""
        uncompared = frozenset(
            name
            for name, message in declaration.messages.items()
            if (isinstance(message, HttpMessage) and not (message.precondition or message.precondition_read))
            or (isinstance(message, SqlMessage) and message.precondition is None)
        )
        return cls(declaration.name, declaration.role, tuple(declaration.messages), uncompared, path)


def require_within_rights(
    authority: AuthorityMatrix, systems: Iterable[DeclaredMessages], rules: Iterable[Rule]
) -> None:
    """Return when every declared message and every proposed correction may be written.

    Raises:
        ConfigurationError: One may not; names file and line.
    """
    receivers: dict[str, set[Role]] = {}
    for grant in authority.grants:
        receivers.setdefault(grant.message, set()).update(grant.receivers)
    for system in systems:
        _require_messages(authority, receivers, system)
    for rule in rules:
        for route in rule.routes:
            _require_route(authority, rule, route)


def _require_messages(
    authority: AuthorityMatrix, receivers: Mapping[str, Iterable[Role]], system: DeclaredMessages
) -> None:
    for message in system.messages:
        if system.role not in receivers.get(message, ()):
            raise ConfigurationError(
                f"{system.path}:{line_of_key(system.path, 'messages', message)}: the decision rights do not let "
                f"'{message}' go to a system of the role '{system.role}'.",
                expected=authority.allowed(message),
                found=f"{message} -> {system.system} ({system.role})",
                remedy="remove the message, or have `data/seeds/authority.yaml` grant it",
            )
        if message in system.uncompared:
            _require_no_comparison(authority, system, message)


def _require_no_comparison(authority: AuthorityMatrix, system: DeclaredMessages, message: str) -> None:
    for correction_class in CorrectionClass:
        grant = authority.grant_for(message, system.role, correction_class)
        if grant is not None and grant.compared:
            raise ConfigurationError(
                f"{system.path}:{line_of_key(system.path, 'messages', message)}: {grant.clause_id} lets '{message}' go "
                f"to '{system.system}' only if what was read is compared again when it is written.",
                expected=f"a `precondition` of the message that compares {', '.join(grant.precondition)}",
                found="none",
                remedy="declare it, so that a value that has changed since is not overwritten",
            )


def _require_route(authority: AuthorityMatrix, rule: Rule, route: MessageRoute) -> None:
    if authority.grant_for(route.message, route.role, route.correction_class) is None:
        path = rule.model.path
        raise ConfigurationError(
            f"{path}:{_header_line(path, 'correction')}: the decision rights do not let {rule.code} propose "
            f"'{route.message}' to the role '{route.role}' under class {route.correction_class}.",
            expected=authority.allowed(route.message),
            found=f"{route.message} -> {route.role} ({route.correction_class})",
            remedy="correct the header (a correction that always needs a person ends with ` (J)`), "
            "or have `data/seeds/authority.yaml` grant it",
        )


def _header_line(path: Path, entry: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.startswith(f"-- {entry}:")), 1)
