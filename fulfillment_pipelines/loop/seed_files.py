"""Every policy file of `data/seeds`: what it is for, its shape, and the JSON Schema that says so to editors.

The shapes are declared beside what reads them; here is only the list of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from fulfillment_pipelines.canonical.reference import NodesSeed
from fulfillment_pipelines.corrections.approving.approval_policy import ApprovalSeed
from fulfillment_pipelines.corrections.approving.people import PeopleSeed
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.proposing.policy import CorrectionPolicy
from fulfillment_pipelines.corrections.retaining.retention_policy import RETENTION_FILE, RetentionPolicy
from fulfillment_pipelines.corrections.rights.access import AccessSeed
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix
from fulfillment_pipelines.exceptions.routing import RoutingSeed
from fulfillment_pipelines.exceptions.seeds import CALENDARS
from fulfillment_pipelines.exceptions.sla import SlaSeed
from fulfillment_pipelines.reconcile.kpis import KPI_FILE, KpiSeed
from fulfillment_pipelines.reconcile.matching import MatchingPolicy
from fulfillment_pipelines.reconcile.timing import TimingPolicy
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.systems.yaml_file import read_yaml

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One policy file.

    Attributes:
        name: File name in the seeds folder.
        title: What it is called in messages.
        shape: What it must hold.
    """

    name: str
    title: str
    shape: TypeAdapter[Any]

    @property
    def schema_name(self) -> str:
        """Name of the file with its JSON Schema."""
        return Path(self.name).stem + ".schema.json"

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema (draft 2020-12)."""
        return {"$schema": _DIALECT, **self.shape.json_schema(), "title": self.title.capitalize()}

    def check(self, seeds: Path) -> None:
        """Read the file in a seeds folder.

        Raises:
            ConfigurationError: It is missing or a value does not fit; names file and line.
        """
        read_yaml(seeds / self.name, self.shape, what=self.title)


SEED_FILES: Final = (
    SeedFile("nodes.yaml", "nodes file", TypeAdapter(NodesSeed)),
    SeedFile("calendars.yaml", "calendars file", CALENDARS),
    SeedFile("tolerances.yaml", "tolerances file", TypeAdapter(Tolerances)),
    SeedFile("matching.yaml", "matching policy", TypeAdapter(MatchingPolicy)),
    SeedFile("timing.yaml", "timing policy", TypeAdapter(TimingPolicy)),
    SeedFile("sla.yaml", "SLA policy", TypeAdapter(SlaSeed)),
    SeedFile("routing.yaml", "routing policy", TypeAdapter(RoutingSeed)),
    SeedFile("authority.yaml", "decision rights", TypeAdapter(AuthorityMatrix)),
    SeedFile("corrections.yaml", "correction policy", TypeAdapter(CorrectionPolicy)),
    SeedFile("delivery.yaml", "delivery policy", TypeAdapter(DeliveryPolicy)),
    SeedFile("approvals.yaml", "approval policy", TypeAdapter(ApprovalSeed)),
    SeedFile("people.yaml", "people file", TypeAdapter(PeopleSeed)),
    SeedFile("access.yaml", "access matrix", TypeAdapter(AccessSeed)),
    SeedFile(RETENTION_FILE, "retention policy", TypeAdapter(RetentionPolicy)),
    SeedFile(KPI_FILE, "file of KPIs", TypeAdapter(KpiSeed)),
)
"""All policy files, in the order of the loop."""
