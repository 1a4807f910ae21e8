"""What part of the business the flow is looked at for: a site, a team, a period; and the links that keep it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from fulfillment_pipelines.ledger.case_statistics import CaseSpan

PERIODS: Final = (1, 7, 30, 90)
"""Days that a person may look back, today among them."""

USUAL_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class FlowScope:
    """What is looked at.

    Attributes:
        now: The present of the deployment.
        site: One site; empty for all.
        owner: One team; empty for all. KPIs about orders have no team.
        days: Length of the period, today among them.
    """

    now: datetime
    site: str = ""
    owner: str = ""
    days: int = USUAL_DAYS

    @property
    def since(self) -> date:
        """The first day of the period, in UTC."""
        return self.now.astimezone(UTC).date() - timedelta(days=self.days - 1)

    @property
    def parameters(self) -> dict[str, Any]:
        """What questions about the scope are asked with."""
        return {"site": self.site, "owner": self.owner, "since": self.since, "now_at": self.now}

    @property
    def case_span(self) -> CaseSpan:
        """The same for what the ledger counts."""
        midnight = datetime.combine(self.since, time(), UTC)
        return CaseSpan(midnight, self.now, owner=self.owner, node=self.site)

    def link(self, path: str = "/flow", **further: str) -> str:
        """Return the address of a page of this scope."""
        own = {"site": self.site, "owner": self.owner, "days": "" if self.days == USUAL_DAYS else str(self.days)}
        asked = {name: value for name, value in {**own, **further}.items() if value}
        return f"{path}?{urlencode(asked)}" if asked else path
