"""What reconciliation says of one business key: a finding and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

NO_CURRENCY: Final = "XXX"
"""What ISO 4217 says where no money is meant."""


class Verdict(StrEnum):
    """What can be said of a comparison.

    AGREE: the systems say the same. DIFFER: they do not, and the slowest of them has had its time.
    TIMING: they do not, but a lag that is normal is not over. UNKNOWN: an input is stale, partial or
    broke its contract, so nothing may be said.
    """

    AGREE = "AGREE"
    DIFFER = "DIFFER"
    TIMING = "TIMING"
    UNKNOWN = "UNKNOWN"


class Severity(StrEnum):
    """How soon a case must be acknowledged and solved (domain book §2.6)."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of `rec_findings`: one difference that one rule sees at one business key.

    Attributes:
        code: Exception code, for example FIN-01.
        business_key: What the difference is about, for example an order line `SO-1001/2`.
        node: The site, or an empty string where the difference has none.
        verdict: DIFFER, TIMING or UNKNOWN; what agrees leaves no finding.
        severity: What the rule says of this difference, else what its header declares.
        owner: Team the rule's header declares.
        expected_value: What the authority says.
        actual_value: What the other system says.
        delta_qty: Expected minus actual in base units; None where quantities are not compared.
        value_at_risk_amount: Money exposed, in `currency`.
        currency: ISO 4217 code.
        condition_since: When the difference became true, in UTC.
        breaks_at: When it stops being a matter of timing, in UTC.
        watermark_at: The oldest `as_of` of the feeds that were compared.
        snapshots_seen: In how many successive watermarks the difference stood.
        order_id: ERP order number, where there is one.
        message: The correction the rule proposes, for example `invoice.request`; empty for none.
        target_role: The role of the system that the message goes to; empty for none.
        correction_class: P, G, R or N (domain book §2.5), or J for a judgement.
        payload: JSON text of the correction's content.
        precondition: JSON text of the values that must still stand in the target.
        judgement_reason: Why a person must decide; empty when the rule book allows automation.
        rule_version: Hash of the rule's file.
        evidence: JSON text: which systems, which rows, which snapshots.
        steps_done: Messages of earlier steps whose effect the snapshot shows, separated by commas; empty for none.
        parent_code: Code of the break that causes this one; empty for none.
        parent_business_key: Business key of that break.
        parent_node: Node of that break.
    """

    code: str
    business_key: str
    node: str
    verdict: Verdict
    severity: Severity
    owner: str
    expected_value: str
    actual_value: str
    delta_qty: Decimal | None
    value_at_risk_amount: Decimal
    currency: str
    condition_since: datetime
    breaks_at: datetime
    watermark_at: datetime
    snapshots_seen: int
    order_id: str
    message: str
    target_role: str
    correction_class: str
    payload: str
    precondition: str
    judgement_reason: str
    rule_version: str
    evidence: str
    steps_done: str = ""
    parent_code: str = ""
    parent_business_key: str = ""
    parent_node: str = ""
