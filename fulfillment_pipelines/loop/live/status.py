"""What the live loop shows of itself: a small file that is written anew all the time and never half.

Lag is told for each system: how far what is known of it is behind now, and whether it has more to tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

_FILE: Final = "live_status.json"


class SystemLag(BaseModel):
    """How far the loop is with one system.

    Attributes:
        as_of: The moment the oldest of its feeds speaks of; None before all have answered.
        lag_seconds: How long that is ago.
        asked_seconds: How long its last answer took.
        has_more: Whether it has more to tell than it could at once.
        state: OK, PARTIAL or FAILED: the worst of its feeds.
        problem: Why it is not OK.
    """

    model_config = ConfigDict(frozen=True)

    as_of: AwareDatetime | None = None
    lag_seconds: float | None = None
    asked_seconds: float = 0.0
    has_more: bool = False
    state: str = "OK"
    problem: str = ""


class LiveStatus(BaseModel):
    """How the live loop is doing.

    Attributes:
        process_id: Of the loop.
        began_at: When it began.
        beat_at: When it last showed itself.
        doing: What it is at: waiting, or a stage of a round.
        rounds: Rounds since it began.
        changed_rows: Rows that they brought.
        last_round_at: When the last round began; None before the first.
        last_round_seconds: How long its stages took.
        last_round_cpu_seconds: How much processor time it took.
        lake_wait_seconds: How long rounds have waited for other writers of the lake, in all.
        systems: By name.
        deliveries_waiting: Corrections that wait, by the system they go to.
        protective_waiting: How many of them protect.
        trouble: What went wrong last, in words; empty for nothing.
    """

    model_config = ConfigDict(frozen=True)

    process_id: int
    began_at: AwareDatetime
    beat_at: AwareDatetime
    doing: str = "starting"
    rounds: int = 0
    changed_rows: int = 0
    last_round_at: AwareDatetime | None = None
    last_round_seconds: dict[str, float] = {}
    last_round_cpu_seconds: float = 0.0
    lake_wait_seconds: float = 0.0
    systems: dict[str, SystemLag] = {}
    deliveries_waiting: dict[str, int] = {}
    protective_waiting: int = 0
    trouble: str = ""


def write_status(folder: Path, status: LiveStatus) -> None:
    """Write the status in one move, so that nobody reads half of it."""
    part = folder / f"{_FILE}.part"
    part.write_text(status.model_dump_json(indent=1), encoding="utf-8")
    part.replace(folder / _FILE)


def read_status(folder: Path) -> LiveStatus | None:
    """Return what the loop showed last; None where there never was one, or it was of another version."""
    try:
        return LiveStatus.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return None
