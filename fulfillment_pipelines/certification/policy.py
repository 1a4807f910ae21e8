"""What certification asks for: sizes, limits and patience. A default is configuration: a distributor's seeds say more.

What is checked belongs in `checks/`; how much is enough belongs here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fulfillment_pipelines.systems.yaml_file import read_yaml

FILE_NAME = "certification.yaml"


class CertificationPolicy(BaseModel):
    """How a system is put to the test.

    Attributes:
        allowed_quarantined_share: Rows of an entity that may break their contract, from 0 to 1.
        timed_pulls: Pulls of each entity whose duration counts.
        most_pages: Into how many pages an answer is cut at most where page boundaries are looked at.
        unchanged_pulls: Pairs of pulls that may differ before a system counts as one that never rests.
        time_limit_seconds: Time limit that a slow answer is held to, in place of the declared one.
        slack_seconds: What giving up may take beyond the time limit.
        retry_after_seconds: How long the system is made to ask to be left alone.
        effect_within_seconds: How long a correction that was taken in is waited for.
        poll_seconds: Time between two looks at such a correction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_quarantined_share: float = Field(default=0.01, ge=0, le=1)
    timed_pulls: int = Field(default=5, ge=1)
    most_pages: int = Field(default=5, ge=2)
    unchanged_pulls: int = Field(default=3, ge=1)
    time_limit_seconds: float = Field(default=1, gt=0)
    slack_seconds: float = Field(default=2, gt=0)
    retry_after_seconds: int = Field(default=1, ge=1)
    effect_within_seconds: float = Field(default=30, ge=0)
    poll_seconds: float = Field(default=0.5, gt=0)


_POLICY = TypeAdapter(CertificationPolicy)


def read_certification_policy(seeds: Path) -> CertificationPolicy:
    """Read a distributor's `certification.yaml`; without one, the defaults hold.

    Raises:
        ConfigurationError: The file does not fit; the message names the line.
    """
    path = seeds / FILE_NAME
    return read_yaml(path, _POLICY, what="certification policy") if path.is_file() else CertificationPolicy()
