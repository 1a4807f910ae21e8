from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration import HttpEntity
from fulfillment_pipelines.systems.transports.http.filling import filled
from fulfillment_pipelines.systems.transports.http.paging import (
    PageAnswer,
    PageRequest,
    field_at,
    first_request,
    next_request,
)
from fulfillment_pipelines.systems.transports.http.requests import json_text


def entity(**declared: Any) -> HttpEntity:
    return HttpEntity.model_validate({"contract": "c", "path": "/x", "fields": ["a"], "key": ["a"], **declared})


def answer(rows: int, so_far: int, *, total: int | None = None, body: Any = None) -> PageAnswer:
    return PageAnswer(body=body, rows=rows, rows_so_far=so_far, total=total, next_link=None)


def test_first_request_carries_size_start_own_parameters_and_cursor() -> None:
    asked = first_request(
        entity(
            parameters={"site": "N"},
            paging={"kind": "page_number", "parameter": "page", "first": 0, "size_parameter": "per", "size": 9},
            since={"parameter": "changed"},
        ),
        Scope(since="2026"),
    )
    assert asked == PageRequest("/x", (("site", "N"), ("changed", "2026"), ("per", "9"), ("page", "0")))


def test_cursor_is_not_sent_to_a_system_that_declares_none() -> None:
    assert first_request(entity(), Scope(since="2026")) == PageRequest("/x")


@pytest.mark.parametrize("cursor", [None, "", False])
def test_cursor_that_is_empty_is_the_end(cursor: object) -> None:
    declared = entity(paging={"kind": "cursor", "parameter": "c", "next_field": "next"})
    assert next_request(declared, PageRequest("/x"), answer(1, 1, body={"next": cursor})) is None


def test_cursor_of_zero_is_a_cursor() -> None:
    declared = entity(paging={"kind": "cursor", "parameter": "c", "next_field": "next"})
    assert next_request(declared, PageRequest("/x"), answer(1, 1, body={"next": 0})) == PageRequest("/x", (("c", "0"),))


def test_empty_page_ends_offset_paging_even_before_the_declared_total() -> None:
    declared = entity(paging={"kind": "offset", "parameter": "o", "size_parameter": "s", "size": 2})
    assert next_request(declared, first_request(declared, Scope()), answer(0, 4, total=9)) is None


def test_numbered_pages_without_a_count_end_with_a_short_page() -> None:
    declared = entity(paging={"kind": "page_number", "parameter": "p", "size": 2})
    first = first_request(declared, Scope())
    assert next_request(declared, first, answer(2, 2)) == PageRequest("/x", (("p", "2"),))
    assert next_request(declared, first, answer(1, 1)) is None


@pytest.mark.parametrize(
    ("path", "value"), [("", {"a": {"b": 1}}), ("a.b", 1), ("a.c", None), ("a.b.c", None), ("z", None)]
)
def test_field_is_found_by_its_dotted_path(path: str, value: object) -> None:
    assert field_at({"a": {"b": 1}}, path) == value


@pytest.mark.parametrize(
    ("path", "value"), [("rows.1.id", 2), ("rows.2.id", None), ("rows.id", None), ("party.", 3), ("0", None)]
)
def test_digits_index_lists_and_a_name_with_a_dot_is_found_whole(path: str, value: object) -> None:
    assert field_at({"rows": [{"id": 1}, {"id": 2}], "party.": 3}, path) == value


def test_placeholders_stand_for_where_the_reading_is() -> None:
    declared = entity(
        path="/erp",
        call="search",
        params=["{offset}", "{size}", "rows from {offset}", "{since.year}", "{other text}"],
        parameters={"after": "{since}"},
        paging={"kind": "offset", "size": 2},
        since={"initial": "2020-05-01T00:00:00Z", "overlap_seconds": 60},
    )
    first = first_request(declared, Scope())
    following = next_request(declared, first, answer(2, 2))
    assert following is not None
    assert following.method == "POST"
    assert following.parameters == (("after", "2020-05-01T00:00:00Z"),)
    assert json.loads(following.content)["params"] == [2, 2, "rows from 2", 2020, "{other text}"]
    assert first != following
    later = first_request(declared, Scope(since="2026-01-01T00:00:30Z"))
    assert later.parameters == (("after", "2025-12-31T23:59:30Z"),)


def test_numbers_that_add_up_are_exact() -> None:
    values = {"held": "0.1", "moved": "0.2", "lost": -3}
    assert filled(["{held+moved-lost:number}", "is {held+moved:number}", "{held+moved}"], values.__getitem__) == [
        Decimal("3.3"),
        "is 0.3",
        "{held+moved}",
    ]
    assert json_text([Decimal("3.30"), Decimal("7.00"), None]) == "[3.3,7,null]"
