"""The 997, both ways: AK1, then AK2 to AK5 for each document with AK3 and AK4 for what is wrong in it, AK9."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fulfillment_pipelines.domain.x12_acknowledgment import ElementError, SegmentError, SetAcknowledgment
from fulfillment_pipelines.domain.x12_codes import GroupAnswer, SetAnswer
from fulfillment_pipelines.domain.x12_documents import FunctionalAcknowledgment
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.systems.transports.edi.guide.documents import GuideProblem, Reading
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Code, UnfitError
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Segment, component_of, element

_ERRORS_OF_A_SET: Final = range(2, 7)
_ERRORS_OF_A_GROUP: Final = range(5, 10)
_MOST_ERRORS: Final = 5
_LONGEST_COPY: Final = 99
_GROUP_ANSWER: Final = Code(GroupAnswer)
_SET_ANSWER: Final = Code(SetAnswer)


class AcknowledgmentGuide:
    """The 997."""

    set_type: Final = "997"
    name: Final = "functional acknowledgment"
    model: Final = FunctionalAcknowledgment

    def written(self, document: FunctionalAcknowledgment, elements: Elements) -> Iterator[Segment]:
        """Yield the segments between ST and SE.

        Raises:
            BadDataError: A field cannot be written; the message names it.
        """
        group_no = elements.text("group_no", document.group_no, 9)
        yield ("AK1", elements.text("functional_id", document.functional_id, 2), group_no)
        for one in document.sets:
            yield ("AK2", elements.text("set_type", one.set_type, 3), elements.text("set_no", one.set_no, 9))
            for wrong in one.segments:
                yield from _segment_error(wrong, elements)
            yield ("AK5", one.answer, *one.errors[:_MOST_ERRORS])
        counts = (document.declared_sets, document.received_sets, document.accepted_sets)
        yield ("AK9", document.answer, *(str(count) for count in counts), *document.errors[:_MOST_ERRORS])

    def read(self, document: Document) -> Reading:
        """Return what a 997 says; one without AK1 and AK9 says nothing."""
        opening = next((segment for segment in document.segments if segment[0] == "AK1"), None)
        closing = next((segment for segment in document.segments if segment[0] == "AK9"), None)
        if opening is None or closing is None:
            missing = "AK1" if opening is None else "AK9"
            return Reading(None, (GuideProblem(f"no segment {missing}", missing, 1, "3"),))
        try:
            answer = FunctionalAcknowledgment(
                functional_id=element(opening, 1),
                group_no=element(opening, 2),
                answer=_GROUP_ANSWER.read((element(closing, 1),)),
                declared_sets=int(element(closing, 2)),
                received_sets=int(element(closing, 3)),
                accepted_sets=int(element(closing, 4)),
                sets=tuple(_sets(document)),
                errors=_codes(closing, _ERRORS_OF_A_GROUP),
            )
        except (ValueError, UnfitError, BadDataError) as error:
            return Reading(None, (GuideProblem(f"a code or count cannot be read: {error}", "AK9"),))
        return Reading(answer, ())


def _segment_error(wrong: SegmentError, elements: Elements) -> Iterator[Segment]:
    yield ("AK3", elements.text("segment", wrong.segment, 3), str(wrong.segment_no), "", wrong.code)
    for one in wrong.elements:
        place = str(one.position) + (f"{elements.component}{one.component}" if one.component else "")
        yield ("AK4", place, "", one.code, _copy(one.found, elements))


def _copy(found: str, elements: Elements) -> str:
    """Return a bad element as it may be repeated: nothing where repeating it would be an error in itself."""
    try:
        return elements.text("found", found[:_LONGEST_COPY].strip(), _LONGEST_COPY) if found else ""
    except BadDataError:
        return ""


def _sets(document: Document) -> Iterator[SetAcknowledgment]:
    about: Segment = ()
    wrong: list[dict[str, Any]] = []
    for segment in document.segments:
        match segment[0]:
            case "AK2":
                about, wrong = segment, []
            case "AK3":
                wrong.append(
                    {
                        "segment": element(segment, 1),
                        "segment_no": int(element(segment, 2) or 0),
                        "code": element(segment, 4),
                        "elements": [],
                    }
                )
            case "AK4" if wrong:
                wrong[-1]["elements"].append(_element_error(segment, document.component))
            case "AK5":
                segments = tuple(SegmentError(**{**one, "elements": tuple(one["elements"])}) for one in wrong)
                answer, errors = _SET_ANSWER.read((element(segment, 1),)), _codes(segment, _ERRORS_OF_A_SET)
                yield SetAcknowledgment(element(about, 1), element(about, 2), answer, errors, segments)


def _element_error(segment: Segment, mark: str) -> ElementError:
    place = element(segment, 1)
    component = component_of(place, 2, mark) if mark else ""
    return ElementError(
        position=int(component_of(place, 1, mark) or 0),
        code=element(segment, 3),
        component=int(component) if component else None,
        found=element(segment, 4),
    )


def _codes(segment: Segment, positions: Sequence[int]) -> tuple[str, ...]:
    return tuple(code for position in positions if (code := element(segment, position)))
