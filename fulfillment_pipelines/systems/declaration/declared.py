"""The base of everything that is declared in YAML. Nothing else belongs here."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """Base of all declarations: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
