"""The distributor file: which systems make up one distributor, and what its deployment reads.

It is the one file a deployment points at (`FULFILLMENT_CONFIG`). What a system is stands in the
system's own declaration.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.parts import Name
from fulfillment_pipelines.systems.yaml_file import read_yaml


class ClockKind(StrEnum):
    """What time deadlines are measured in: this machine's, or the systems' own."""

    WALL = "wall"
    REPORTED = "reported"


class CheckLimits(BaseModel):
    """How patient `fulfillment systems check` is.

    Attributes:
        limit_seconds: How long it waits for all systems together, which it asks side by side.
        slow_after_seconds: How long one answer may take before a system is called slow, where its declaration says
            nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit_seconds: float = Field(default=5, gt=0)
    slow_after_seconds: float = Field(default=2, gt=0)


class LivePace(BaseModel):
    """How the live loop divides its time.

    Attributes:
        poll_seconds: How often a system is asked that nothing tells of, where its declaration says nothing.
        patience_seconds: How long a round waits for the systems it asks; who answers later is in a later round.
        most_rows: Rows that one feed brings into one round at most, about; the rest follows in the next rounds.
        quiet_seconds: After so long without news deadlines are looked at all the same, and watermarks are moved on.
        report_seconds: How often Dagster is told, at most.
        duckdb_threads: Threads of the loop's own DuckDB. The work of a round is many small statements, for which more
            than one costs processor time and saves none.
        working_copy: Whether the loop works on a copy of the lake's tables in a database of its own; it needs as much
            disk again as the lake, and a start that copies it.
        publish_seconds: For how long rounds are gathered before the lake is told of them, while there is always news.
        merge_rounds: After so many rounds the small files that they leave are merged.
        lease_seconds: A loop that has ended without a word is followed by one that waits after so long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_seconds: float = Field(default=2, gt=0)
    patience_seconds: float = Field(default=1, gt=0)
    most_rows: int = Field(default=10_000, ge=1)
    quiet_seconds: float = Field(default=30, gt=0)
    report_seconds: float = Field(default=5, ge=1)
    duckdb_threads: int = Field(default=1, ge=1)
    working_copy: bool = True
    publish_seconds: float = Field(default=5, ge=0)
    merge_rounds: int = Field(default=100, ge=1)
    lease_seconds: float = Field(default=30, ge=5)


class Distributor(BaseModel):
    """One distributor, with all paths absolute.

    Attributes:
        distributor: Its name, as it appears in results.
        title: Its name for people.
        clock: Wall for live systems, reported for simulations and static exports.
        systems: Declaration files, in the order systems are listed.
        references: Dotenv files that hold what the declarations refer to; they need not exist yet.
        seeds: Folder of tolerances, crosswalks, calendars and policies.
        checks: How patient a check of the systems is.
        live: How the live loop divides its time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distributor: Name
    title: str
    clock: ClockKind = ClockKind.WALL
    systems: tuple[Path, ...] = Field(min_length=1)
    references: tuple[Path, ...] = ()
    seeds: Path = Path()
    checks: CheckLimits = CheckLimits()
    live: LivePace = LivePace()


_DISTRIBUTOR = TypeAdapter(Distributor)


def load_distributor(path: Path, runtime_dir: Path) -> Distributor:
    """Read a distributor file.

    Args:
        path: The file. Its `systems` and `seeds` are relative to its own folder.
        runtime_dir: What its `references` are relative to.

    Raises:
        ConfigurationError: The file cannot be read or does not fit, or a declaration it names is not there.
    """
    written = read_yaml(path, _DISTRIBUTOR, what="distributor file")
    folder = path.resolve().parent
    systems = tuple((folder / system).resolve() for system in written.systems)
    absent = [str(system) for system in systems if not system.is_file()]
    if absent:
        raise ConfigurationError(
            f"{path} names system declarations that are not there.",
            expected="paths relative to that file",
            found=", ".join(absent),
            remedy="correct `systems:`",
        )
    return written.model_copy(
        update={
            "systems": systems,
            "references": tuple((runtime_dir / file).resolve() for file in written.references),
            "seeds": (folder / written.seeds).resolve(),
        }
    )
