"""Answer a received interchange: a 997 for each of its groups, from what is wrong with envelopes and documents.

A document is accepted when it is sound, accepted with errors when it was taken all the same, and rejected when it was
not taken or nothing can be made of it. How an answer travels belongs to `edi/acknowledger.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from fulfillment_pipelines.domain.x12_acknowledgment import (
    ElementError,
    FunctionalAcknowledgment,
    SegmentError,
    SetAcknowledgment,
)
from fulfillment_pipelines.domain.x12_codes import GroupAnswer, SetAnswer
from fulfillment_pipelines.systems.transports.edi.guide.documents import GuideProblem, Reading
from fulfillment_pipelines.systems.transports.edi.interchange import (
    Document,
    Fault,
    Group,
    Interchange,
    Segment,
    element,
)
from fulfillment_pipelines.systems.transports.edi.x12.guides import read_document

_NEVER_ANSWERED: Final = "FA"
_COUNT: Final = re.compile(r"\d{1,6}", re.ASCII)
_FUNCTIONAL_ID: Final = 1
_GROUP_NO: Final = 6
_SET_NO: Final = 2

_NOT_SUPPORTED: Final = "1"
_SEGMENTS_IN_ERROR: Final = "5"
_OF_A_SET: Final[Mapping[Fault, str]] = {
    Fault.TRAILER_MISSING: "2",
    Fault.CONTROL_NUMBER_DIFFERS: "3",
    Fault.COUNT_DIFFERS: "4",
    Fault.LIMIT_EXCEEDED: "5",
    Fault.IDENTIFIER_MISSING: "6",
}
_OF_A_GROUP: Final[Mapping[Fault, str]] = {
    Fault.TRAILER_MISSING: "3",
    Fault.CONTROL_NUMBER_DIFFERS: "4",
    Fault.COUNT_DIFFERS: "5",
}


def acknowledge(interchange: Interchange, reads: Collection[str] = ()) -> Iterator[FunctionalAcknowledgment]:
    """Yield the answer to each group of an interchange but to groups of answers, which nobody answers.

    Args:
        interchange: As it was received.
        reads: Transaction sets that we take; any others are rejected. Empty where all are taken.
    """
    faults = _Faults(interchange)
    by_group: dict[int, list[SetAcknowledgment]] = {}
    for document in interchange.documents:
        errors = faults.of(document.segments[0], _OF_A_SET)
        by_group.setdefault(_group_of(document), []).append(_of_document(document, errors, reads))
    for document in interchange.not_taken:
        errors = faults.of(document.segments[0], _OF_A_SET)
        by_group.setdefault(_group_of(document), []).append(_of_lost(document, errors))
    for group in interchange.groups:
        if element(group.opening, _FUNCTIONAL_ID) != _NEVER_ANSWERED:
            sets = tuple(by_group.get(id(group.opening), ()))
            yield _of_group(group, sets, faults.of(group.opening, _OF_A_GROUP))


def _group_of(document: Document) -> int:
    """Return the identity of what a document stands in: of its group, or of nothing."""
    return id(document.envelope[0]) if document.envelope else 0


class _Faults:
    """What is wrong with envelopes, by the very segment that opens each: its words may occur twice."""

    def __init__(self, interchange: Interchange) -> None:
        self._by_opening: dict[int, list[Fault]] = {}
        for problem in interchange.problems:
            self._by_opening.setdefault(id(problem.about), []).append(problem.fault)

    def of(self, opening: Segment, codes: Mapping[Fault, str]) -> tuple[str, ...]:
        """Return the codes of what is wrong, each once."""
        faults = self._by_opening.get(id(opening), ())
        return tuple(dict.fromkeys(codes[fault] for fault in faults if fault in codes))


def _of_group(group: Group, sets: tuple[SetAcknowledgment, ...], errors: tuple[str, ...]) -> FunctionalAcknowledgment:
    accepted = sum(one.answer is not SetAnswer.REJECTED for one in sets)
    return FunctionalAcknowledgment(
        functional_id=element(group.opening, _FUNCTIONAL_ID),
        group_no=element(group.opening, _GROUP_NO),
        answer=_group_answer(sets, accepted, errors),
        declared_sets=int(group.declared) if _COUNT.fullmatch(group.declared) else len(sets),
        received_sets=len(sets),
        accepted_sets=accepted,
        sets=sets,
        errors=errors,
    )


def _group_answer(sets: Sequence[SetAcknowledgment], accepted: int, errors: Sequence[str]) -> GroupAnswer:
    if sets and not accepted:
        return GroupAnswer.REJECTED
    if accepted < len(sets):
        return GroupAnswer.PARTLY_ACCEPTED
    if errors or any(one.answer is not SetAnswer.ACCEPTED for one in sets):
        return GroupAnswer.ACCEPTED_WITH_ERRORS
    return GroupAnswer.ACCEPTED


def _of_document(document: Document, errors: tuple[str, ...], reads: Collection[str]) -> SetAcknowledgment:
    if reads and document.type not in reads:
        return _said(document, SetAnswer.REJECTED, (_NOT_SUPPORTED, *errors))
    reading = read_document(document) or Reading(None, ())
    if not reading.problems:
        return _said(document, SetAnswer.ACCEPTED_WITH_ERRORS if errors else SetAnswer.ACCEPTED, errors)
    answer = SetAnswer.REJECTED if reading.document is None else SetAnswer.ACCEPTED_WITH_ERRORS
    return _said(document, answer, (*errors, _SEGMENTS_IN_ERROR), tuple(_segments(document, reading.problems)))


def _of_lost(document: Document, errors: tuple[str, ...]) -> SetAcknowledgment:
    return _said(document, SetAnswer.REJECTED, errors or (_SEGMENTS_IN_ERROR,))


def _said(
    document: Document, answer: SetAnswer, errors: tuple[str, ...], segments: tuple[SegmentError, ...] = ()
) -> SetAcknowledgment:
    return SetAcknowledgment(document.type, element(document.segments[0], _SET_NO), answer, errors, segments)


def _segments(document: Document, problems: Sequence[GuideProblem]) -> Iterator[SegmentError]:
    """Yield one error for each segment, with all of its elements, in the order of the document."""
    by_segment: dict[tuple[int, str, str], list[GuideProblem]] = {}
    for problem in sorted(problems, key=lambda one: (one.segment_no, one.position)):
        name = problem.segment or document.segments[min(problem.segment_no, len(document.segments)) - 1][0]
        by_segment.setdefault((problem.segment_no, name, problem.segment_code), []).append(problem)
    for (segment_no, name, code), found in by_segment.items():
        elements = tuple(
            ElementError(one.position, one.element_code, one.component or None, one.found)
            for one in found
            if one.element_code
        )
        yield SegmentError(name, segment_no, code, elements)
