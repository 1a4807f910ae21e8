"""The history a distributor starts with: a business week, and at least two faults of every code in it.

When each code is injected follows from how long its difference counts as timing: most are breaks when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fulfillment_pipelines.twin.distributor import Distributor
from fulfillment_pipelines.twin.world.timing import epoch

STARTS_AT = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ENDS_AT = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Injection:
    """Faults of the history: what is injected when."""

    at: datetime
    counts: Mapping[str, int]


INJECTIONS: Sequence[Injection] = (
    Injection(datetime(2026, 3, 3, 15, 10, tzinfo=UTC), {"FIN-01": 2}),
    Injection(datetime(2026, 3, 4, 10, 40, tzinfo=UTC), {"FIN-01": 1}),
    Injection(datetime(2026, 3, 6, 11, 20, tzinfo=UTC), {"INV-01": 2, "INV-02": 1}),
    Injection(
        datetime(2026, 3, 9, 11, 10, tzinfo=UTC),
        {
            "INV-01": 1,
            "INV-02": 2,
            "SHP-01": 3,
            "SHP-02": 2,
            "FIN-02": 3,
            "WHS-01": 4,
            "CRD-03": 3,
            "INT-02": 2,
            "INT-03": 2,
        },
    ),
    Injection(datetime(2026, 3, 9, 13, 10, tzinfo=UTC), {"SYS-02": 3}),
)


def live_through(distributor: Distributor, *, faults: bool) -> None:
    """Let a distributor that has just begun live through its history.

    Args:
        distributor: At its start.
        faults: Whether anything goes wrong in it.
    """
    for injection in INJECTIONS if faults else ():
        distributor.advance_to(epoch(injection.at), shown_cycles=0)  # nobody is looking yet
        for code, count in injection.counts.items():
            distributor.inject(code, count)
    distributor.advance_to(epoch(ENDS_AT))
