"""What a trading partner answers to a document of ours: the 997 or CONTRL, by its control numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fulfillment_pipelines.systems.transports.edi.edifact.control import (
    CONTROL,
    actions,
    interchange_answered,
    prepared,
)
from fulfillment_pipelines.systems.transports.edi.envelopes import control_number
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Interchange, Segment, element
from fulfillment_pipelines.systems.transports.edi.syntaxes import read_any
from fulfillment_pipelines.systems.transports.edi.x12.envelope import GROUP
from fulfillment_pipelines.systems.transports.files.folder import Folder

ACKNOWLEDGMENT: Final = "997"
_ANSWERS: Final = (ACKNOWLEDGMENT, CONTROL)

_Group: TypeAlias = tuple[str, str, str]
"""Who answers whom about which group."""

_ACCEPTED: Final = frozenset(("A", "E", "P"))
"""AK5 and AK9: accepted, accepted with errors noted, a group of which a part was accepted."""


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A document of ours, as a 997 refers to it.

    Attributes:
        sender: Our identifier in the group (GS02).
        receiver: The partner's (GS03).
        set_type: Transaction set.
        number: Control number of the group and of the document.
    """

    sender: str
    receiver: str
    set_type: str
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the partner said.

    Attributes:
        code: AK5 of the document, or AK9 of its group where the 997 names no documents.
        answered: Date and time of the answer, as its group says them.
    """

    code: str
    answered: str

    @property
    def is_acceptance(self) -> bool:
        """Whether the partner has the document."""
        return self.code in _ACCEPTED


class AnswerBook:
    """The 997s and CONTRLs of a folder. A file is read when it is new or has changed, and not again.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._read: dict[str, tuple[str, list[Document]]] = {}
        self._by_group: dict[_Group, list[Document]] = {}
        self._lock = threading.Lock()

    def newest_answer(self, pattern: str, sent: SentDocument) -> Answer | None:
        """Return the last that a partner said of a document, None where it has said nothing.

        Args:
            pattern: Glob of the files among which answers are.
            sent: The document.

        Raises:
            SystemDownError: The folder cannot be read.
        """
        with self._lock:
            self._look(pattern)
            about = self._by_group.get((sent.receiver, sent.sender, str(sent.number)), ())
            answers = [answer for document in about for answer in _answers(document, sent)]
        return max(answers, key=lambda answer: answer.answered, default=None)

    def _look(self, pattern: str) -> None:
        states = self._folder.states(pattern)
        known = {path: read for path, read in self._read.items() if states.get(path) == read[0]}
        new = {
            path: (state, list(_acknowledgments(self._folder.read(path))))
            for path, state in states.items()
            if path not in known
        }
        if new or len(known) < len(self._read):
            self._read = known | new
            self._by_group = _indexed(document for _, documents in self._read.values() for document in documents)


def _acknowledgments(content: bytes | None) -> Iterator[Document]:
    if content is None or not any(kind.encode() in content for kind in _ANSWERS):
        return
    for found in read_any(content.decode("utf-8", errors="replace")):
        if isinstance(found, Interchange):
            yield from (document for document in found.documents if document.type in _ANSWERS)


def _indexed(documents: Iterable[Document]) -> dict[_Group, list[Document]]:
    by_group: dict[_Group, list[Document]] = {}
    for document in documents:
        if document.type == CONTROL:
            if about := interchange_answered(document):
                by_group.setdefault(about, []).append(document)
            continue
        group = document.envelope[0]
        numbers = {control_number(segment, 2) for segment in document.segments if segment[0] == "AK1"}
        for number in numbers:
            by_group.setdefault((element(group, 2), element(group, 3), number), []).append(document)
    return by_group


def _answers(document: Document, sent: SentDocument) -> Iterator[Answer]:
    """Yield what an answer says of the document; a 997 that names no documents answers all of its group."""
    if document.type == CONTROL:
        codes = actions(document, str(sent.number), sent.set_type)
        yield from (Answer(code, prepared(document)) for code in codes)
        return
    said_at = _said_at(document.envelope[0])
    number, in_group, named, this_one = str(sent.number), False, False, False
    for segment in document.segments:
        match segment[0]:
            case "AK1":
                in_group, named = control_number(segment, 2) == number, False
            case "AK2":
                named = True
                this_one = in_group and element(segment, 1) == sent.set_type and control_number(segment, 2) == number
            case "AK5" if this_one:
                yield Answer(element(segment, 1), said_at)
            case "AK9" if in_group and not named:
                yield Answer(element(segment, 1), said_at)


def document_id(sent: SentDocument) -> str:
    """Return the name of a document as its canonical row has it: partner, direction, type, group and number."""
    return f"{sent.receiver}/OUT/{sent.set_type}/{sent.number}-{sent.number:04d}"


def _said_at(group: Segment) -> str:
    return element(group, GROUP.control - 2) + element(group, GROUP.control - 1)
