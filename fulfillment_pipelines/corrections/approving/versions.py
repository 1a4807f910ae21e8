"""How the versions of one correction hang together: each edit by a person names the version it replaces.

Making an edit belongs in `editing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

_GIVEN_UP: Final = frozenset({CorrectionState.SUPERSEDED, CorrectionState.REJECTED})


def versions_before(record: CorrectionRecord, of_case: Iterable[CorrectionRecord]) -> Sequence[CorrectionRecord]:
    """Return the versions that a correction replaces, the newest first; none for what a rule proposed."""
    by_id = {one.correction_id: one for one in of_case}
    found: list[CorrectionRecord] = []
    before = by_id.get(record.replaces or "")
    while before is not None:
        found.append(before)
        before = by_id.get(before.replaces or "")
    return found


def proposers_of(record: CorrectionRecord, of_case: Iterable[CorrectionRecord]) -> frozenset[str]:
    """Return who proposed a correction or edited any version of it: none of them approves it."""
    return frozenset(one.proposed_by for one in (record, *versions_before(record, of_case)))


def next_version(record: CorrectionRecord, of_case: Sequence[CorrectionRecord]) -> int:
    """Return the number of the next edit; numbers of edits that were given up are not used again."""
    first = _first(record, of_case)
    return 1 + max(one.version for one in (record, *of_case) if _first(one, of_case) == first)


def lives_on_in_an_edit(record: CorrectionRecord, of_case: Sequence[CorrectionRecord]) -> bool:
    """Whether a person has put another version in a correction's place that was neither withdrawn nor rejected.

    As long as it lives, what it replaces is not proposed again.
    """
    return any(
        one.state not in _GIVEN_UP and record in versions_before(one, of_case) for one in of_case if one.replaces
    )


def _first(record: CorrectionRecord, of_case: Sequence[CorrectionRecord]) -> str:
    return (record, *versions_before(record, of_case))[-1].correction_id
