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
    Injection(datetime(2026, 3, 4, 10, 40, tzinfo=UTC), {"FIN-01": 1, "WHS-03": 1}),
    Injection(datetime(2026, 3, 5, 9, 40, tzinfo=UTC), {"SHP-03": 1, "FIN-05": 3}),
    Injection(
        datetime(2026, 3, 6, 11, 20, tzinfo=UTC),
        {"INV-01": 2, "INV-02": 1, "SYS-04": 4, "CRD-01": 2, "SHP-06": 2, "FIN-02": 3, "FIN-04": 2},
    ),
    Injection(
        datetime(2026, 3, 9, 11, 10, tzinfo=UTC),
        {
            "FIN-03": 2,
            "INT-02": 2,  # first: it needs orders that are due later and that no other fault has touched
            "INV-01": 1,
            "INV-02": 2,
            "SHP-01": 3,
            "SHP-02": 2,
            "SHP-03": 2,
            "SHP-04": 4,
            "SHP-05": 4,
            "INV-03": 2,
            "INV-04": 2,
            "SYS-04": 1,
            "SYS-05": 2,
            "WHS-01": 4,
            "WHS-03": 2,
            "CRD-03": 3,
            "CRD-02": 2,
            "CRD-04": 2,
            "INV-06": 2,
            "INT-01": 3,
            "INT-03": 2,
            "INT-05": 2,
        },
    ),
    Injection(
        datetime(2026, 3, 9, 12, 40, tzinfo=UTC),
        {"INT-04": 5, "INV-05": 2, "WHS-02": 2, "WHS-04": 3, "SYS-03": 2},
    ),
    Injection(datetime(2026, 3, 9, 13, 10, tzinfo=UTC), {"SYS-01": 2, "SYS-02": 3}),
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
