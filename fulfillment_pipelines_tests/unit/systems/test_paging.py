from __future__ import annotations

from typing import Any

import pytest

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration import HttpEntity
from fulfillment_pipelines.systems.transports.http.paging import (
    PageAnswer,
    PageRequest,
    field_at,
    first_request,
    next_request,
)


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
