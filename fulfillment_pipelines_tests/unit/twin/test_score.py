from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.score import ObservedCase, combined, score, table_rows, wrongly_green

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


def test_a_child_counts_as_its_parent_and_is_no_false_alarm() -> None:
    child = ObservedCase("FIN-01", "b", "EAST", _NOON, is_child=True)
    result = score([_label("SHP-02", "a")], [_case("SHP-02", "a"), child])
    assert result.perfect
    assert [row.code for row in result.codes] == ["SHP-02"]


def test_a_child_that_has_a_label_of_its_own_is_found() -> None:
    child = ObservedCase("FIN-01", "b", "EAST", _NOON, is_child=True)
    assert score([_label("SHP-02", "a"), _label("FIN-01", "b")], [_case("SHP-02", "a"), child]).perfect


def test_a_secondary_case_about_the_same_object_is_part_of_the_fault() -> None:
    label = replace(_label("SYS-03", "SHP-01/SH-1/SO-1/2"), secondary=("SHP-01",))
    cases = [_case("SYS-03", "SHP-01/SH-1/SO-1/2"), _case("SHP-01", "SH-1/SO-1/2")]
    assert score([label], cases).perfect
    strange = score([label], [*cases, _case("SHP-01", "SH-9/SO-9/2")])
    assert strange.total.false_alarms == (("SHP-01", "SH-9/SO-9/2", "EAST"),)
    assert not score([label], [*cases, _case("FIN-01", "SO-1/2/SH-1")]).perfect


def test_a_secondary_case_alone_does_not_find_the_fault() -> None:
    label = replace(_label("SYS-03", "SHP-01/SH-1/SO-1/2"), secondary=("SHP-01",))
    result = score([label], [_case("SHP-01", "SH-1/SO-1/2")])
    assert result.total.missed == (("SYS-03", "SHP-01/SH-1/SO-1/2", "EAST"),)


def test_a_labelled_line_that_is_called_right_is_false_green_until_its_cure_is_proved() -> None:
    labels = [_label("WHS-02", "SO-1/2"), _label("FIN-01", "SO-3/4/SH-9"), _label("INV-01", "BRG-1001")]
    verdicts = {("SO-1", 2): "AGREE", ("SO-3", 4): "TIMING", ("SO-5", 1): "AGREE"}
    green = wrongly_green(labels, [], verdicts)
    assert green == {("SO-1", 2)}
    result = score(labels, [_case(label.code, label.business_key) for label in labels], green)
    assert (result.labelled_lines, result.false_green_rate, result.perfect) == (2, 0.5, False)
    cured = ObservedCase("WHS-02", "SO-1/2", "EAST", _NOON, is_open=False)
    assert wrongly_green(labels, [cured], verdicts) == set()


def test_a_line_whose_swallowed_correction_was_cured_in_the_end_may_be_green() -> None:
    label = replace(_label("SYS-03", "SHP-01/SH-1/SO-1/2"), secondary=("SHP-01",))
    cured = ObservedCase("SHP-01", "SH-1/SO-1/2", "EAST", _NOON, is_open=False)
    assert wrongly_green([label], [], {("SO-1", 2): "AGREE"}) == {("SO-1", 2)}
    assert wrongly_green([label], [cured], {("SO-1", 2): "AGREE"}) == set()


def test_scores_of_several_worlds_add_up() -> None:
    first = score([_label("SHP-01", "a"), _label("SHP-01", "b")], [_case("SHP-01", "a", after=60)], [("SO-1", 1)])
    second = score([_label("SHP-01", "a")], [_case("SHP-01", "a", after=180), _case("INV-01", "x")])
    both = combined([first, second])
    assert [(row.code, row.injected, row.found, row.observed) for row in both.codes] == [
        ("INV-01", 0, 0, 1),
        ("SHP-01", 3, 2, 2),
    ]
    assert both.codes[1].detect_seconds == 120
    assert both.false_green == (("SO-1", 1),)
