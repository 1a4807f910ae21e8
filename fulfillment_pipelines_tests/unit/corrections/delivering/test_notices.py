from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.notices import NoticeEffect, take_notice
from fulfillment_pipelines.domain.correction import CorrectionClass, Observed
from fulfillment_pipelines.errors import RejectedError, UnknownOutcomeError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.ledger.readings import receipts_of

Tell = Callable[..., NoticeEffect]


@pytest.fixture
def tell(both_box: Any) -> Tell:
    """Take in a notice of the ERP about the message `one`."""

    def take(
        observed: Observed = Observed.APPLIED, *, notice_id: str = "N-1", key: str = "one", target: str = "erp"
    ) -> NoticeEffect:
        notice = Notice(target, notice_id, key, observed, "E-7", both_box.desk.clock.now())
        with both_box.desk.ledger.unit_of_work() as work:
            effect = take_notice(work, notice, both_box.desk.policies.delivery)
            work.commit()
        return effect

    return take


def _sent(box: Any, answer: Observed | Exception) -> None:
    box.add("one")
    box.target("erp").answers = [answer]
    box.dispatcher().run()


def _reference(box: Any) -> str:
    (record,) = [one for one in box.desk.corrections() if one.idempotency_key == "one"]
    return str(record.reference)


@pytest.mark.parametrize("answer", [Observed.QUEUED, UnknownOutcomeError("timed out")])
def test_a_notice_acknowledges_what_was_under_way(both_box: Any, tell: Tell, answer: Observed | Exception) -> None:
    _sent(both_box, answer)
    assert tell() is NoticeEffect.MOVED
    assert (both_box.states()["one"], _reference(both_box)) == ("ACKED", "E-7")
    both_box.desk.wait(3600)
    assert both_box.dispatcher().run().total == 0


def test_a_repeated_notice_has_no_second_effect_and_leaves_no_second_row(both_box: Any, tell: Tell) -> None:
    _sent(both_box, Observed.QUEUED)
    tell()
    with both_box.desk.ledger.reading() as work:
        before = audit.verify(work).rows, receipts_of(work, "COR-one")
    assert tell() is NoticeEffect.REPEATED
    assert tell(Observed.ABSENT) is NoticeEffect.REPEATED
    with both_box.desk.ledger.reading() as work:
        assert (audit.verify(work).rows, receipts_of(work, "COR-one")) == before


def test_notices_that_come_in_the_wrong_order_end_where_they_would_have(both_box: Any, tell: Tell) -> None:
    _sent(both_box, UnknownOutcomeError("timed out"))
    assert tell(notice_id="N-2") is NoticeEffect.MOVED
    assert tell(Observed.QUEUED, notice_id="N-1") is NoticeEffect.KEPT
    assert both_box.states()["one"] == "ACKED"


def test_the_same_notice_at_the_same_moment_moves_once(both_box: Any, tell: Tell) -> None:
    _sent(both_box, Observed.QUEUED)
    with ThreadPoolExecutor(4) as pool:
        effects = sorted(pool.map(lambda _: tell(), range(4)))
    assert effects == [NoticeEffect.MOVED, *[NoticeEffect.REPEATED] * 3]


def test_a_notice_of_an_unknown_message_is_kept_and_told(both_box: Any, tell: Tell) -> None:
    assert tell(key="of nobody") is NoticeEffect.UNMATCHED
    assert tell(key="of nobody") is NoticeEffect.REPEATED
    with both_box.desk.ledger.reading() as work:
        assert audit.verify(work).intact


def test_a_notice_of_a_system_that_never_got_the_message_says_nothing_of_it(both_box: Any, tell: Tell) -> None:
    _sent(both_box, Observed.QUEUED)
    assert tell(target="wms") is NoticeEffect.UNMATCHED
    assert both_box.states()["one"] == "SENT"


def test_a_notice_that_nothing_is_there_lets_the_target_be_looked_at_at_once(both_box: Any, tell: Tell) -> None:
    _sent(both_box, Observed.QUEUED)
    assert tell(Observed.ABSENT) is NoticeEffect.LOOK
    both_box.dispatcher().run()
    assert both_box.target("erp").calls == ["apply", "read_back"]


def test_a_notice_of_what_was_never_sent_does_not_stand_for_it(both_box: Any, tell: Tell) -> None:
    both_box.add("one", correction_class=CorrectionClass.RETRY)
    assert tell() is NoticeEffect.LOOK
    assert both_box.dispatcher().run().acked == 1
    assert both_box.target("erp").calls == ["read_back", "apply"]


def test_a_notice_that_comes_while_a_worker_sends_is_heard_when_it_looks(both_box: Any, tell: Tell) -> None:
    both_box.add("one")
    effects = []

    def told_meanwhile() -> Exception:
        effects.append(tell())
        return UnknownOutcomeError("timed out")

    both_box.target("erp").answers = [told_meanwhile]
    both_box.target("erp").sights = [Observed.UNKNOWN] * 9
    both_box.dispatcher().run()
    both_box.desk.wait(60)
    assert both_box.dispatcher().run().acked == 1
    assert (effects, both_box.target("erp").calls) == ([NoticeEffect.KEPT], ["apply"])


def test_a_notice_of_a_dead_letter_is_kept_for_the_person_who_looks(both_box: Any, tell: Tell) -> None:
    _sent(both_box, RejectedError("no"))
    assert tell() is NoticeEffect.KEPT
    assert both_box.states()["one"] == "DEAD_LETTER"
