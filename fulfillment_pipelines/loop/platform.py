"""The composition root: everything the loop needs, built once from settings and a distributor file.

Tests and other roots pass what they want to replace; nothing here is a global.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self

from fulfillment_pipelines.canonical.admission import Admitter, CanonicalFeed
from fulfillment_pipelines.canonical.feeds import canonical_feeds, feed_references
from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import (
    FeedReference,
    ReferenceData,
    read_nodes,
    read_unit_conversions,
    require_known_sites,
)
from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.rights.guarded_sink import guarded
from fulfillment_pipelines.domain.clock import Clock, ReportedClock, WallClock
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.engines import Engine
from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError
from fulfillment_pipelines.exceptions.intake import CasePolicy, read_case_policy
from fulfillment_pipelines.exceptions.seeds import read_calendars
from fulfillment_pipelines.ledger.approved_content import ApprovedContent, approved_content
from fulfillment_pipelines.ledger.control_numbers import LedgerControlNumbers
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.policy_editions import PolicyFile, record_policies
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.loop.decided import DecidedFindings
from fulfillment_pipelines.loop.engine_choice import chosen_engine
from fulfillment_pipelines.loop.operations import create_operations_tables, holders_of, latest_as_of
from fulfillment_pipelines.loop.policy_fit import require_policies_fit
from fulfillment_pipelines.reconcile.matching import read_matching_policy
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.runner import Reconciler
from fulfillment_pipelines.reconcile.timing import read_timing_policy
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.snapshots.shared_landing import SharedLandingArea
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.stores.object_store import ObjectStore
from fulfillment_pipelines.systems.distributor import ClockKind, Distributor, load_distributor
from fulfillment_pipelines.systems.port import CorrectionSink, System
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry, connect_declared
from fulfillment_pipelines.systems.secrets import FolderSecrets, SecretSource
from fulfillment_pipelines.systems.transports.vault import VaultAddress, VaultSecrets
from fulfillment_pipelines.warehouse import Warehouse

LEDGER_PASSWORD: Final = "LEDGER_PASSWORD"  # noqa: S105 - the name of a reference


@dataclass(frozen=True)
class Platform:
    """Everything the stages of the loop work with.

    Attributes:
        clock: The time that deadlines and freshness are measured in.
        machine_clock: The time of this machine: stamps attempts and leases.
    """

    settings: Settings
    distributor: Distributor
    registry: Registry
    warehouse: Warehouse
    landing: LandingArea
    admitter: Admitter
    reconciler: Reconciler
    feeds: tuple[CanonicalFeed, ...]
    ledger: Ledger
    case_policy: CasePolicy
    policies: Policies
    dispatcher: Dispatcher
    reference: ReferenceData
    clock: Clock
    machine_clock: Clock
    decided: DecidedFindings = field(default_factory=DecidedFindings)

    def target_of(self, role: str, node: str, message: str, order_id: str = "") -> str:
        """Return the declared name of the system that plays a role at a node, holds an order and takes a message."""
        return self.registry.system_for(
            Role(role),
            node,
            message,
            order_id=order_id,
            holders=partial(holders_of, self.warehouse, role, order_id),
            stand_ins=self.policies.delivery.stand_ins,
        )

    def messages_of(self, system: str) -> tuple[str, ...]:
        """Return the messages that a system takes."""
        return tuple(self.registry.declaration(system).messages)

    def guarded_sink_of(self, system: System) -> CorrectionSink:
        """Return what writes into a connection that is not the registry's own, behind the same door as all others."""
        return guarded(
            lambda _: system.sink(),
            lambda name: self.registry.declaration(name).role,
            self.policies.authority,
            approval_of=partial(_approval_of, self.ledger),
        )(system.name)

    def refresh_clock(self) -> None:
        """Let the clock notice what the systems have reported since."""
        if isinstance(self.clock, ReportedClock):
            self.clock.refresh()

    def new_dispatcher(self, clock: Clock | None = None, leaves_out: frozenset[str] = frozenset()) -> Dispatcher:
        """Return another dispatcher of the same outbox, for a worker of its own.

        Args:
            clock: Replaces the deployment's clock, where one that threads may share is needed.
            leaves_out: Systems that others deliver to.
        """
        return _dispatcher(
            self.ledger,
            self.registry,
            self.policies,
            clock=clock or self.clock,
            machine_clock=self.machine_clock,
            jitter=None,
            leaves_out=leaves_out,
        )

    def prepare(self) -> None:
        """Create what is missing in the lake and the ledger; safe to call always."""
        self.prepare_ledger()
        self.warehouse.write(partial(create_operations_tables, self.settings.project_root / "sql" / "00_operations"))

    def prepare_ledger(self) -> None:
        """Create what is missing in the ledger alone, for what people decide while a run may be writing the lake."""
        self.ledger.migrate()
        self._record_policies()

    def _record_policies(self) -> None:
        """Let the audit log tell which policies and rules decide from now on, where they are others than before."""
        version, texts = self.policies.version, self.policies.texts
        files = [*(PolicyFile(version, name, text) for name, text in texts.items()), *self.rule_files]
        record_policies(self.ledger, files, actor=self.settings.actor, now=self.machine_clock.now())

    @property
    def rule_files(self) -> tuple[PolicyFile, ...]:
        """The rules that run, as versions of policies name them."""
        models = [rule.model for rule in self.reconciler.rules]
        return tuple(PolicyFile(model.version, model.path.name, model.body) for model in models)

    def close(self) -> None:
        """Close every connection."""
        self.registry.close()
        self.warehouse.close()
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_platform(
    settings: Settings,
    *,
    config: Path | None = None,
    clock: Clock | None = None,
    jitter: Callable[[], float] | None = None,
    ready_made: Sequence[System] = (),
    read_only: bool = False,
) -> Platform:
    """Build the platform of one distributor. Nothing is connected until it is used.

    Args:
        settings: What the environment says.
        config: The distributor file, where it is not the one of the settings.
        clock: Replaces the clock the distributor file asks for.
        jitter: Replaces the randomness of retry waits, a number from 0 to 1 at each call.
        ready_made: Systems that replace the declared ones of the same name.
        read_only: Whether the lake is opened so that nothing in it can be written.

    Raises:
        ConfigurationError: A file is missing or wrong; the message names it.
    """
    distributor = load_distributor(config or settings.config, settings.runtime_dir)
    sql, seeds = settings.project_root / "sql", distributor.seeds
    machine_clock = WallClock()
    warehouse, ledger = open_lake(settings, distributor, read_only=read_only), open_ledger(settings, distributor)
    clock = clock or _clock_of(distributor, warehouse, machine_clock)
    references = references_of(settings, distributor)
    connect = partial(connect_declared, control_numbers=LedgerControlNumbers(ledger, clock), inbox=LedgerInbox(ledger))
    registry = Registry.load(distributor.systems, references, clock, ready_made=ready_made, connect=connect)
    policies = read_policies(seeds)
    require_policies_fit(policies, distributor, registry.declarations.values(), sql)
    reference = read_reference(distributor, feed_references(registry))
    return Platform(
        settings=settings,
        distributor=distributor,
        registry=registry,
        warehouse=warehouse,
        landing=_landing_area(settings, distributor, references),
        admitter=Admitter(warehouse),
        reconciler=_reconciler(sql, distributor, warehouse, reference, _engine(settings, warehouse, references)),
        feeds=canonical_feeds(registry, sql, dict(zip(registry.systems, distributor.systems, strict=True))),
        ledger=ledger,
        case_policy=read_case_policy(seeds),
        policies=policies,
        dispatcher=_dispatcher(ledger, registry, policies, clock=clock, machine_clock=machine_clock, jitter=jitter),
        reference=reference,
        clock=clock,
        machine_clock=machine_clock,
    )


def references_of(settings: Settings, distributor: Distributor) -> References:
    """Return where the references of one distributor are looked for; a secret manager is asked last: it is slowest."""
    sources: list[SecretSource] = [FolderSecrets(folder) for folder in settings.secrets_directories]
    if settings.vault_address is not None:
        address = VaultAddress(
            url=settings.vault_address,
            mount=settings.vault_mount,
            entry=settings.vault_entry,
            namespace=settings.vault_namespace,
            token=settings.vault_token,
            token_file=settings.vault_token_file,
            cache_seconds=settings.vault_cache_seconds,
        )
        sources.append(VaultSecrets(address))
    return References(os.environ, (*settings.references_files, *distributor.references), sources)


def _dispatcher(
    ledger: Ledger,
    registry: Registry,
    policies: Policies,
    *,
    clock: Clock,
    machine_clock: Clock,
    jitter: Callable[[], float] | None,
    leaves_out: frozenset[str] = frozenset(),
) -> Dispatcher:
    sink_of = guarded(
        registry.sink,
        lambda system: registry.declaration(system).role,
        policies.authority,
        approval_of=partial(_approval_of, ledger),
        stands_in_for=policies.delivery.stands_in_for,
    )
    return Dispatcher(
        ledger,
        sink_of,
        policies.delivery,
        clock=clock,
        machine_clock=machine_clock,
        jitter=jitter or random.SystemRandom().random,
        leaves_out=leaves_out,
    )


def _approval_of(ledger: Ledger, correction_id: str) -> ApprovedContent | None:
    with ledger.reading() as work:
        return approved_content(work, correction_id)


def runtime_folder(settings: Settings, distributor: Distributor) -> Path:
    """Return the folder for everything one distributor makes at run time."""
    return settings.runtime_dir / distributor.distributor


def audit_archive_folder(settings: Settings, distributor: Distributor) -> Path:
    """Return the folder of the files that old rows of the audit log were moved to."""
    if settings.audit_archive_dir is not None:
        return settings.audit_archive_dir / distributor.distributor
    return runtime_folder(settings, distributor) / "audit_archive"


def lasting_archive_folder(settings: Settings, distributor: Distributor) -> Path:
    """Return the same folder, to move rows to: what is moved is in no other place.

    Raises:
        ConfigurationError: Several machines share the stores, and no folder is named that outlasts this one.
    """
    if settings.landing_url is not None and settings.audit_archive_dir is None:
        raise ConfigurationError(
            "Old rows of the audit log have no place to be moved to that outlasts this machine.",
            expected="FULFILLMENT_AUDIT_ARCHIVE_DIR, since FULFILLMENT_LANDING_URL says that machines come and go",
            remedy="set it to a folder on a volume that is kept and backed up",
        )
    return audit_archive_folder(settings, distributor)


def open_lake(settings: Settings, distributor: Distributor, *, read_only: bool = False) -> Warehouse:
    """Return the lake of one distributor, not yet connected."""
    folder, references = runtime_folder(settings, distributor), references_of(settings, distributor)
    location = LakeLocation(
        catalog=settings.lake_catalog or f"sqlite:{folder / 'lake_catalog.sqlite'}",
        data_path=settings.lake_data_url or str(folder / "lake"),
        lock_path=folder / "lake_writer.lock",
        object_store=_object_store(settings, references),
        find_secret=references.find,
        memory_limit=settings.duckdb_memory_limit,
        threads=settings.duckdb_threads,
        verify_extensions=settings.duckdb_verify_extensions,
        working_copy=folder / "working_copy.duckdb" if settings.working_copy and not read_only else None,
    )
    return Warehouse(location, read_only=read_only)


def _object_store(settings: Settings, references: References) -> ObjectStore:
    return ObjectStore(
        references.find,
        endpoint=settings.object_store_endpoint,
        region=settings.object_store_region,
        path_style=settings.object_store_path_style,
    )


def _landing_area(settings: Settings, distributor: Distributor, references: References) -> LandingArea:
    folder = runtime_folder(settings, distributor) / "landing"
    if settings.landing_url is None:
        return LandingArea(folder)
    return SharedLandingArea(folder, settings.landing_url, _object_store(settings, references))


def open_ledger(settings: Settings, distributor: Distributor) -> Ledger:
    """Return the ledger of one distributor, not yet connected."""
    url = settings.ledger_url or f"sqlite:///{runtime_folder(settings, distributor) / 'ledger.sqlite'}"
    return Ledger(url, partial(references_of(settings, distributor).find, LEDGER_PASSWORD))


def read_reference(distributor: Distributor, feeds: Sequence[FeedReference]) -> ReferenceData:
    """Read a distributor's reference data from its seeds.

    Raises:
        ConfigurationError: A file is missing or wrong; the message names it.
    """
    sites = distributor.seeds / "nodes.yaml"
    nodes = read_nodes(sites)
    require_known_sites(nodes, feeds, sites)
    return ReferenceData(
        nodes=nodes,
        units=read_unit_conversions(distributor.seeds / "unit_conversions.csv"),
        calendars=read_calendars(distributor.seeds / "calendars.yaml"),
        feeds=feeds,
    )


def _engine(settings: Settings, warehouse: Warehouse, references: References) -> Engine:
    return chosen_engine(settings, warehouse.location.data_path, _object_store(settings, references))


def _reconciler(
    sql: Path, distributor: Distributor, warehouse: Warehouse, reference: ReferenceData, engine: Engine
) -> Reconciler:
    rules = read_rules(read_models(sql / "30_reconcile" / "rules"))
    return Reconciler(
        warehouse,
        sql,
        canonical=CanonicalModels(read_models(sql / "20_canonical"), reference.feeds),
        reference=reference,
        rules=[rule for rule in rules if rule.is_applicable(reference.feeds)],
        tolerances=read_tolerances(distributor.seeds / "tolerances.yaml"),
        matching=read_matching_policy(distributor.seeds / "matching.yaml"),
        timing=read_timing_policy(distributor.seeds / "timing.yaml"),
        engine=engine,
    )


def _clock_of(distributor: Distributor, warehouse: Warehouse, machine_clock: Clock) -> Clock:
    if distributor.clock is ClockKind.WALL:
        return machine_clock

    def latest() -> datetime | None:
        with suppress(FulfillmentError):
            return latest_as_of(warehouse)
        return None

    return ReportedClock(latest, machine_clock)
