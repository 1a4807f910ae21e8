"""What every adapter promises and only a system under our hands can show: one that is filled, broken and looked into.

What can be shown on any system is in the list of checks that `test_certification.py` runs here and
`fulfillment systems certify` runs on a customer's. A new transport passes both and nothing less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)

EVERY = ["memory", "http", "json_rpc", "sqlite", "postgresql", "files", "edi", "x12"]
# Documents neither count themselves as a whole nor name their fields; a spoilt one is no news of the others.
TABULAR = ["memory", "http", "json_rpc", "sqlite", "postgresql", "files"]
PAGED = ["memory", "http", "json_rpc", "sqlite"]
BY_CURSOR = ["memory", "http", "json_rpc", "sqlite", "postgresql"]
COMPARING = ["memory", "http", "json_rpc", "sqlite", "postgresql"]

every = pytest.mark.parametrize("rig", EVERY, indirect=True)
tabular = pytest.mark.parametrize("rig", TABULAR, indirect=True)
paged = pytest.mark.parametrize("rig", PAGED, indirect=True)
by_cursor = pytest.mark.parametrize("rig", BY_CURSOR, indirect=True)
comparing = pytest.mark.parametrize("rig", COMPARING, indirect=True)

MakeCorrection = Callable[..., Correction]


def lines(count: int) -> list[dict[str, str]]:
    return [
        {"line_id": f"L{number}", "sku": f"SKU-{number}", "qty": "5", "changed": f"2026-03-02T0{number}:00:00Z"}
        for number in range(1, count + 1)
    ]


def pull(rig: Any, scope: Scope | None = None) -> Snapshot:
    snapshot: Snapshot = rig.system.source("lines").pull(scope or Scope())
    return snapshot


@tabular
def test_empty_pull_is_a_complete_snapshot_without_rows(rig: Any) -> None:
    rig.hold([])
    snapshot = pull(rig)
    assert (snapshot.complete, snapshot.declared_rows, rig.rows(snapshot.pages)) == (True, 0, [])


@every
@pytest.mark.parametrize("more", [0, 1], ids=["exactly_full_pages", "one_row_more"])
def test_page_boundary_neither_loses_nor_repeats_a_row(rig: Any, more: int) -> None:
    rows = lines(2 * rig.page_size + more)
    rig.hold(rows)
    snapshot = pull(rig)
    assert snapshot.complete, snapshot.problem
    assert rig.rows(snapshot.pages) == rows


@every
def test_duplicate_rows_are_kept_as_received(rig: Any) -> None:
    rows = [lines(1)[0]] * (rig.page_size + 2)
    rig.hold(rows)
    assert rig.rows(pull(rig).pages) == rows


@tabular
def test_snapshot_carries_its_names_its_moment_and_the_declared_total(rig: Any) -> None:
    rig.hold(lines(3))
    snapshot = pull(rig)
    assert (snapshot.system, snapshot.entity) == ("site", "lines")
    assert snapshot.as_of.utcoffset() is not None
    assert snapshot.as_of <= rig.clock.now()
    assert snapshot.declared_rows == 3


@every
def test_two_pulls_of_an_unchanged_system_are_the_same_bytes(rig: Any) -> None:
    rig.hold(lines(6))
    assert [page.content for page in pull(rig).pages] == [page.content for page in pull(rig).pages]


@by_cursor
def test_restart_from_a_cursor_brings_what_changed_since_and_nothing_else(rig: Any) -> None:
    rig.hold(lines(3))
    cursor = pull(rig).cursor
    assert cursor is not None
    late = {"line_id": "L8", "sku": "SKU-8", "qty": "1", "changed": "2026-03-02T08:30:00Z"}
    rig.hold([*lines(2), late])
    snapshot = pull(rig, Scope(since=cursor))
    assert rig.rows(snapshot.pages) == [late]
    assert snapshot.scope == Scope(since=cursor)


@by_cursor
def test_cursor_does_not_move_back_when_nothing_has_changed(rig: Any) -> None:
    rig.hold(lines(2))
    snapshot = pull(rig, Scope(since="2026-03-02T07:00:00Z"))
    assert rig.rows(snapshot.pages) == []
    assert snapshot.cursor is not None
    assert snapshot.cursor >= "2026-03-02T07:00:00Z"


@pytest.mark.parametrize("rig", ["files", "edi"], indirect=True)
def test_scope_that_cannot_be_honoured_is_answered_with_everything_and_says_so(rig: Any) -> None:
    rig.hold(lines(3))
    snapshot = pull(rig, Scope(since="2026-03-02T02:00:00Z"))
    assert snapshot.scope.everything
    assert len(rig.rows(snapshot.pages)) == 3


@paged
def test_failure_after_the_first_page_keeps_what_came_and_says_why(rig: Any) -> None:
    rig.hold(lines(2 * rig.page_size))
    rig.break_second_page()
    snapshot = pull(rig)
    assert not snapshot.complete
    assert "site/lines" in snapshot.problem
    assert rig.rows(snapshot.pages) == lines(rig.page_size)


@pytest.mark.parametrize("rig", ["files"], indirect=True)
def test_half_written_newest_file_gives_the_one_before_and_says_so(rig: Any) -> None:
    rig.hold(lines(2))
    rig.break_second_page()
    snapshot = pull(rig)
    assert (snapshot.complete, rig.rows(snapshot.pages)) == (False, lines(2))
    assert "LIN_20260302T080200Z.csv" in snapshot.problem


@every
def test_system_that_is_down_is_told_as_such(rig: Any) -> None:
    rig.hold(lines(1))
    rig.go_down()
    with pytest.raises(SystemDownError, match="site"):
        pull(rig)
    with pytest.raises(SystemDownError, match="site"):
        rig.system.check()


@tabular
def test_unreadable_first_answer_is_bad_data(rig: Any) -> None:
    rig.hold(lines(1))
    rig.spoil()
    with pytest.raises(BadDataError, match="site/lines"):
        pull(rig)


@tabular
def test_declared_field_that_is_gone_is_reported_by_name(rig: Any) -> None:
    if hasattr(rig, "drop_field"):
        rig.drop_field()
    else:
        rig.hold([{name: value for name, value in row.items() if name != "qty"} for row in lines(2)])
    with pytest.raises(BadDataError, match=r"site/lines: the interface has changed, .* has no field qty\."):
        pull(rig)


@every
def test_entity_that_is_not_declared_is_a_configuration_error(rig: Any) -> None:
    with pytest.raises(ConfigurationError, match="declares no entity 'pallets'"):
        rig.system.source("pallets")


@every
def test_message_that_is_not_declared_is_a_configuration_error(rig: Any, correction: MakeCorrection) -> None:
    unknown = Correction(**{**_fields(correction()), "message": "qty.burn"})
    with pytest.raises(ConfigurationError, match=r"takes no message 'qty\.burn'"):
        rig.system.sink().apply(unknown)


@every
def test_payload_that_lacks_a_field_is_a_configuration_error(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    lacking = Correction(**{**_fields(correction()), "payload": {"line_id": "L1"}})
    with pytest.raises(ConfigurationError, match="'qty' in its payload"):
        rig.system.sink().apply(lacking)
    assert rig.deliveries() == 0


@every
def test_correction_has_its_effect_and_is_seen_when_read_back(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(2))
    sink = rig.system.sink()
    assert sink.read_back(correction()) is Observed.ABSENT
    receipt = sink.apply(correction())
    assert receipt.idempotency_key == "key-1"
    assert receipt.observed in (Observed.APPLIED, Observed.QUEUED)
    assert sink.read_back(correction()) is receipt.observed
    rig.work()
    assert (rig.quantity("L1"), rig.quantity("L2")) == ("7", "5")
    assert sink.read_back(correction()) is Observed.APPLIED


@every
@pytest.mark.parametrize("worked_between", [False, True], ids=["at_once", "after_the_effect"])
def test_apply_twice_is_one_change(rig: Any, correction: MakeCorrection, *, worked_between: bool) -> None:
    rig.hold(lines(1))
    first = rig.system.sink().apply(correction())
    if worked_between:
        rig.work()
    second = rig.system.sink().apply(correction())
    assert second.idempotency_key == first.idempotency_key
    assert second.reference in (first.reference, "")  # a system that takes no key does not tell it a second time
    assert rig.deliveries() == 1


@comparing
def test_correction_of_a_value_that_has_changed_is_refused_and_changes_nothing(
    rig: Any, correction: MakeCorrection
) -> None:
    rig.hold(lines(1))
    with pytest.raises(PreconditionError, match="out of date"):
        rig.system.sink().apply(correction(held="4"))
    rig.work()
    assert rig.quantity("L1") == "5"


@pytest.mark.parametrize("rig", ["memory", "sqlite", "postgresql"], indirect=True)
def test_precondition_compares_numbers_by_worth(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    rig.system.sink().apply(correction(held="5.0000"))
    rig.work()
    assert rig.quantity("L1") == "7"


@every
def test_refused_correction_is_rejected(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    rig.refuse_writes()
    with pytest.raises(RejectedError, match="key-1"):
        rig.system.sink().apply(correction())
    assert rig.quantity("L1") == "5"
    assert rig.system.sink().read_back(correction()) is Observed.ABSENT


@pytest.mark.parametrize("rig", ["memory", "http", "json_rpc"], indirect=True)
def test_unknown_outcome_with_an_effect_is_seen_when_read_back(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    rig.fall_silent(after_effect=True)
    with pytest.raises(UnknownOutcomeError, match="site"):
        rig.system.sink().apply(correction())
    assert rig.system.sink().read_back(correction()) is Observed.APPLIED
    assert rig.deliveries() == 1


@pytest.mark.parametrize("rig", ["memory", "http", "json_rpc", "sqlite", "postgresql"], indirect=True)
def test_unknown_outcome_without_an_effect_is_absent_when_read_back(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    rig.fall_silent(after_effect=False)
    with pytest.raises(UnknownOutcomeError):
        rig.system.sink().apply(correction())
    assert rig.system.sink().read_back(correction()) is Observed.ABSENT
    assert rig.quantity("L1") == "5"


@every
def test_correction_that_never_left_may_be_tried_again(rig: Any, correction: MakeCorrection) -> None:
    rig.hold(lines(1))
    rig.go_down()
    with pytest.raises(RetryableError, match="site"):
        rig.system.sink().apply(correction())


def _fields(correction: Correction) -> dict[str, Any]:
    return {name: getattr(correction, name) for name in Correction.__dataclass_fields__}
