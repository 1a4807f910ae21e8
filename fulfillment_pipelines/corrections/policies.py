"""All policy files that decide on corrections, read together, and the version that says which they were.

What each file means belongs beside its shape: `authority`, `policy` (the automatic gate), `delivery_policy`,
`approval_policy`, `people`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from fulfillment_pipelines.corrections.approving.approval_policy import ApprovalPolicy, ApprovalSeed
from fulfillment_pipelines.corrections.approving.people import People, PeopleSeed
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.proposing.policy import CorrectionPolicy
from fulfillment_pipelines.corrections.retaining.retention_policy import RETENTION_FILE, RetentionPolicy
from fulfillment_pipelines.corrections.rights.access import AccessMatrix, AccessSeed
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.systems.yaml_file import read_yaml, text_of

POLICY_FILES: Final = (
    "corrections.yaml",
    "delivery.yaml",
    "approvals.yaml",
    "people.yaml",
    "access.yaml",
    "calendars.yaml",
    "authority.yaml",
    "sla.yaml",
    "routing.yaml",
    "tolerances.yaml",
    "matching.yaml",
    "timing.yaml",
    RETENTION_FILE,
)
"""The files of a seeds folder whose content makes the policy version, in this order."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What people have laid down about corrections.

    Attributes:
        authority: Who decides what, and what may be written where.
        gate: When a correction is made without a person.
        delivery: How it is delivered.
        approvals: Who must approve what waits for people.
        people: Who they are.
        access: What they may see and do in the console.
        retention: How long what was decided is kept.
        version: Hash of the files as they were read; kept with every decision.
        texts: What the files say, by name.
    """

    authority: AuthorityMatrix
    gate: CorrectionPolicy
    delivery: DeliveryPolicy
    approvals: ApprovalPolicy
    people: People
    access: AccessMatrix
    retention: RetentionPolicy
    version: str
    texts: Mapping[str, str] = field(default_factory=dict)


def read_policies(seeds: Path) -> Policies:
    """Return the policies of a seeds folder.

    Raises:
        ConfigurationError: A file is missing or wrong; names file and line.
    """
    people = People(read_yaml(seeds / "people.yaml", TypeAdapter(PeopleSeed), what="people file"))
    approvals = read_yaml(seeds / "approvals.yaml", TypeAdapter(ApprovalSeed), what="approval policy")
    texts = {name: text_of(seeds / name, what="policy file") for name in POLICY_FILES}
    return Policies(
        authority=read_yaml(seeds / "authority.yaml", TypeAdapter(AuthorityMatrix), what="decision rights"),
        gate=read_yaml(seeds / "corrections.yaml", TypeAdapter(CorrectionPolicy), what="correction policy"),
        delivery=read_yaml(seeds / "delivery.yaml", TypeAdapter(DeliveryPolicy), what="delivery policy"),
        approvals=ApprovalPolicy(approvals, people, read_calendars(seeds / "calendars.yaml")),
        people=people,
        access=AccessMatrix(read_yaml(seeds / "access.yaml", TypeAdapter(AccessSeed), what="access matrix"), people),
        retention=read_yaml(seeds / RETENTION_FILE, TypeAdapter(RetentionPolicy), what="retention policy"),
        version=_version_of(texts.values()),
        texts=texts,
    )


def _version_of(texts: Iterable[str]) -> str:
    content = hashlib.sha256()
    for text in texts:
        content.update(hashlib.sha256(text.encode()).digest())
    return content.hexdigest()
