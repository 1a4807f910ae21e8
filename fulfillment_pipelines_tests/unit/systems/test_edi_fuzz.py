"""Whatever stands in a file, reading it ends, and nothing that was closed is lost.

Random bytes, documents that were spoilt, deep hierarchies, and very many repetitions. `EDI_FUZZ_EXAMPLES` asks for more
examples than a default run takes time for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.edi import orders_text
from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress, Limits
from fulfillment_pipelines.domain.x12_documents import NoticedLine, OrderedLine, PurchaseOrder, ShipNotice
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.systems.transports.edi.edifact import guides as edifact_guides
from fulfillment_pipelines.systems.transports.edi.edifact import writer as edifact
from fulfillment_pipelines.systems.transports.edi.interchange import BrokenInterchange, Document, Interchange
from fulfillment_pipelines.systems.transports.edi.syntaxes import read_any
from fulfillment_pipelines.systems.transports.edi.x12 import guides as x12_guides
from fulfillment_pipelines.systems.transports.edi.x12 import writer as x12
from fulfillment_pipelines.systems.transports.edi.x12.acknowledging import acknowledge
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters

EXAMPLES = int(os.environ.get("EDI_FUZZ_EXAMPLES", "150"))
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ORDER = PurchaseOrder("PO-1", date(2026, 3, 2), (OrderedLine(Decimal(12), "EA", 1, sku="A"),), buyer_id="B-1")
NOTICE = ShipNotice("SH-1", AT, AT, "EAST", (NoticedLine("SO-1", "PO-1", 1, "A", Decimal(4), "EA"),))
X12 = x12.PartnerProfile(x12.Party("ZZ", "US"), x12.Party("ZZ", "THEM"), Delimiters(line_break="\n"))
SEEDS = [
    x12.write_interchange(X12, ORDER, 7, AT),
    x12.write_interchange(X12, [NOTICE, NOTICE], 7, AT).replace("\n", ""),
    x12.write_interchange(X12, ORDER, 7, AT).replace("*U*00401*", "*^*00501*").replace("~\n", "\n"),
    edifact.write_interchange(edifact.EdifactProfile("US", "THEM"), [ORDER, NOTICE], 7, AT),
]
LAYOUT = DocumentLayout(
    (DocumentRows(segment="PO1"), DocumentRows(level="I"), DocumentRows(segment="LIN")),
    {
        "item": (ElementAddress("PO1", label="VP"), ElementAddress("LIN", position=3, component=2)),
        "order": (ElementAddress("PRF", position=1), ElementAddress("REF", qualifier="VN", position=2)),
    },
)
PIECES = [
    "~",
    "*",
    ">",
    "'",
    "+",
    ":",
    "?",
    "\n",
    "\r",
    "^",
    "HL*1*1*I~",
    "ST*850~",
    "SE~",
    "GE~",
    "IEA~",
    "GS*",
    "ISA*00*",
]
PIECES += ["UNA", "UNB+", "UNH+", "UNT'", "UNZ'", "STX=", "\ufeff", "\x1f", "\x00", "\ue000", "9" * 50, "é"]


def understood(text: str, limits: Limits = Limits()) -> Iterator[Document]:  # noqa: B008 - it is frozen
    """Yield the documents of a text after everything was made of them that can be."""
    for found in read_any(text, limits):
        if isinstance(found, BrokenInterchange):
            assert found.problem
            continue
        assert all(str(problem) for problem in found.problems)
        list(acknowledge(found))
        for document in found.documents:
            list(records_of(document, LAYOUT))
            x12_guides.read_document(document)
            edifact_guides.read_document(document)
            yield document


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A sound interchange in which a few things were cut out, put in, doubled or moved."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        text = draw(
            st.sampled_from(
                [
                    text[:first] + text[last:],
                    text[:first] + text[first : first + 40] * 3 + text[first + 40 :],
                    text[:first] + draw(st.sampled_from(PIECES)) + text[first:],
                    text[first:] + text[:first],
                    text[:first] + draw(st.characters()) + text[first + 1 :],
                ]
            )
        )
    return text


@thorough
@given(content=st.binary(max_size=400) | st.lists(st.sampled_from(PIECES), max_size=80).map("".join).map(str.encode))
def test_noise_is_read_or_broken_and_ends(content: bytes) -> None:
    for encoding in ("utf-8", "iso-8859-1"):
        list(understood(content.decode(encoding, errors="replace")))


@thorough
@given(text=spoilt())
def test_a_spoilt_interchange_is_read_as_far_as_it_goes(text: str) -> None:
    list(understood(text))
    list(understood(text, Limits(document_segments=4, segment_elements=4, segment_characters=30, hierarchy_levels=2)))


@thorough
@given(at=st.integers(106, len(orders_text(5))))
def test_what_was_closed_before_a_file_breaks_off_is_taken(at: int) -> None:
    text = orders_text(5)
    (found,) = read_any(text[:at])
    assert isinstance(found, Interchange)
    closed = text[:at].count("~SE*") - (0 if text[:at].endswith("~") or "~" in text[:at].rsplit("SE*", 1)[-1] else 1)
    assert len(found.documents) - closed in (0, 1)  # an SE that lost only its terminator closes its document as well
    assert [document.segments[1][3] for document in found.documents] == [
        f"PO-{number}" for number in range(1, len(found.documents) + 1)
    ]


def in_envelopes(body: str) -> str:
    """Return an interchange of one 856 with such a body."""
    text = SEEDS[0].replace("\n", "")
    return text[: text.index("ST*")] + f"ST*856*0001~{body}SE*1*0001~GE*1*7~IEA*1*000000007~"


@pytest.mark.parametrize(
    "text",
    [
        in_envelopes("".join(f"HL*{level}*{level - 1}*I~LIN*1*VP*A~" for level in range(1, 5_000))),
        in_envelopes("".join(f"HL*{level}*{level + 1}*I~LIN*1*VP*A~" for level in range(1, 5_000))),
        in_envelopes("HL*1*1*I~" * 5_000),
        in_envelopes("REF*" + "A^" * 200_000 + "~"),
        in_envelopes("REF" + "*A" * 200_000 + "~"),
        in_envelopes("ST*850*1~" * 20_000),
        SEEDS[0] * 500,
        "ISA*00*" * 50_000,
        "UNA:+.? '" * 50_000,
        "UNB+UNOC:3'" * 20_000,
        SEEDS[3].replace("PO-1", "?" * 200_001),
        "UNB+UNOC:3'" + "\n" * 500_000 + "UNZ",
    ],
    ids=[
        *("deep", "deep_forward", "circle", "repetitions", "elements", "openings", "interchanges", "headers"),
        *("advice", "unb", "releases", "lines"),
    ],
)
def test_what_was_made_to_stop_a_reader_does_not(text: str) -> None:
    began = time.process_time()
    list(understood(text))
    assert time.process_time() - began < 10


def test_a_thousand_orders_are_read_in_a_fraction_of_a_second() -> None:
    """Ten thousand take about 0.3 CPU seconds, and 1.5 as typed values: see bench/results/edi.md."""
    text = orders_text(1_000)
    assert text.count("~") == 17_004

    began = time.process_time()
    (found,) = read_any(text)
    read_seconds = time.process_time() - began
    assert isinstance(found, Interchange)
    readings = [x12_guides.read_document(document) for document in found.documents]
    typed_seconds = time.process_time() - began

    assert found.problems == ()
    assert sum(reading is not None and reading.document is not None for reading in readings) == 1_000
    assert read_seconds < 0.5
    assert typed_seconds < 2
