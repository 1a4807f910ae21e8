"""What a receiver says of the documents it got: 997."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment_pipelines.domain.x12_codes import GroupAnswer, SetAnswer
from fulfillment_pipelines.errors import BadDataError


@dataclass(frozen=True, slots=True)
class ElementError:
    """One element that is wrong: AK4.

    Attributes:
        position: Of the element in its segment.
        code: Element 723: what is wrong with it.
        component: Of the component in the element; None where the element is meant.
        found: What stands there; empty where nothing does, or what stands there cannot be repeated.
    """

    position: int
    code: str
    component: int | None = None
    found: str = ""


@dataclass(frozen=True, slots=True)
class SegmentError:
    """One segment that is wrong: AK3.

    Attributes:
        segment: Its identifier.
        segment_no: Its position in the document; ST is 1.
        code: Element 720: what is wrong with it; `8` where its elements are.
        elements: What is wrong with them.
    """

    segment: str
    segment_no: int
    code: str = "8"
    elements: tuple[ElementError, ...] = ()


@dataclass(frozen=True, slots=True)
class SetAcknowledgment:
    """What is said of one document: AK2 to AK5.

    Attributes:
        set_type: Its transaction set.
        set_no: Its control number, as it was told.
        answer: What is said.
        errors: Elements 718: what is wrong with its envelope.
        segments: What is wrong with its segments.
    """

    set_type: str
    set_no: str
    answer: SetAnswer
    errors: tuple[str, ...] = ()
    segments: tuple[SegmentError, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionalAcknowledgment:
    """A 997: what is said of one group.

    Attributes:
        functional_id: GS01 of the group, for example `PO`.
        group_no: Its control number, as it was told.
        answer: What is said of all of it.
        declared_sets: How many documents its trailer declares; as many as were received where it has none.
        received_sets: How many were received.
        accepted_sets: How many were accepted.
        sets: What is said of each document; empty where only the group is answered.
        errors: Elements 716: what is wrong with the group's envelope.
    """

    functional_id: str
    group_no: str
    answer: GroupAnswer
    declared_sets: int
    received_sets: int
    accepted_sets: int
    sets: tuple[SetAcknowledgment, ...] = ()
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an answer that contradicts itself.

        Raises:
            BadDataError: More documents are accepted than were received.
        """
        if self.accepted_sets > self.received_sets:
            raise BadDataError(
                f"The acknowledgment of group {self.group_no} contradicts itself.",
                expected=f"at most {self.received_sets} accepted documents",
                found=str(self.accepted_sets),
            )
