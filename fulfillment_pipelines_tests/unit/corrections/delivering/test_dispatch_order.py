"""In which order messages reach their targets, and what waits for what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fulfillment_pipelines.domain.correction import CorrectionClass, Observed
from fulfillment_pipelines.errors import RejectedError, RetryableError

GUARD, NOTIFY = CorrectionClass.GUARD, CorrectionClass.NOTIFY


def test_what_protects_goes_first_whenever_it_was_approved(both_box: Any) -> None:
    both_box.add("notice", correction_class=NOTIFY)
    both_box.add("fact")
    both_box.desk.wait(1)
    both_box.add("stop", correction_class=GUARD)
    both_box.dispatcher().run()
    assert both_box.target("erp").effects == ["stop", "fact", "notice"]


def test_messages_of_one_urgency_go_in_the_order_they_fall_due(both_box: Any) -> None:
    for name in ("first", "second", "third"):
        both_box.add(name)
        both_box.desk.wait(1)
    both_box.dispatcher().run()
    assert both_box.target("erp").effects == ["first", "second", "third"]


def test_a_message_waits_for_the_earlier_one_about_the_same_order(both_box: Any) -> None:
    both_box.add("hold", order="SO-1")
    both_box.add("resolve", order="SO-1")
    both_box.add("other", order="SO-2")
    both_box.target("erp").answers = [RetryableError("busy")]
    both_box.dispatcher().run()
    assert both_box.target("erp").effects == ["other"]
    both_box.desk.wait(5)
    both_box.dispatcher().run()
    assert both_box.target("erp").effects == ["other", "hold", "resolve"]


def test_what_a_target_has_only_taken_in_holds_back_what_follows_it(box: Any) -> None:
    box.add("first", order="SO-1")
    box.add("second", order="SO-1")
    box.target("erp").answers = [Observed.QUEUED]
    box.dispatcher().run()
    assert box.target("erp").calls == ["apply"]
    box.desk.wait(60)
    box.dispatcher().run()
    assert box.target("erp").calls == ["apply", "read_back", "apply"]


def test_a_protective_stop_never_waits_behind_a_lesser_message(both_box: Any) -> None:
    both_box.add("status", order="SO-1", correction_class=NOTIFY)
    both_box.target("erp").answers = [RetryableError("busy")]
    both_box.dispatcher().run()
    both_box.add("stop", order="SO-1", correction_class=GUARD)
    both_box.dispatcher().run()
    assert both_box.target("erp").effects == ["stop"]


def test_a_lesser_message_waits_behind_a_protective_stop(box: Any) -> None:
    box.add("stop", order="SO-1", correction_class=GUARD)
    box.add("status", order="SO-1", correction_class=NOTIFY)
    box.target("erp").answers = [RetryableError("busy")]
    box.dispatcher().run()
    assert box.target("erp").effects == []


def test_the_same_order_in_another_system_does_not_wait(box: Any) -> None:
    box.add("in the ERP", order="SO-1")
    box.add("in the WMS", order="SO-1", target="wms")
    box.target("erp").answers = [RetryableError("busy")]
    box.dispatcher().run()
    assert box.target("wms").effects == ["in the WMS"]


def test_a_dead_letter_does_not_hold_back_what_follows_it(box: Any) -> None:
    box.add("refused", order="SO-1")
    box.add("next", order="SO-1")
    box.target("erp").answers = [RejectedError("unknown line")]
    box.dispatcher().run()
    assert box.target("erp").effects == ["next"]


def test_four_dispatchers_at_once_keep_the_order_of_each_key(both_box: Any) -> None:
    for number in range(40):
        both_box.add(f"{number:02}", order=f"SO-{number % 4}")
    target = both_box.target("erp")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda name: both_box.dispatcher(name).run(), "abcd"))
    # One that found every order in the hands of others has ended early.
    results.append(both_box.dispatcher("last").run())
    assert sum(result.acked for result in results) == 40
    for key in range(4):
        of_key = [name for name in target.effects if int(name) % 4 == key]
        assert of_key == sorted(of_key)
    assert len(set(target.effects)) == 40
