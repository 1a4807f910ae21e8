"""An inbox in a real ledger, for systems that send by themselves."""

from __future__ import annotations

import pytest

from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.unit_of_work import Ledger


@pytest.fixture
def inbox(sqlite_ledger: Ledger) -> LedgerInbox:
    return LedgerInbox(sqlite_ledger)
