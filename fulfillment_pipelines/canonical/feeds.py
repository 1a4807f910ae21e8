"""Tie each declared entity to its contract, its layout and its snapshot SQL: the feeds that can be admitted."""

from __future__ import annotations

from pathlib import Path

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.contracts import contract_named
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.sql_models import read_model
from fulfillment_pipelines.systems.declaration import EdiEntity, EntityDeclaration, FileEntity, HttpEntity, MemoryEntity
from fulfillment_pipelines.systems.registry import Feed, Registry


def canonical_feeds(registry: Registry, sql: Path) -> tuple[CanonicalFeed, ...]:
    """Return every declared feed, ready to be admitted.

    Raises:
        ConfigurationError: An entity names no known contract, or has no snapshot SQL.
    """
    return tuple(_feed(feed, sql / "10_snapshots") for feed in registry.entities())


def feed_references(registry: Registry) -> tuple[FeedReference, ...]:
    """Return every declared feed as the models see it."""
    references = []
    for feed in registry.entities():
        declaration = registry.declaration(feed.system)
        references.append(
            FeedReference(
                system=feed.system,
                entity=feed.entity,
                contract=feed.declared.contract,
                role=declaration.role.value,
                node=declaration.node or "",
                freshness_seconds=declaration.freshness_seconds,
            )
        )
    return tuple(references)


def layout_of(entity: EntityDeclaration) -> PageLayout:
    """Return how the records of a declared entity lie in its pages."""
    optional = frozenset(entity.optional)
    match entity:
        case HttpEntity() | MemoryEntity():
            return PageLayout(
                format=entity.format, fields=entity.fields, records_path=entity.records, optional=optional
            )
        case FileEntity():
            return PageLayout(
                format=entity.format,
                fields=entity.fields,
                widths=tuple(entity.widths[name] for name in entity.fields) if entity.widths else (),
                delimiter=entity.delimiter,
                encoding=entity.encoding,
                trailer_prefix=entity.trailer.prefix if entity.trailer else "",
                has_header=entity.header,
                optional=optional,
            )
        case EdiEntity():
            return PageLayout(
                format=entity.format, fields=entity.fields, encoding=entity.encoding, documents=entity.layout
            )
        case _:
            return PageLayout(format=entity.format, fields=entity.fields, optional=optional)


def _feed(feed: Feed, folder: Path) -> CanonicalFeed:
    return CanonicalFeed(
        system=feed.system,
        entity=feed.entity,
        contract=contract_named(feed.declared.contract),
        layout=layout_of(feed.declared),
        mapping=read_model(folder / f"snap_{feed.system}__{feed.entity}.sql"),
    )
