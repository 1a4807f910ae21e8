"""Interchanges that others left for the exchange to send on: a mailbox for each partner.

The partner understands them as any partner would, from the text alone, and says so with a 997. One that is not what
was agreed on is not sent at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.edi_documents import FUNCTIONAL_IDS, Segments
from fulfillment_pipelines.twin.world.edi_flow import SentDocument, record_sent, was_sent
from fulfillment_pipelines.twin.world.trading_partners import BUYERS, OWN_ID, PARTNERS, TradingPartner
from fulfillment_pipelines.twin.world.truth_tables import true_orders

_ISA_CHARACTERS = 106
_ENVELOPES = ("ISA", "GS", "ST", "SE", "GE", "IEA")
_TAKEN = ("855", "856", "846")
_PURCHASE_ORDER = {"855": ("BAK", 3), "856": ("PRF", 1)}
"""Where a document says which purchase order it is about."""


def make_mailboxes(directory: Path) -> None:
    """Make the folders that partners' interchanges are left in, and those for what was not sent."""
    for partner in BUYERS:
        for folder in ("outbound", "rejected"):
            (directory / folder / partner.partner_id).mkdir(parents=True)


def waiting(directory: Path) -> Iterator[Path]:
    """Yield the interchanges that wait, in the order of their names."""
    yield from sorted((directory / "outbound").glob("*/*.edi"))


def send_on(directory: Path, books: Books, at: int, *, stamp: str) -> None:
    """Send what waits with a run.

    Args:
        directory: The exchange.
        books: The open books.
        at: The run, in epoch seconds.
        stamp: What the names of its files begin with.
    """
    for path in waiting(directory):
        partner = PARTNERS[path.parent.name]
        try:
            sent = _understood(books, partner, path)
        except (RejectedError, ValueError) as error:
            rejected = directory / "rejected" / partner.partner_id
            (rejected / f"{path.stem}.problem.txt").write_text(f"{error}\n", encoding="utf-8")
            path.rename(rejected / path.name)
        else:
            record_sent(books, sent, at)
            path.rename(directory / "out" / f"{stamp}_{partner.partner_id}_{path.name}")


def _understood(books: Books, partner: TradingPartner, path: Path) -> SentDocument:
    segments = _segments(path.read_bytes().decode("ascii"), partner)
    isa, gs, opening, *body, closing, ge, iea = segments
    agreed = tuple(segment[0] for segment in (isa, gs, opening, closing, ge, iea)) == _ENVELOPES
    counted = (closing[1], ge[1], iea[1]) == (str(len(body) + 2), "1", "1")
    numbered = (closing[2], ge[2], iea[2]) == (opening[2], gs[6], isa[13])
    if not agreed or not counted or not numbered:
        raise RejectedError("The envelopes do not agree.", found=str([isa, gs, opening, closing, ge, iea]))
    set_type = opening[1]
    if set_type not in _TAKEN or gs[1] != FUNCTIONAL_IDS[set_type]:
        raise RejectedError("The partner takes no such document.", found=f"{set_type} in {gs[1]}")
    if (isa[6].strip(), gs[2], isa[8].strip(), gs[3]) != (OWN_ID, OWN_ID, partner.partner_id, partner.partner_id):
        raise RejectedError("The interchange is not from us to the partner.", found=str(gs))
    if was_sent(books, partner.partner_id, int(gs[6])):
        raise RejectedError("The partner has had a group of that number.", found=gs[6])
    status = "A" if _is_known(books, partner, set_type, body) else "R"
    return SentDocument(partner.partner_id, set_type, path.stem, int(gs[6]), opening[2], status, body)


def _segments(text: str, partner: TradingPartner) -> Segments:
    separator, terminator = text[3:4], text[_ISA_CHARACTERS - 1 : _ISA_CHARACTERS - 1 + len(partner.terminator)]
    if (separator, terminator) != (partner.separator, partner.terminator):
        raise RejectedError(
            "The interchange is not delimited as agreed.",
            expected=f"{partner.separator!r} and {partner.terminator!r}",
            found=f"{separator!r} and {terminator!r}",
        )
    return [segment.split(separator) for segment in text.split(terminator) if segment]


def _is_known(books: Books, partner: TradingPartner, set_type: str, body: Segments) -> bool:
    """Return whether the partner has given the purchase order; an 846 is about none."""
    if set_type not in _PURCHASE_ORDER:
        return True
    identifier, position = _PURCHASE_ORDER[set_type]
    numbers = [segment[position] for segment in body if segment[0] == identifier]
    given = select(func.count(func.distinct(true_orders.c.customer_po))).where(
        true_orders.c.customer_no.in_(partner.customers), true_orders.c.customer_po.in_(numbers)
    )
    return bool(numbers) and books.truth.execute(given).scalar_one() == len(set(numbers))
