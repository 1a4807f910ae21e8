"""Documents to trading partners, over the exchange as it runs: every half hour, each with delimiters of its own."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyx12.x12file import X12Reader

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.transports.edi.x12.reader import Interchange, read_interchanges
from fulfillment_pipelines.twin.twin import Twin

CONFIG = Path(__file__).parents[1] / "small_distributor" / "edi_gateway.yaml"
RUN_SECONDS = 1_800
DOCUMENT = """
    select document_type, direction, order_id, shipment_id, ack_status
    from canon_edi_documents
    where document_id = $document_id
"""
ANNOUNCED = """
    select order_id, line_no, sku, shipped_qty
    from canon_shipment_lines
    where shipment_id = $shipment_id
"""


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin.start(tmp_path_factory.mktemp("twin"), seed=62, faults=False) as started:
        yield started


@pytest.fixture(scope="module")
def build(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Platform]:
    """Build the platform as a process would that starts now."""
    runtime = tmp_path_factory.mktemp("runtime")
    shutil.copy(twin.home / "twin.env", runtime / "systems.env")
    return lambda: build_platform(Settings(runtime_dir=runtime, duckdb_threads=1), config=CONFIG)


@pytest.fixture(scope="module")
def platform(build: Callable[[], Platform]) -> Iterator[Platform]:
    with build() as built:
        built.prepare()
        run_pass(built, full=True)
        yield built


@pytest.fixture(scope="module")
def answered(twin: Twin) -> Mapping[str, Mapping[str, Any]]:
    """By partner: an order it has given and what our first answer, an 855, said of it."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted((twin.home / "edi" / "out").glob("*.edi")):
        for interchange in read_interchanges(path.read_text(encoding="ascii")):
            assert isinstance(interchange, Interchange)
            for document in interchange.documents:
                if document.type == "855":
                    head, line = document.segments[1], document.segments[2]
                    said = {"customer_po": head[3], "order_id": head[8], "line_no": int(line[1]), "sku": line[7]}
                    found[document.envelope[0][3]] = {**said, "ordered_qty": line[2]}
    return found


def order_acknowledge(partner: str, order: Mapping[str, Any], key: str, **changes: Any) -> Correction:
    payload = {
        "partner_id": partner,
        **order,
        "ordered_at": "2026-03-02T08:00:00Z",
        "uom": "EA",
        "ack_code": "IQ",
        "acknowledged_qty": "1",
        "acknowledged_at": "2026-03-02T10:00:00Z",
    }
    return Correction(f"COR-{key}", "edi", "order.acknowledge", {**payload, **changes}, {}, key)


def ship_notice(partner: str, order: Mapping[str, Any], key: str) -> Correction:
    payload = {
        "partner_id": partner,
        "purpose": "ORIGINAL",
        "shipment_id": f"SHP-{key}",
        **{name: order[name] for name in ("order_id", "customer_po", "line_no", "sku")},
        "node": "EAST",
        "uom": "EA",
        "shipped_qty": "3.0000",
        "shipped_at": "2026-03-02T10:00:00Z",
        "tracking_no": "1Z999",
    }
    return Correction(f"COR-{key}", "edi", "ship.notice", payload, {}, key)


def inventory_advise(partner: str, order: Mapping[str, Any], key: str) -> Correction:
    of_item = {"partner_id": partner, "node": "EAST", "sku": order["sku"], "uom": "EA"}
    payload = {**of_item, "available_qty": "17", "as_of_at": "2026-03-02T10:00:00Z"}
    return Correction(f"COR-{key}", "edi", "inventory.advise", payload, {}, key)


def test_every_partner_takes_every_document_and_the_platform_sees_it_accepted(
    twin: Twin, platform: Platform, answered: Mapping[str, Mapping[str, Any]]
) -> None:
    assert answered.keys() == {"ACME", "BOLTON", "CRANE"}
    sink = platform.registry.sink("edi")
    asked = [
        make(partner, order, f"{make.__name__.replace('_', '-')}-{partner}")
        for partner, order in answered.items()
        for make in (order_acknowledge, ship_notice, inventory_advise)
    ]
    receipts = {correction.idempotency_key: sink.apply(correction) for correction in asked}
    for path in (twin.home / "edi" / "outbound").glob("*/*.edi"):
        reader = X12Reader(io.StringIO(path.read_bytes().decode("ascii")))
        assert [segment.get_seg_id() for segment in reader][-1] == "IEA"
        assert reader.pop_errors() == []

    assert {sink.read_back(correction) for correction in asked} == {Observed.QUEUED}
    twin.advance(RUN_SECONDS)
    assert list((twin.home / "edi" / "outbound").glob("*/*.edi")) == []
    assert {sink.read_back(correction) for correction in asked} == {Observed.QUEUED}
    twin.advance(RUN_SECONDS)
    assert {sink.read_back(correction) for correction in asked} == {Observed.APPLIED}

    run_pass(platform, full=True)
    for correction in asked:
        reference = receipts[correction.idempotency_key].reference
        (row,) = platform.warehouse.query(DOCUMENT, {"document_id": reference}).to_pylist()
        assert (row["direction"], row["ack_status"]) == ("OUT", "A")
        assert (row["document_type"], row["order_id"]) == (
            {"order.acknowledge": "855", "ship.notice": "856", "inventory.advise": "846"}[correction.message],
            correction.payload.get("order_id"),
        )
    (line,) = platform.warehouse.query(ANNOUNCED, {"shipment_id": "SHP-ship-notice-ACME"}).to_pylist()
    order = answered["ACME"]
    assert (line["order_id"], line["line_no"], line["sku"]) == (order["order_id"], order["line_no"], order["sku"])
    assert line["shipped_qty"] == 3


def test_a_document_about_an_order_that_the_partner_never_gave_is_refused_by_it(
    twin: Twin, platform: Platform, answered: Mapping[str, Mapping[str, Any]]
) -> None:
    sink = platform.registry.sink("edi")
    unknown = order_acknowledge("ACME", answered["ACME"], "unknown-po", customer_po="PO-NOBODY-GAVE")
    reference = sink.apply(unknown).reference
    twin.advance(2 * RUN_SECONDS)

    assert sink.read_back(unknown) is Observed.ABSENT
    with pytest.raises(RejectedError, match="997 says R"):
        sink.apply(unknown)
    run_pass(platform, full=True)
    (row,) = platform.warehouse.query(DOCUMENT, {"document_id": reference}).to_pylist()
    assert row["ack_status"] == "R"


def test_another_process_goes_on_with_the_count_and_repeats_nothing(
    twin: Twin,
    platform: Platform,
    build: Callable[[], Platform],
    answered: Mapping[str, Mapping[str, Any]],
) -> None:
    first = inventory_advise("BOLTON", answered["BOLTON"], "before")
    second = inventory_advise("BOLTON", answered["BOLTON"], "after")
    given = platform.registry.sink("edi").apply(first).reference
    with build() as restarted:
        sink = restarted.registry.sink("edi")
        assert sink.apply(first).reference == given
        following = sink.apply(second).reference
    number, after = (int(name.rpartition("/")[2].partition("-")[0]) for name in (given, following))
    assert after == number + 1
    waiting = {path.stem for path in (twin.home / "edi" / "outbound" / "BOLTON").iterdir()}
    assert waiting == {"before", "after"}


def test_a_document_of_ours_that_is_sent_again_keeps_its_numbers(
    twin: Twin, platform: Platform, answered: Mapping[str, Mapping[str, Any]]
) -> None:
    sink = platform.registry.sink("edi")
    advised = inventory_advise("CRANE", answered["CRANE"], "once-more")
    reference = sink.apply(advised).reference
    twin.advance(RUN_SECONDS)
    resend = Correction("COR-resend", "edi", "edi.resend", {"document_id": reference}, {}, "resend-1")
    sink.apply(resend)
    twin.advance(RUN_SECONDS)

    assert sink.read_back(resend) is Observed.APPLIED
    sent = [
        (document.envelope[0][6], document.segments)
        for path in (twin.home / "edi" / "out").glob("*_CRANE_*.edi")
        for interchange in read_interchanges(path.read_text(encoding="ascii"))
        if isinstance(interchange, Interchange)
        for document in interchange.documents
        if reference.endswith(f"/{document.envelope[0][6]}-{document.segments[0][2]}")
    ]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_what_is_not_as_agreed_is_not_sent_on(twin: Twin, platform: Platform) -> None:
    folder = twin.home / "edi"
    (folder / "outbound" / "ACME" / "scribble.edi").write_text("ISA|not ours at all", encoding="ascii")
    twin.advance(RUN_SECONDS)

    assert (folder / "rejected" / "ACME" / "scribble.edi").exists()
    assert not list((folder / "out").glob("*scribble*"))
    assert platform.registry.sink("edi").system == "edi"
