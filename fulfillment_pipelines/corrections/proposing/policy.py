"""The policy on automatic correction (domain book §2.5): the shape of `data/seeds/corrections.yaml`.

What is decided by it belongs in `gate`; how often within an hour, in `caps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.corrections.rights.authority import ClauseId
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.exceptions.seeds import Seed

DEFAULT_CLAUSE_ID = "AUTO-DEFAULT"
"""The clause of the codes that have none of their own."""

Share = Annotated[Decimal, Field(ge=0, le=1)]
"""A part of a whole, 0 to 1."""


class Clause(Seed):
    """What holds for one exception code in place of the defaults."""

    clause_id: ClauseId
    code: str
    minimum_snapshots: PositiveInt
    because: str = Field(min_length=1)


class Automatic(Seed):
    """What must hold for a correction to be made without a person.

    Attributes:
        classes: Classes that may be automatic; never J.
        minimum_snapshots: Snapshots in a row that must show the difference, where no clause says otherwise.
        value_limits: Value at risk up to which no person is asked, by currency.
        clauses: What holds for single codes.
    """

    classes: frozenset[CorrectionClass]
    minimum_snapshots: PositiveInt
    value_limits: Mapping[str, Decimal]
    clauses: Sequence[Clause]

    @model_validator(mode="after")
    def _leaves_judgements_to_people(self) -> Self:
        if CorrectionClass.JUDGEMENT in self.classes:
            raise PydanticCustomError("judgement", "no J among `classes`: a judgement is never automatic")
        return self


class Demotion(Seed):
    """Somebody took a code's certificate away."""

    demoted_on: date
    demoted_by: str = Field(min_length=1)
    because: str = Field(min_length=1)


class Certificate(Seed):
    """What showed that the corrections of one code are right, and who was satisfied with it.

    Attributes:
        code: Exception code.
        certified_on: Day of the decision.
        certified_by: Who decided.
        rule_cases: Cases of the rule's own test that passed.
        twin_seed: World of `fulfillment twin score` in which it was measured.
        precision: Share of what it found in that world that was true.
        recall: Share of what was true that it found.
        demoted: Why it does not count any more; None while it does.
    """

    code: str
    certified_on: date
    certified_by: str = Field(min_length=1)
    rule_cases: PositiveInt
    twin_seed: NonNegativeInt
    precision: Share
    recall: Share
    demoted: Demotion | None = None

    @property
    def evidence(self) -> str:
        """What it rests on, in words."""
        return (
            f"{self.rule_cases} rule cases; twin score of world {self.twin_seed}: "
            f"precision {self.precision}, recall {self.recall}"
        )


class Certification(Seed):
    """Which codes may be corrected without a person.

    Attributes:
        minimum_precision: What a certificate must show.
        certificates: At most one for each code.
    """

    minimum_precision: Share
    certificates: Sequence[Certificate]

    @model_validator(mode="after")
    def _names_each_code_once(self) -> Self:
        codes = [certificate.code for certificate in self.certificates]
        repeated = sorted({code for code in codes if codes.count(code) > 1})
        if repeated:
            raise PydanticCustomError(
                "certificates", "one certificate for each code, but not so: {codes}", {"codes": ", ".join(repeated)}
            )
        return self

    def shortcoming(self, code: str) -> str:
        """Return why a code may not be corrected without a person; empty where it may."""
        certificate = next((one for one in self.certificates if one.code == code), None)
        if certificate is None:
            return f"{code} is not certified for automatic correction"
        if certificate.demoted is not None:
            demoted = certificate.demoted
            return f"{code} was demoted on {demoted.demoted_on} by {demoted.demoted_by}: {demoted.because}"
        if certificate.precision < self.minimum_precision:
            return f"{code} is certified at a precision of {certificate.precision}, below {self.minimum_precision}"
        return ""


class HourlyCap(Seed):
    """How much automation may do within an hour.

    Attributes:
        corrections: How many.
        amounts: Sum of their values at risk, by currency; one that is not listed has none.
    """

    corrections: NonNegativeInt
    amounts: Mapping[str, Decimal]


class Limits(Seed):
    """How far automation may go before a person must look.

    Attributes:
        platform: All corrections of an hour together.
        each_target: Those of one target.
        each_rule: Those of one exception code.
        targets: Targets with a cap of their own, by declared name.
        loop_corrections: Automatic corrections of one case after which a person must look.
        loop_hours: Within which they are counted.
    """

    platform: HourlyCap
    each_target: HourlyCap
    each_rule: HourlyCap
    targets: Mapping[str, HourlyCap] = Field(default_factory=dict)
    loop_corrections: PositiveInt
    loop_hours: PositiveInt

    def cap_of_target(self, target: str) -> HourlyCap:
        """Return the cap that holds for a target."""
        return self.targets.get(target, self.each_target)


class CorrectionPolicy(Seed):
    """The content of `corrections.yaml`."""

    version: PositiveInt
    automatic: Automatic
    certification: Certification
    limits: Limits

    @model_validator(mode="after")
    def _caps_admit_one_correction(self) -> Self:
        limits = self.limits
        for cap in (limits.platform, limits.each_target, limits.each_rule, *limits.targets.values()):
            for currency, limit in self.automatic.value_limits.items():
                if cap.amounts.get(currency, Decimal(0)) < limit:
                    raise PydanticCustomError(
                        "caps",
                        "every hourly amount at least the value limit of one correction, {limit} {currency}; "
                        "below it such a correction would wait for ever",
                        {"limit": str(limit), "currency": currency},
                    )
        return self

    def clause_for(self, code: str) -> Clause:
        """Return what holds for a code."""
        own = next((clause for clause in self.automatic.clauses if clause.code == code), None)
        return own or Clause(
            clause_id=DEFAULT_CLAUSE_ID,
            code=code,
            minimum_snapshots=self.automatic.minimum_snapshots,
            because="successive snapshots confirm each other",
        )
