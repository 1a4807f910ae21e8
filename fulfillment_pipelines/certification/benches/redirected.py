"""References that name another address than the real one, for a connection that leads through a bench."""

from __future__ import annotations

from pydantic import SecretStr

from fulfillment_pipelines.systems.declaration.parts import Reference, Setting
from fulfillment_pipelines.systems.references import References

ADDRESS = Reference(ref="CERTIFICATION_ADDRESS")
"""Stands in a bent declaration where the address stood: an address may hold a password, a declaration may not."""


class RedirectedReferences(References):
    """Resolves `ADDRESS` to another address, and everything else as before.

    Args:
        behind: Resolves everything else.
        address: Where the connection leads.
    """

    def __init__(self, behind: References, address: str) -> None:
        self._behind = behind
        self._address = address

    def __repr__(self) -> str:
        return f"RedirectedReferences({self._behind!r})"

    def resolve(self, setting: Setting, *, system: str) -> SecretStr:
        """Return the value of a setting; the address of the bench for `ADDRESS`."""
        return SecretStr(self._address) if setting == ADDRESS else self._behind.resolve(setting, system=system)
