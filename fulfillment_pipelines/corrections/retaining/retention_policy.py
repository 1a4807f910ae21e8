"""How long what is kept: what was decided, what a legal hold keeps longer, and what the platform leaves behind.

Numbers are in `retention.yaml`. Applying them belongs in `retention` for decisions, in `upkeep` for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Self

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints, model_validator

from fulfillment_pipelines.exceptions.seeds import Seed

RETENTION_FILE: Final = "retention.yaml"
"""The file of a seeds folder that holds it."""

LEAST_DAYS: Final = 90
"""Nothing is let go of earlier, since a case that is forgotten is taken for a new one when it comes back."""

LEAST_LANDED_DAYS: Final = 7
"""No landed file goes earlier: a lake that is rebuilt dates older rows by the oldest whole snapshot that is left, and
that must be longer ago than any difference may count as timing."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class KeptCase:
    """What a hold must know of a case.

    Attributes:
        case_id: Its identity.
        code: Its exception code.
        order_id: ERP order number; empty for none.
        customer_ids: Customers that its corrections touch.
        detected_on: The day on which it was first seen, in UTC.
    """

    case_id: str
    code: str
    order_id: str
    customer_ids: frozenset[str]
    detected_on: date


class Covers(Seed):
    """What a hold is about: a case must fulfil every condition that is given."""

    order_ids: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    case_ids: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    detected_from: date | None = None
    detected_before: date | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a hold says what it covers: order_ids, customers, case_ids, codes or days of detection")
        return self

    def includes(self, case: KeptCase) -> bool:
        """Whether a case fulfils all conditions."""
        return (
            (not self.order_ids or case.order_id in self.order_ids)
            and (not self.customers or not self.customers.isdisjoint(case.customer_ids))
            and (not self.case_ids or case.case_id in self.case_ids)
            and (not self.codes or case.code in self.codes)
            and (self.detected_from is None or case.detected_on >= self.detected_from)
            and (self.detected_before is None or case.detected_on < self.detected_before)
        )


class LegalHold(Seed):
    """A duty to keep what would else be let go of."""

    hold_id: Text
    reason: Text
    by: Text
    since: date
    covers: Covers


class PlatformPeriods(Seed):
    """How many days the platform keeps what it leaves behind: files, records of its own work, runs."""

    landed_days: int = Field(ge=LEAST_LANDED_DAYS)
    lake_history_days: PositiveFloat
    operations_days: PositiveInt
    inbox_days: int = Field(ge=LEAST_DAYS)
    dagster_days: PositiveInt

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.landed_days > self.operations_days:
            raise ValueError("landed_days is at most operations_days, since what was landed is known by its record")
        return self


class RetentionPolicy(Seed):
    """The content of `retention.yaml`."""

    version: PositiveInt
    audit_log_days: int = Field(ge=LEAST_DAYS)
    receipt_days: int = Field(ge=LEAST_DAYS)
    ended_case_days: int = Field(ge=LEAST_DAYS)
    platform: PlatformPeriods
    legal_holds: Sequence[LegalHold]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.receipt_days > self.ended_case_days:
            raise ValueError("receipt_days is at most ended_case_days, since a receipt goes with its case")
        names = [hold.hold_id for hold in self.legal_holds]
        if len(set(names)) < len(names):
            raise ValueError("each hold_id stands once")
        return self

    def holds_on(self, case: KeptCase) -> tuple[LegalHold, ...]:
        """Return the holds that keep a case."""
        return tuple(hold for hold in self.legal_holds if hold.covers.includes(case))
