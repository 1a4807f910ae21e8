"""All policy files that decide on corrections, read together, and the version that says which they were.

What each file means belongs beside its shape: `policy` (the automatic gate), `delivery_policy`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from fulfillment_pipelines.corrections.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.policy import CorrectionPolicy
from fulfillment_pipelines.systems.yaml_file import read_yaml

POLICY_FILES: Final = ("corrections.yaml", "delivery.yaml")
"""The files of a seeds folder whose content makes the policy version, in this order."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What people have laid down about corrections.

    Attributes:
        gate: When a correction is made without a person.
        delivery: How it is delivered.
        version: Hash of the files as they were read; kept with every decision.
    """

    gate: CorrectionPolicy
    delivery: DeliveryPolicy
    version: str


def read_policies(seeds: Path) -> Policies:
    """Return the policies of a seeds folder.

    Raises:
        ConfigurationError: A file is missing or wrong; names file and line.
    """
    return Policies(
        gate=read_yaml(seeds / "corrections.yaml", TypeAdapter(CorrectionPolicy), what="correction policy"),
        delivery=read_yaml(seeds / "delivery.yaml", TypeAdapter(DeliveryPolicy), what="delivery policy"),
        version=_version_of(seeds),
    )


def _version_of(seeds: Path) -> str:
    content = hashlib.sha256()
    for name in POLICY_FILES:
        content.update(hashlib.sha256((seeds / name).read_bytes()).digest())
    return content.hexdigest()
