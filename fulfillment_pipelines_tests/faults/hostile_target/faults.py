"""What can go wrong with one request: whether it has its effect, and what the caller gets to see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto


class Fault(StrEnum):
    """One way in which a request goes wrong; its value is what a person calls it."""

    FAILS_BEFORE = "500 before the effect"
    FAILS_AFTER = "500 after the effect"
    TOO_MANY = "429 with Retry-After"
    CONFLICT = "409"
    TRUNCATED = "truncated JSON in a 200"
    HANGS_BEFORE = "hangs and never applies"
    HANGS_AFTER = "hangs after applying"
    HANGS_PARKED = "hangs and applies much later"
    FREES_PARKED = "applies what it had parked, then answers"
    TWICE = "applies twice"
    ROLLS_BACK = "applies, answers, and rolls back at once"
    ROLLS_BACK_LATER = "applies, answers, and rolls back in the night"
    CHANGES_BETWEEN = "changes the value between read and write"
    BOOKED_BETWEEN = "somebody books it between read and write"
    CUT_BEFORE = "network cut before applying"
    CUT_AFTER = "network cut after applying, before the answer"
    DRIPS = "answers byte by byte, too slowly"
    OUTAGE = "503 with Retry-After"
    HTML = "200 with an error page"
    REDIRECT = "redirect to another address"


class Effect(Enum):
    """What becomes of the request's effect."""

    NONE = auto()
    ONCE = auto()
    TWICE = auto()
    UNDONE = auto()
    UNDONE_LATER = auto()
    PARKED = auto()


class Shown(Enum):
    """What the caller gets to see."""

    TRUTH = auto()
    STATUS = auto()
    HALF = auto()
    PAGE = auto()
    DRIP = auto()
    SILENCE = auto()
    RESET = auto()


@dataclass(frozen=True)
class Conduct:
    """How a request is dealt with.

    Attributes:
        effect: Of a write; a read has none.
        shown: What is answered.
        status: Of the answer, where it is not the truth.
        headers: Of the answer, where it is not the truth.
    """

    effect: Effect = Effect.ONCE
    shown: Shown = Shown.TRUTH
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


RETRY_AFTER_SECONDS = 120
"""What the target asks for when it is too busy, or away."""

_LATER = (("Retry-After", str(RETRY_AFTER_SECONDS)),)

CONDUCT = {
    Fault.FAILS_BEFORE: Conduct(Effect.NONE, Shown.STATUS, 500),
    Fault.FAILS_AFTER: Conduct(Effect.ONCE, Shown.STATUS, 500),
    Fault.TOO_MANY: Conduct(Effect.NONE, Shown.STATUS, 429, _LATER),
    Fault.CONFLICT: Conduct(Effect.NONE, Shown.STATUS, 409),
    Fault.TRUNCATED: Conduct(Effect.ONCE, Shown.HALF),
    Fault.HANGS_BEFORE: Conduct(Effect.NONE, Shown.SILENCE),
    Fault.HANGS_AFTER: Conduct(Effect.ONCE, Shown.SILENCE),
    Fault.HANGS_PARKED: Conduct(Effect.PARKED, Shown.SILENCE),
    Fault.FREES_PARKED: Conduct(),
    Fault.TWICE: Conduct(Effect.TWICE),
    Fault.ROLLS_BACK: Conduct(Effect.UNDONE),
    Fault.ROLLS_BACK_LATER: Conduct(Effect.UNDONE_LATER),
    Fault.CHANGES_BETWEEN: Conduct(),
    Fault.BOOKED_BETWEEN: Conduct(),
    Fault.CUT_BEFORE: Conduct(Effect.NONE, Shown.RESET),
    Fault.CUT_AFTER: Conduct(Effect.ONCE, Shown.RESET),
    Fault.DRIPS: Conduct(Effect.ONCE, Shown.DRIP),
    Fault.OUTAGE: Conduct(Effect.NONE, Shown.STATUS, 503, _LATER),
    Fault.HTML: Conduct(Effect.NONE, Shown.PAGE),
    Fault.REDIRECT: Conduct(Effect.NONE, Shown.STATUS, 302, (("Location", "https://elsewhere.example/"),)),
}
"""How each fault is carried out."""

OF_A_CALL = (
    Fault.FAILS_BEFORE,
    Fault.FAILS_AFTER,
    Fault.TOO_MANY,
    Fault.CONFLICT,
    Fault.TRUNCATED,
    Fault.HANGS_BEFORE,
    Fault.HANGS_AFTER,
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
    Fault.DRIPS,
    Fault.OUTAGE,
    Fault.HTML,
    Fault.REDIRECT,
)
"""The faults of a call. In the others the target's own books go wrong, or somebody else writes in them."""
