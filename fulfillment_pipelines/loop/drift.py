"""Hold what systems send against what was agreed on with them, and let a person accept what it has become.

The first answer of a feed is agreed on as it comes. From then on every snapshot is compared, a new contract version
with the one before it, and nothing but a person's word makes another shape the agreed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.corrections.approving.approval import require_grounds
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.ledger.agreed_shapes import LEARNED_BY, AgreedShape, AgreedShapes, agree, agreed_shapes
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.drift import Difference, differences
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.open_drift import forget_drift
from fulfillment_pipelines.snapshots.shapes import FeedShape, shape_of
from fulfillment_pipelines.systems.declaration import EntityDeclaration


@dataclass(frozen=True, slots=True)
class FeedDrift:
    """How the newest snapshot of a feed differs from what was agreed on.

    Attributes:
        contract_version: The version that is declared.
        agreed: What it is held against; None where nothing was agreed on yet.
        landed: The newest snapshot; None where none has landed.
        shape: Its shape; None where it has none.
        differences: In which ways they differ.
        problem: Why the snapshot could not be compared; empty when it could.
    """

    system: str
    entity: str
    contract_version: str
    agreed: AgreedShape | None = None
    landed: LandedSnapshot | None = None
    shape: FeedShape | None = None
    differences: tuple[Difference, ...] = ()
    problem: str = ""

    @property
    def is_to_be_accepted(self) -> bool:
        """Whether a person's word would change what is agreed on."""
        if self.agreed is None or self.shape is None or not self.shape.rows:
            return False
        return bool(self.differences) or self.agreed.contract_version != self.contract_version


@dataclass
class DriftWatch:
    """Compares snapshots with what was agreed on, and notes the first of each feed as agreed.

    Attributes:
        platform: The platform, prepared.
        agreed: What was agreed on when the watch began, and since.
        learned: First shapes that are not kept yet.
    """

    platform: Platform
    agreed: AgreedShapes = field(init=False)
    learned: list[AgreedShape] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.platform.ledger.reading() as work:
            self.agreed = agreed_shapes(work)

    def differences_of(
        self, feed: CanonicalFeed, landed: LandedSnapshot, decoded: DecodedSnapshot
    ) -> tuple[Difference, ...]:
        """Return how a snapshot differs from what was agreed on.

        The first of its feed is what is agreed on from then on, but for codes: which there are is declared.
        """
        declared = self.platform.registry.feed(feed.system, feed.entity).declared
        shape = _shape(decoded, declared)
        manifest = landed.manifest
        agreed = self.agreed.of(feed.system, feed.entity, manifest.contract_version)
        if agreed is None and shape.rows and manifest.complete:
            agreed = self._learn(landed, shape.without_codes())
        return _compare(agreed, shape, declared) if agreed is not None else ()

    def keep(self) -> None:
        """Keep the first shapes in the ledger.

        Raises:
            RetryableError: The ledger is busy.
        """
        if self.learned:
            with self.platform.ledger.unit_of_work() as work:
                agree(work, self.learned)
                work.commit()
            self.learned.clear()

    def _learn(self, landed: LandedSnapshot, shape: FeedShape) -> AgreedShape:
        agreed = AgreedShape(
            system=landed.manifest.system,
            entity=landed.manifest.entity,
            contract_version=landed.manifest.contract_version,
            shape=shape.model_dump_json(),
            snapshot_id=landed.manifest.snapshot_id,
            agreed_at=self.platform.machine_clock.now(),
            agreed_by=LEARNED_BY,
            reason="the first that came",
        )
        self.agreed.add(agreed)
        self.learned.append(agreed)
        return agreed


def latest_drift(platform: Platform, name: str | None = None) -> list[FeedDrift]:
    """Return of every feed, or of a system's or one feed's alone, how its newest snapshot differs; nothing is pulled.

    Args:
        platform: The platform, prepared.
        name: A system, or a feed as `system/entity`; None for all.

    Raises:
        ConfigurationError: Nothing is declared under that name.
    """
    with platform.ledger.reading() as work:
        agreed = agreed_shapes(work)
    return [_latest(platform, feed, agreed) for feed in _feeds_named(platform, name)]


def drift_of(platform: Platform, landed: LandedSnapshot, decoded: DecodedSnapshot, agreed: AgreedShapes) -> FeedDrift:
    """Return how one snapshot differs, wherever it has landed."""
    manifest = landed.manifest
    declared = platform.registry.feed(manifest.system, manifest.entity).declared
    shape = _shape(decoded, declared)
    held_against = agreed.of(manifest.system, manifest.entity, manifest.contract_version)
    return FeedDrift(
        system=manifest.system,
        entity=manifest.entity,
        contract_version=manifest.contract_version,
        agreed=held_against,
        landed=landed,
        shape=shape,
        differences=_compare(held_against, shape, declared) if held_against is not None else (),
    )


def accept_drift(platform: Platform, name: str, *, contract_version: str, by: str, reason: str) -> list[FeedDrift]:
    """Let the newest snapshots of a system, or of one feed, be what is agreed on under the declared version.

    Returns:
        What was accepted; what had not changed is left as it was.

    Raises:
        ConfigurationError: Nothing is declared under that name, or another version of it.
        RejectedError: Nobody of that name decides here, or no reason is given.
        BadDataError: There is nothing to accept, or a snapshot cannot be read.
        RetryableError: The ledger or the lake is busy.
    """
    require_grounds(by, reason, platform.policies)
    drifted = latest_drift(platform, name)
    _require_version(drifted, contract_version)
    accepted = [one for one in drifted if one.is_to_be_accepted]
    if not accepted:
        unread = "; ".join(one.problem for one in drifted if one.problem)
        raise BadDataError(
            f"Nothing of '{name}' has drifted, so nothing is accepted.",
            expected="a landed snapshot that differs from what was agreed on",
            found=unread or "none that does",
            remedy="`fulfillment systems drift` shows what differs; `fulfillment run` pulls anew",
        )
    # Of this machine's time, as the first shape is: what is agreed on later counts, whatever time the systems tell.
    now = platform.machine_clock.now()
    with platform.ledger.unit_of_work() as work:
        work.take_turn("audit")
        agree(work, [_accepted(one, by=by, reason=reason, now=now) for one in accepted])
        work.commit()
    forget_drift(platform.warehouse, [(one.system, one.entity) for one in accepted])
    return accepted


def _latest(platform: Platform, feed: CanonicalFeed, agreed: AgreedShapes) -> FeedDrift:
    version = platform.registry.declaration(feed.system).contract_version
    nothing = FeedDrift(feed.system, feed.entity, version, agreed=agreed.of(feed.system, feed.entity, version))
    landed = platform.landing.latest(feed.system, feed.entity)
    if landed is None:
        return nothing
    declared_now = replace(landed, manifest=landed.manifest.model_copy(update={"contract_version": version}))
    try:
        with platform.warehouse.reading() as cursor:
            decoded = decode(cursor, declared_now, feed.layout)
        return drift_of(platform, declared_now, decoded, agreed)
    except BadDataError as error:
        return FeedDrift(feed.system, feed.entity, version, agreed=nothing.agreed, landed=landed, problem=str(error))


def _feeds_named(platform: Platform, name: str | None) -> Sequence[CanonicalFeed]:
    if name is None:
        return platform.feeds
    system, _, entity = name.partition("/")
    if entity:
        platform.registry.feed(system, entity)
    platform.registry.declaration(system)
    return [feed for feed in platform.feeds if feed.system == system and entity in {"", feed.entity}]


def _shape(decoded: DecodedSnapshot, declared: EntityDeclaration) -> FeedShape:
    return shape_of(decoded, key=declared.key, optional=declared.optional, codes=declared.known_codes)


def _compare(agreed: AgreedShape, shape: FeedShape, declared: EntityDeclaration) -> tuple[Difference, ...]:
    before = FeedShape.model_validate_json(agreed.shape)
    return differences(before, shape, optional=declared.optional, codes=declared.known_codes)


def _require_version(drifted: Sequence[FeedDrift], contract_version: str) -> None:
    declared = {one.contract_version for one in drifted}
    if declared - {contract_version}:
        raise ConfigurationError(
            f"The contract version {contract_version} is not the one that is declared.",
            expected=", ".join(sorted(declared)),
            found=contract_version,
            remedy="adapt fields and mapping in the system's YAML, raise its `contract_version`, then accept that one",
        )


def _accepted(drift: FeedDrift, *, by: str, reason: str, now: datetime) -> AgreedShape:
    if drift.shape is None or drift.landed is None:
        raise AssertionError("what has no shape is not to be accepted")
    return AgreedShape(
        system=drift.system,
        entity=drift.entity,
        contract_version=drift.contract_version,
        shape=drift.shape.model_dump_json(),
        snapshot_id=drift.landed.manifest.snapshot_id,
        agreed_at=now,
        agreed_by=by,
        reason=reason,
    )
