"""How long a young difference may be a matter of timing: the policy of `data/seeds/timing.yaml`.

The lags themselves are learned by `rec_lags.sql`; `rec_findings.sql` applies them.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from fulfillment_pipelines.systems.yaml_file import read_yaml
from fulfillment_pipelines.warehouse import Warehouse


class TimingPolicy(BaseModel):
    """The content of `timing.yaml`; `version` is raised with every change.

    Attributes:
        window_days: Lags that began within so many days before the full run are looked at.
        minimum_samples: Lags a pair of systems must have shown at a site before they decide.
        margin: What the 99th percentile is multiplied by.
        floor_ratio: The least that is granted, as a multiple of the rule's own default.
        ceiling_ratio: The most that is granted, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    window_days: int = Field(gt=0)
    minimum_samples: int = Field(gt=0)
    margin: Decimal = Field(gt=0)
    floor_ratio: Decimal = Field(gt=0)
    ceiling_ratio: Decimal = Field(gt=0)

    @model_validator(mode="after")
    def _floor_is_not_above_ceiling(self) -> Self:
        if self.floor_ratio > self.ceiling_ratio:
            raise ValueError(f"floor_ratio {self.floor_ratio} must not be above ceiling_ratio {self.ceiling_ratio}")
        return self


def read_timing_policy(path: Path) -> TimingPolicy:
    """Read `timing.yaml`.

    Raises:
        ConfigurationError: The file is missing or does not fit; the message names the line.
    """
    return read_yaml(path, TypeAdapter(TimingPolicy), what="timing policy")


def load_timing(warehouse: Warehouse, policy: TimingPolicy | None) -> None:
    """Put the policy into the stage schema as `ref_timing`: one row, or none where nothing is to be learned."""
    policies = [policy] if policy else []
    table = pa.table(
        {
            "window_days": pa.array([one.window_days for one in policies], pa.int64()),
            "minimum_samples": pa.array([one.minimum_samples for one in policies], pa.int64()),
            "margin": pa.array([float(one.margin) for one in policies], pa.float64()),
            "floor_ratio": pa.array([float(one.floor_ratio) for one in policies], pa.float64()),
            "ceiling_ratio": pa.array([float(one.ceiling_ratio) for one in policies], pa.float64()),
        }
    )
    warehouse.stage_once("timing", policy, lambda: {"ref_timing": table})
