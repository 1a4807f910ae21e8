"""What is truly wrong: one label for each injected fault. Only the value belongs here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Label:
    """The truth about one injected fault.

    Attributes:
        code: Exception code it must open, for example SHP-01.
        business_key: What the difference is about, spelled as the product spells it.
        node: The site, or an empty string where the difference has none.
        system: Declared name of the system whose data is wrong or silent.
        injected_at: When the fault was injected, in UTC.
        condition_since: When the difference became true in the world, in UTC; a fault whose goods leave with the
            legacy site's next cycle becomes true a little after it was injected.
        note: What was done, in words for a person.
        secondary: Other codes the same fault moves with it, as children of the primary case; empty for most faults.
    """

    code: str
    business_key: str
    node: str
    system: str
    injected_at: datetime
    condition_since: datetime
    note: str
    secondary: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the label as JSON values; instants are ISO 8601 text."""
        values = asdict(self)
        values["secondary"] = list(self.secondary)
        values["injected_at"] = self.injected_at.isoformat()
        values["condition_since"] = self.condition_since.isoformat()
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Label:
        """Return the label that `as_json` wrote."""
        instants = {name: datetime.fromisoformat(values[name]) for name in ("injected_at", "condition_since")}
        return cls(**{**values, **instants, "secondary": tuple(values.get("secondary", ()))})
