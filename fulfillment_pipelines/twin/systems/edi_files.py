"""The exchange with trading partners from outside: X12 files, one for each run, partner and direction.

Envelopes and the form of the files belong here; what is exchanged belongs to `world/edi_flow`. Every run also leaves
an empty file, whose name says that it took place.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from fulfillment_pipelines.errors import FulfillmentError, RejectedError
from fulfillment_pipelines.twin.systems.edi_mailboxes import make_mailboxes, send_on, waiting
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.edi_documents import FUNCTIONAL_IDS
from fulfillment_pipelines.twin.world.edi_due import OUTBOUND
from fulfillment_pipelines.twin.world.edi_flow import exchange, send_again
from fulfillment_pipelines.twin.world.timing import instant
from fulfillment_pipelines.twin.world.trading_partners import OWN_ID, PARTNERS, RUN_SECONDS, TradingPartner

_VERSION = "00401"
_GROUP_VERSION = "004010"
_COMPONENT_SEPARATOR = ">"
_KEPT_RUN_MARKS = 4
_SENT_TWICE_EVERY = 9  # one inbound file in so many comes again under another name


class EdiFiles:
    """The directory documents are exchanged through.

    Args:
        directory: Where documents lie (`in`, `out`), messages (`inbound`, `processed`, `rejected`) and interchanges
            to be sent on (`outbound`, a folder for each partner); what lies there is removed.
        start_at: When the world begins, in epoch seconds: runs before it never took place.
    """

    def __init__(self, directory: Path, start_at: int) -> None:
        self._directory = directory
        self._last_run = start_at // RUN_SECONDS * RUN_SECONDS
        self._cut_off: dict[Path, str] = {}
        shutil.rmtree(directory, ignore_errors=True)
        for folder in ("in", "out", "inbound", "processed", "rejected"):
            (directory / folder).mkdir(parents=True)
        make_mailboxes(directory)

    def has_messages(self) -> bool:
        """Return whether a message file or an interchange waits."""
        return any((self._directory / "inbound").glob("*.json")) or any(waiting(self._directory))

    def run(self, books: Books, at: int, *, down: bool, corrupt: bool, offset_seconds: int) -> None:
        """Let the runs since the last call take place.

        Args:
            books: The open books.
            at: Now, in epoch seconds; runs take place every half hour.
            down: Whether no run takes place: what they should have carried goes with a later one.
            corrupt: Write the first half of every file only; they are written whole when that is over.
            offset_seconds: How much later the exchange believes it is.
        """
        last_run = at // RUN_SECONDS * RUN_SECONDS
        if last_run <= self._last_run:
            return
        since, self._last_run = self._last_run, last_run
        if down:
            return
        if not corrupt:
            self._write_whole()
        again = self._pick_up(books, last_run)
        send_on(self._directory, books, last_run, stamp=_stamp(last_run + offset_seconds))
        carried: dict[tuple[int, str, str], list[Row[Any]]] = defaultdict(list)
        for document in exchange(books, since, last_run):
            carried[document.sent_at, document.partner_id, document.direction].append(document)
        for (run_at, partner_id, direction), documents in carried.items():
            text = interchange(PARTNERS[partner_id], direction, documents, run_at + offset_seconds)
            name = f"{_stamp(run_at + offset_seconds)}_{partner_id}"
            self._write(direction.lower(), name, text, cut_off=corrupt)
            if direction != OUTBOUND and run_at // RUN_SECONDS % _SENT_TWICE_EVERY == 0:
                self._write(direction.lower(), name + "_again", text, cut_off=corrupt)
        for document in again:
            text = interchange(PARTNERS[document.partner_id], OUTBOUND, [document], last_run + offset_seconds)
            name = f"{_stamp(last_run + offset_seconds)}_{document.partner_id}_{document.set_type}_{document.set_no}"
            self._write("out", name, text, cut_off=corrupt)
        self._mark_run(last_run + offset_seconds)

    def _pick_up(self, books: Books, at: int) -> list[Row[Any]]:
        """Take in the message files that wait and return the documents they ask to be sent again."""
        documents = []
        for path in sorted((self._directory / "inbound").glob("*.json")):
            try:
                documents.append(_asked_again(books, json.loads(path.read_text(encoding="utf-8")), at))
            except (FulfillmentError, ValueError, AttributeError) as error:
                (self._directory / "rejected" / f"{path.stem}.problem.txt").write_text(f"{error}\n", encoding="utf-8")
                path.rename(self._directory / "rejected" / path.name)
            else:
                path.rename(self._directory / "processed" / path.name)
        return documents

    def _write(self, folder: str, name: str, text: str, *, cut_off: bool) -> None:
        target = self._directory / folder / f"{name}.edi"
        half_written = target.with_name(target.name + ".part")
        half_written.write_text(text[: len(text) // 2] if cut_off else text, encoding="utf-8", newline="")
        half_written.rename(target)
        if cut_off:
            self._cut_off[target] = text

    def _write_whole(self) -> None:
        for target, text in self._cut_off.items():
            target.write_text(text, encoding="utf-8", newline="")
        self._cut_off.clear()

    def _mark_run(self, at: int) -> None:
        for folder in ("in", "out"):
            (self._directory / folder / f"{_stamp(at)}_run.edi").touch()
            for old in sorted((self._directory / folder).glob("*_run.edi"))[:-_KEPT_RUN_MARKS]:
                old.unlink()


def interchange(partner: TradingPartner, direction: str, documents: Sequence[Row[Any]], at: int) -> str:
    """Return documents of one partner and direction as one interchange, a group for each functional identifier."""
    sender, receiver = (OWN_ID, partner.partner_id) if direction == OUTBOUND else (partner.partner_id, OWN_ID)
    moment = instant(at)
    control_no = f"{at // RUN_SECONDS % 1_000_000 * 10:09d}"
    groups: dict[tuple[str, int], list[Row[Any]]] = defaultdict(list)
    for document in documents:
        groups[FUNCTIONAL_IDS[document.set_type], document.group_no].append(document)
    between = ["ZZ", f"{sender:<15}", "ZZ", f"{receiver:<15}", moment.strftime("%y%m%d"), moment.strftime("%H%M")]
    agreed = ["U", _VERSION, control_no, "0", "P", _COMPONENT_SEPARATOR]
    said = [["ISA", *["00", " " * 10] * 2, *between, *agreed]]
    for (functional_id, group_no), of_group in groups.items():
        stamp = [moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")]
        said.append(["GS", functional_id, sender, receiver, *stamp, str(group_no), "X", _GROUP_VERSION])
        for document in of_group:
            said += _enveloped(document)
        said.append(["GE", str(len(of_group)), str(group_no)])
    said.append(["IEA", str(len(groups)), control_no])
    return "".join(partner.separator.join(segment) + partner.terminator for segment in said)


def _enveloped(document: Row[Any]) -> Iterable[list[str]]:
    return [
        ["ST", document.set_type, document.set_no],
        *document.segments,
        ["SE", str(len(document.segments) + 2), document.set_no],
    ]


def _asked_again(books: Books, message: dict[str, Any], at: int) -> Row[Any]:
    if message.get("message_type") != "edi.resend":
        raise RejectedError("The exchange knows no such message.", expected="edi.resend", found=str(message))
    document = send_again(books, str(message.get("document_id")), at)
    if document is None or document.direction != OUTBOUND:
        raise RejectedError("There is no such document of ours.", found=str(message.get("document_id")))
    return document


def _stamp(at: int) -> str:
    return instant(at).strftime("%Y%m%dT%H%M%SZ")
