"""Answers to what partners send: a 997 for each interchange, dropped once, as `partners:` declares it.

What an answer says belongs to `x12/acknowledging.py`; the answers of partners to us are read by `answers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.edi_messages import Partner, PartnerAcknowledgment, TradingPartner
from fulfillment_pipelines.systems.transports.edi.interchange import Fault, Interchange, element
from fulfillment_pipelines.systems.transports.edi.outgoing import interchange_number, x12_profile
from fulfillment_pipelines.systems.transports.edi.x12.acknowledging import acknowledge
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import ControlNumbers
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges
from fulfillment_pipelines.systems.transports.edi.x12.writer import write_interchange
from fulfillment_pipelines.systems.transports.files.folder import Folder

_SENDER: Final = 6
_CONTROL: Final = 13
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_HALF_WRITTEN_SUFFIX: Final = ".part"


class Acknowledger:
    """Answers the partners of one exchange.

    Args:
        system: Name of the exchange, for messages.
        partners: Its partners, by name.
        folder: Its folder.
        control_numbers: Counts our interchanges; None where nobody does.
    """

    def __init__(
        self,
        system: str,
        partners: Mapping[str, TradingPartner],
        folder: Folder,
        control_numbers: ControlNumbers | None,
    ) -> None:
        self._system = system
        self._partners = partners
        self._folder = folder
        self._numbers = control_numbers

    def answer(self) -> tuple[str, ...]:
        """Drop an answer to each interchange that has none yet, and return where they lie.

        An interchange without its trailer may be half-written and is not answered before it is whole. The answer to
        an interchange is always the same, however often it is asked for.

        Raises:
            SystemDownError: The folder cannot be read.
            RetryableError: A file could not be written, or the count of interchanges is out of reach.
            ConfigurationError: A partner is to be answered and nobody counts our interchanges.
        """
        return tuple(
            path
            for partner in self._partners.values()
            if isinstance(partner, Partner) and partner.acknowledges
            for path in self._answer_partner(partner, partner.acknowledges)
        )

    def _answer_partner(self, partner: Partner, how: PartnerAcknowledgment) -> Iterator[str]:
        for interchange in self._received(partner, how):
            number = element(interchange.header, _CONTROL)
            if not _NUMBER.fullmatch(number):  # it becomes part of a path
                continue
            drop, sent = (path.format(interchange_no=number) for path in (how.drop, how.sent))
            if self._folder.exists(drop) or self._folder.glob(sent):
                continue
            answers = list(acknowledge(interchange, how.reads))
            if answers:
                control = self._count().number_for(partner.sender.id, partner.receiver.id, f"997/{number}")
                ours = interchange_number(partner, control)
                text = write_interchange(x12_profile(partner), answers, ours, control.allocated_at)
                self._folder.drop(drop, text.encode("ascii"))
                yield drop

    def _received(self, partner: Partner, how: PartnerAcknowledgment) -> Iterator[Interchange]:
        for path in sorted(self._folder.glob(how.received)):
            content = None if path.endswith(_HALF_WRITTEN_SUFFIX) else self._folder.read(path)
            for found in read_interchanges((content or b"").decode("utf-8", errors="replace")):
                if not isinstance(found, Interchange) or not _is_whole(found):
                    continue
                if element(found.header, _SENDER) == partner.receiver.id:
                    yield found

    def _count(self) -> ControlNumbers:
        if self._numbers is None:
            raise ConfigurationError(
                f"{self._system}: nobody counts its interchanges.",
                expected="a count that outlives the process",
                found="none",
                remedy="hand `control_numbers` over where the system is connected",
            )
        return self._numbers


def _is_whole(interchange: Interchange) -> bool:
    return not any(
        problem.fault is Fault.TRAILER_MISSING and problem.about is interchange.header
        for problem in interchange.problems
    )
