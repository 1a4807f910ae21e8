"""What rules propose in their test cases fits the messages they propose."""

from __future__ import annotations

import json
from typing import Any

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.messages.catalogue import message_type, read_message
from fulfillment_pipelines.reconcile.rule_tests import RuleTester


def _is_refused(row: dict[str, Any]) -> bool:
    try:
        read_message(message_type(row["message"]), json.loads(row["payload"]), json.loads(row["precondition"]))
    except BadDataError:
        return True
    return False


def test_every_message_of_every_rule_case_fits(rule_tester: RuleTester) -> None:
    proposing = [
        (result.code, result.case, dict(row)) for result in rule_tester.run() for row in result.found if row["message"]
    ]
    assert len(proposing) > 200
    assert {(code, case) for code, case, row in proposing if _is_refused(row)} == set()
