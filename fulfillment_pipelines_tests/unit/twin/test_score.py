from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.score import ObservedCase, score, table_rows

_NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


def _label(code: str, key: str, node: str = "EAST") -> Label:
    return Label(code, key, node, "erp", _NOON, _NOON, "broken")


def _case(code: str, key: str, node: str = "EAST", after: int = 60) -> ObservedCase:
    return ObservedCase(code, key, node, _NOON + timedelta(seconds=after))


def test_finding_everything_and_nothing_else_is_perfect() -> None:
    result = score([_label("SHP-01", "a"), _label("FIN-01", "b")], [_case("SHP-01", "a"), _case("FIN-01", "b")])
    assert result.perfect
    assert (result.total.precision, result.total.recall) == (1.0, 1.0)
    assert [row.code for row in result.codes] == ["FIN-01", "SHP-01"]


def test_a_missed_fault_lowers_recall_and_a_false_alarm_lowers_precision() -> None:
    labels = [_label("SHP-01", "a"), _label("SHP-01", "b")]
    (row,) = score(labels, [_case("SHP-01", "a"), _case("SHP-01", "c"), _case("SHP-01", "d")]).codes
    assert (row.recall, row.precision) == (1 / 2, 1 / 3)
    assert row.missed == (("SHP-01", "b", "EAST"),)
    assert row.false_alarms == (("SHP-01", "c", "EAST"), ("SHP-01", "d", "EAST"))


def test_the_node_belongs_to_the_identity() -> None:
    assert not score([_label("INV-01", "sku", "EAST")], [_case("INV-01", "sku", "WEST")]).perfect


def test_time_to_detect_is_the_median_from_the_moment_the_condition_became_true() -> None:
    labels = [_label("SHP-01", key) for key in "abc"]
    cases = [_case("SHP-01", "a", after=60), _case("SHP-01", "b", after=120), _case("SHP-01", "c", after=900)]
    assert score(labels, cases).codes[0].detect_seconds == 120


def test_a_case_seen_again_counts_once_from_its_first_moment() -> None:
    (row,) = score([_label("SHP-01", "a")], [_case("SHP-01", "a", after=600), _case("SHP-01", "a", after=60)]).codes
    assert (row.observed, row.detect_seconds) == (1, 60)


def test_a_code_that_was_never_injected_has_no_recall() -> None:
    (row,) = score([], [_case("SYS-01", "erp/orders", "")]).codes
    assert (row.precision, row.recall, row.detect_seconds) == (0.0, None, None)


def test_the_table_ends_with_the_total() -> None:
    rows = table_rows(score([_label("SHP-01", "a")], [_case("SHP-01", "a")]))
    assert rows == [
        ("SHP-01", "1", "1", "1", "1.00", "1.00", "60"),
        ("all", "1", "1", "1", "1.00", "1.00", "60"),
    ]
    assert table_rows(score([], []))[-1][4:] == ("-", "-", "-")


def test_a_label_survives_its_way_through_json() -> None:
    label = _label("SHP-01", "a")
    assert Label.from_json(label.as_json()) == label
