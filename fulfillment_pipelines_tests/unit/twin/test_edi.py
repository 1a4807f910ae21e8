"""Documents between the twin and its trading partners, read as any partner would read them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.demand import Volume

_ISA_CHARACTERS = 106
_RUN = timedelta(minutes=30)
_Segments = list[list[str]]


def _files(twin: Twin, folder: str = "*") -> list[Path]:
    return sorted(path for path in (twin.home / "edi").glob(f"{folder}/*.edi") if path.stat().st_size)


def _interchange(path: Path) -> _Segments:
    text = path.read_bytes().decode("ascii")
    separator, terminator = text[3], text[_ISA_CHARACTERS - 1]
    return [segment.strip().split(separator) for segment in text.split(terminator) if segment.strip()]


def _documents(twin: Twin) -> Iterator[tuple[tuple[str, ...], _Segments]]:
    """Yield each document once, by direction, partner, type and control numbers; what is sent again is the same."""
    for path in _files(twin):
        group: list[str] = []
        begins = 0
        segments = _interchange(path)
        for index, segment in enumerate(segments):
            if segment[0] == "GS":
                group = segment
            elif segment[0] == "ST":
                begins = index
            elif segment[0] == "SE":
                partner = group[3] if path.parent.name == "out" else group[2]
                body = segments[begins : index + 1]
                yield (path.parent.name, partner, body[0][1], group[6], body[0][2], group[4] + group[5]), body


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z")


def _told(twin: Twin) -> dict[tuple[str, ...], _Segments]:
    """Every document by direction, partner, type, group and number."""
    return {key[:5]: body for key, body in _documents(twin)}


def _values(body: _Segments, identifier: str) -> list[list[str]]:
    return [segment for segment in body if segment[0] == identifier]


def _answers(twin: Twin) -> dict[tuple[str, ...], str]:
    """What each 997 says of a document, by the direction and partner of the document."""
    answers = {}
    for (direction, partner, kind, _, _), body in _told(twin).items():
        if kind != "997":
            continue
        (of_group,) = _values(body, "AK1")
        for named, answer in zip(_values(body, "AK2"), _values(body, "AK5"), strict=True):
            answered = "out" if direction == "in" else "in"
            answers[answered, partner, named[1], of_group[2], named[2]] = answer[1]
    return answers


def test_a_parser_of_somebody_else_s_accepts_every_file(faulty_twin: Twin) -> None:
    x12file = pytest.importorskip("pyx12.x12file", reason="pyx12 is not installed")
    kinds: Counter[str] = Counter()
    for path in _files(faulty_twin):
        with path.open(encoding="ascii", newline="") as file:
            reader = x12file.X12Reader(file)
            kinds.update(segment.get_value("ST01") for segment in reader if segment.get_seg_id() == "ST")
            reader.cleanup()
            assert reader.pop_errors() == [], path.name

    assert set(kinds) == {"850", "860", "855", "856", "810", "846", "940", "945", "997"}


def test_partners_write_with_separators_of_their_own(working_twin: Twin) -> None:
    separators = {path.name.split("_")[1]: path.read_text(encoding="ascii")[3] for path in _files(working_twin, "in")}
    assert separators == {"ACME.edi": "*", "BOLTON.edi": "|", "CRANE.edi": "^", "WEST3PL.edi": "*"} | separators
    assert len(set(separators.values())) == 3


def test_an_order_of_a_partner_comes_by_document_and_is_in_the_erp_within_half_an_hour(working: Any) -> None:
    placed = {}
    for key, body in _documents(working.twin):
        if key[2] == "850":
            placed[f"{key[1]}-{_values(body, 'BEG')[0][3]}"] = _moment(key[5])
    orders = {row["channel_order_no"]: row for row in working.erp("sales-orders") if row["channel"] == "EDI"}
    created = _answer_times(working.twin)

    assert len(orders) > 10
    assert orders.keys() <= placed.keys()
    assert placed.keys().isdisjoint(row["id"] for row in working.portal("orders"))
    late = {name for name in orders.keys() & created.keys() if created[name] - placed[name] > _RUN}
    assert late == set()


def _answer_times(twin: Twin) -> dict[str, datetime]:
    """When the 855 of an order went out: with the run after the ERP created it."""
    return {
        f"{key[1]}-{_values(body, 'BAK')[0][3]}": _moment(key[5]) for key, body in _documents(twin) if key[2] == "855"
    }


def test_a_document_says_what_the_erp_has(working: Any) -> None:
    lines = {(row["order_no"], str(row["line_no"])): row for row in working.erp("sales-order-lines")}
    checked = 0
    for (_, _, kind, _, _), body in _told(working.twin).items():
        if kind == "855":
            (head,) = _values(body, "BAK")
            for line in _values(body, "PO1"):
                known = lines[head[8], line[1]]
                assert (known["sku"], known["qty_ordered"]) == (line[7], int(line[2]))
                assert round(float(known["unit_price"]) * 100) == round(float(line[4]) * 100)
                checked += 1
    assert checked > 20


def test_a_partner_with_numbers_of_its_own_orders_by_them(working: Any) -> None:
    references = {(row["party"], row["foreign_no"]): row["own_no"] for row in working.erp("cross-references")}
    orders = {row["customer_po"]: row for row in working.erp("sales-orders")}
    lines = {(row["order_no"], str(row["line_no"])): row for row in working.erp("sales-order-lines")}
    by_own_number = 0
    for (_, _, kind, _, _), body in _told(working.twin).items():
        if kind == "850" and (order := orders.get(_values(body, "BEG")[0][3])):
            for line in _values(body, "PO1"):
                if line[6] == "BP":
                    known = lines[order["order_no"], line[1]]
                    assert references[order["customer_no"], line[7]] == known["sku"]
                    by_own_number += 1
    assert by_own_number > 0


def test_a_ship_notice_announces_what_left_the_site(working: Any) -> None:
    left = {(row["shipment_no"], row["order_no"], str(row["line_no"])): row["qty"] for row in working.site("shipments")}
    notices = 0
    for (_, _, kind, _, _), body in _told(working.twin).items():
        if kind == "856":
            ((*_, order_no),) = [segment for segment in _values(body, "REF") if segment[1] == "VN"]
            (item,), (quantity,) = _values(body, "LIN"), _values(body, "SN1")
            assert int(left[_values(body, "BSN")[0][2], order_no, item[1]]) == int(quantity[2])
            notices += 1
    assert notices > 20


def test_faults_leave_documents_unanswered_or_refused(faulty: Any) -> None:
    answers = _answers(faulty.twin)
    labels = [label for label in faulty.twin.labels() if label.code == "SYS-04"]
    told = _told(faulty.twin)
    said = {}
    for label in labels:
        partner, direction, kind, numbers = label.business_key.split("/")
        key = (direction.lower(), partner, kind, *numbers.split("-"))
        assert key in told
        said[label.business_key] = answers.get(key, "nothing")

    assert len(labels) == 5
    assert Counter(said.values()) == {"nothing": 4, "R": 1}


def test_a_file_that_comes_again_says_the_same(working: Any) -> None:
    again = [path for path in _files(working.twin, "in") if path.stem.endswith("_again")]
    assert again
    for path in again:
        assert path.read_bytes() == path.with_name(path.name.replace("_again", "")).read_bytes()


def _message(twin: Twin, key: str, document_id: str) -> Path:
    content = {"message_type": "edi.resend", "document_id": document_id}
    path = twin.home / "edi" / "inbound" / f"{key}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_document_is_sent_again_when_asked_and_then_accepted(working: Any) -> None:
    twin = working.twin
    (label,) = twin.inject("SYS-04")
    twin.advance(3_600)
    partner, direction, kind, numbers = label.business_key.split("/")
    key = (direction.lower(), partner, kind, *numbers.split("-"))
    assert key in _told(twin)
    assert key not in _answers(twin)

    asked = _message(twin, "again-1", label.business_key)
    twin.advance(1_800)
    assert (asked.parent.parent / "processed" / asked.name).exists()
    assert [found[:5] for found, _ in _documents(twin)].count(key) == 2
    twin.advance(1_800)
    assert _answers(twin)[key] == "A"


def test_a_document_that_was_never_sent_cannot_be_sent_again(working: Any) -> None:
    asked = _message(working.twin, "again-2", "ACME/OUT/856/1-000000")
    working.twin.advance(1_800)

    rejected = asked.parent.parent / "rejected"
    assert (rejected / asked.name).exists()
    assert "no such document" in (rejected / "again-2.problem.txt").read_text(encoding="utf-8")


@pytest.fixture
def young_twin(tmp_path: Path) -> Iterator[Twin]:
    """A twin before its first day, on which nothing goes wrong."""
    with Twin.start(tmp_path, 7, history=False, volume=Volume(orders_a_day=60)) as twin:
        yield twin


def test_every_document_is_acknowledged_within_two_hours(young_twin: Twin) -> None:
    young_twin.advance(36 * 3_600)
    answers = _answers(young_twin)
    asking = [key for key, _ in _documents(young_twin) if key[2] != "997"]
    settled = max(_moment(key[5]) for key in asking) - timedelta(hours=2)
    due = [key for key in asking if _moment(key[5]) < settled]
    assert {key[2] for key in due} >= {"850", "855", "856", "940", "945"}
    assert [key for key in due if answers.get(key[:5]) != "A"] == []


def test_an_outage_delays_documents_and_loses_none(young_twin: Twin) -> None:
    young_twin.advance(3 * 3_600)
    young_twin.outage("edi", on=True)
    young_twin.advance(2 * 3_600)
    before = _told(young_twin)
    young_twin.advance(2 * 3_600)
    assert _told(young_twin) == before
    young_twin.outage("edi", on=False)
    resumed_at = datetime.fromisoformat(young_twin.advance(3_600).now)

    orders = {_values(body, "BEG")[0][3] for (_, _, kind, _, _), body in _told(young_twin).items() if kind == "850"}
    new = [key[5] for key, _ in _documents(young_twin) if key[:5] not in before]
    assert len(orders) > len([1 for key in before if key[2] == "850"])
    assert min(new) >= (resumed_at - timedelta(hours=1)).strftime("%Y%m%d%H%M%S")


def test_files_that_were_cut_off_come_whole_when_the_exchange_works_again(young_twin: Twin) -> None:
    young_twin.switch("edi", corrupt=True)
    young_twin.advance(5 * 3_600)
    cut_off = _files(young_twin)
    assert cut_off
    assert not any(_is_whole(path) for path in cut_off)
    young_twin.switch("edi", corrupt=False)
    young_twin.advance(1_800)

    assert all(_is_whole(path) for path in _files(young_twin))


def _is_whole(path: Path) -> bool:
    return _interchange(path)[-1][0] == "IEA"


@pytest.mark.slow
def test_documents_are_the_same_however_time_is_cut_into_steps(tmp_path: Path) -> None:
    told = []
    for steps in ([108_000], [1_800] * 60):
        with Twin.start(tmp_path / str(len(steps)), 7, history=False, volume=Volume(orders_a_day=40)) as twin:
            for seconds in steps:
                twin.advance(seconds)
            # what can be sold is told as it stands when a step ends
            told.append({key: body for key, body in _told(twin).items() if key[2] != "846" and not _is_of_846(body)})

    assert len(told[0]) > 50
    assert told[0] == told[1]


def _is_of_846(body: _Segments) -> bool:
    return any(segment[1] == "IB" for segment in _values(body, "AK1"))


def test_an_order_is_numbered_by_its_partner_and_purchase_order(working: Any) -> None:
    partners = defaultdict(set)
    for row in working.erp("sales-orders"):
        if row["channel"] == "EDI":
            partner, _, number = row["channel_order_no"].partition("-")
            assert number == row["customer_po"]
            partners[partner].add(row["customer_no"])
    assert set(partners) == {"ACME", "BOLTON", "CRANE"}


def test_an_order_that_was_lost_behind_its_document_is_fetched_once(working: Any) -> None:
    lost = [label for label in working.twin.inject("INT-03", 2) if "EDI" in label.note]
    working.twin.advance(1_800)
    (label,) = lost
    assert label.business_key in {
        f"{partner}-{_values(body, 'BEG')[0][3]}"
        for (_, partner, kind, _, _), body in _told(working.twin).items()
        if kind == "850"
    }
    assert working.erp("sales-orders", channel_order_no=label.business_key) == []

    body = {"channel": "EDI", "channel_order_no": label.business_key}
    assert working.post("sales-orders", body, key="edi-1").status_code == 201
    (order,) = working.erp("sales-orders", channel_order_no=label.business_key)
    assert order["channel"] == "EDI"
    assert working.post("sales-orders", {**body, "channel": "FAX"}, key="edi-2").status_code == 422
