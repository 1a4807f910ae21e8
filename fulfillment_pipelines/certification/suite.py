"""The one list of checks, in the order of a certificate: for a customer's system and for the product's own tests."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.certification.checks import access, content, drift, outages, reading, timing
from fulfillment_pipelines.certification.checks.check import Check, Needs
from fulfillment_pipelines.certification.checks.writing import step_of
from fulfillment_pipelines.certification.examination import Step
from fulfillment_pipelines.certification.verdicts import Area

_ROWS, _EXAMPLE, _NOTHING = Needs.ROWS, Needs.EXAMPLE, Needs.NOTHING

CHECKS: Final[tuple[Check, ...]] = (
    Check(
        "access.answers",
        "It answers and accepts our credentials",
        Area.ACCESS,
        _NOTHING,
        access.answers,
        per_entity=False,
    ),
    Check(
        "access.whole", "A pull is complete, with as many rows as it says", Area.ACCESS, _NOTHING, access.comes_whole
    ),
    Check("content.coverage", "The mapping fills the contract", Area.CONTENT, _ROWS, content.fills_the_contract),
    Check("content.contract", "The rows keep the contract", Area.CONTENT, _ROWS, content.keeps_the_contract),
    Check("content.landing", "Duplicate and late snapshots change nothing", Area.CONTENT, _ROWS, content.lands_once),
    Check("reading.repeatable", "Two pulls are the same rows", Area.READING, _ROWS, reading.repeats_itself),
    Check(
        "reading.paging",
        "Pages neither lose nor repeat a row",
        Area.READING,
        _ROWS,
        reading.pages_neither_lose_nor_repeat,
    ),
    Check("reading.cursor", "A pull goes on from a cursor", Area.READING, _ROWS, reading.goes_on_from_a_cursor),
    Check("drift.gone", "A field that is gone is told by name", Area.DRIFT, _ROWS, drift.tells_a_field_that_is_gone),
    Check("drift.added", "A field more is told by name", Area.DRIFT, _ROWS, drift.tells_a_field_more),
    Check(
        "drift.retyped",
        "A field of another type is told by name",
        Area.DRIFT,
        _ROWS,
        drift.tells_a_field_of_another_type,
    ),
    Check(
        "outage.refused",
        "Down is told as down",
        Area.OUTAGES,
        _NOTHING,
        outages.tells_that_nobody_answers,
        per_entity=False,
    ),
    Check("outage.cut", "Half an answer is never the whole", Area.OUTAGES, _ROWS, outages.never_takes_half_for_whole),
    Check("outage.slow", "The time limit is kept", Area.OUTAGES, _ROWS, outages.keeps_its_time_limit),
    Check("limit.rate", "A rate limit is kept to (429, Retry-After)", Area.OUTAGES, _ROWS, outages.waits_when_asked),
    Check("auth.renewed", "Expired credentials are renewed", Area.OUTAGES, _ROWS, outages.renews_credentials),
    Check("auth.refused", "Refused credentials are told", Area.OUTAGES, _ROWS, outages.tells_refused_credentials),
    Check(
        "write.unsent",
        "What was never sent may be sent again",
        Area.WRITING,
        _EXAMPLE,
        step_of(Step.UNSENT),
        per_entity=False,
    ),
    Check(
        "write.out_of_date",
        "A correction that is out of date is refused",
        Area.WRITING,
        _EXAMPLE,
        step_of(Step.OUT_OF_DATE),
        per_entity=False,
    ),
    Check(
        "write.unknown_outcome",
        "A lost answer is found out by reading back",
        Area.WRITING,
        _EXAMPLE,
        step_of(Step.UNKNOWN_OUTCOME),
        per_entity=False,
    ),
    Check("write.read_back", "The effect is seen", Area.WRITING, _EXAMPLE, step_of(Step.READ_BACK), per_entity=False),
    Check("write.twice", "Sent twice is one effect", Area.WRITING, _EXAMPLE, step_of(Step.TWICE), per_entity=False),
    Check("write.undone", "The example was taken back", Area.WRITING, _EXAMPLE, step_of(Step.UNDONE), per_entity=False),
    Check("timing.pull", "Pulls are fast enough to stay fresh", Area.TIMING, _ROWS, timing.is_fast_enough),
)
"""What every certificate says something about."""
