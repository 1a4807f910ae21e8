"""Faults of a whole feed: its answers break off although the system says that they are whole.

Rows that break their contract belong to `faults_state`; systems that are down belong to the switches.
"""

from __future__ import annotations

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.targets import FaultContext
from fulfillment_pipelines.twin.labels import Label

_FEEDS = (("erp", "inbound_supply", "inbound-supply"), ("erp", "contract_prices", "contract-prices"))
_REPAIRED_AFTER_SECONDS = 70 * 60


def feed_cut_short(context: FaultContext) -> Label:
    """SYS-01: the pages of a feed lack their last record for seventy minutes, so that only a part of it can be read."""
    for system, entity, sent_as in _FEEDS:
        if not context.defects.is_cut_short(system, sent_as):
            context.defects.cut_short(system, sent_as, context.at + _REPAIRED_AFTER_SECONDS)
            return context.label(
                "SYS-01",
                f"{system}/{entity}",
                node="",
                system=system,
                since=context.at,
                note="the pages of the feed lack their last record",
            )
    raise RejectedError("No feed is left that answers in full.", remedy="let seventy minutes pass")
