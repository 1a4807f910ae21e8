"""Which orders a number stands for: the ERP's own, a channel's, a shipment leg or a document, with a line or not."""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz, process

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.explanation.questions import Questions

_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked about.

    Attributes:
        asked: The number as it was typed.
        id: The number without the line.
        kind: What it numbers, for example `channel order`; several are joined by `, `.
        order_ids: Orders it stands for, as ledger and findings know them; none for a document that matches nothing.
        line_no: Only this line; None for all.
    """

    asked: str
    id: str
    kind: str
    order_ids: tuple[str, ...]
    line_no: int | None


def find_subject(questions: Questions, asked: str) -> Subject:
    """Find what a number stands for; `NUMBER/LINE` asks for one line.

    Raises:
        BadDataError: Nothing has that number; the error names the nearest ones.
    """
    head, slash, tail = asked.rpartition("/")
    spellings: list[tuple[str, int | None]] = [(asked, None)]
    if slash and tail.isdecimal():
        spellings.append((head, int(tail)))
    for number, line_no in spellings:
        rows = questions.ask("explain_subjects", {"id": number})
        if rows:
            return Subject(
                asked=asked,
                id=number,
                kind=", ".join(sorted({row["kind"] for row in rows})),
                order_ids=tuple(sorted({row["order_id"] for row in rows} - {""})),
                line_no=line_no,
            )
    raise _unknown(questions, asked, spellings[-1][0])


def _unknown(questions: Questions, asked: str, number: str) -> BadDataError:
    known = sorted(row["id"] for row in questions.ask("explain_ids"))
    nearest = process.extract(number, known, scorer=fuzz.ratio, limit=_NEAREST)
    return BadDataError(
        f"Nothing is known of '{asked}'.",
        expected="the number of an order (ERP or channel), a shipment leg or an invoice; /LINE asks for one line",
        found=f"nearest: {', '.join(name for name, _, _ in nearest)}" if nearest else "no order in the lake",
        remedy="correct the number" if nearest else "`fulfillment run` pulls the systems first",
    )
