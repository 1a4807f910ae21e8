"""Tie each declared entity to its contract, its layout and its snapshot SQL: the feeds that can be admitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.contracts import contract_named
from fulfillment_pipelines.canonical.mapping import mapped_model
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel, read_model
from fulfillment_pipelines.systems.declaration import EdiEntity, EntityDeclaration, FileEntity, HttpEntity, MemoryEntity
from fulfillment_pipelines.systems.registry import Feed, Registry
from fulfillment_pipelines.systems.yaml_file import line_of_key


def canonical_feeds(
    registry: Registry, sql: Path, declared_in: Mapping[str, Path] | None = None
) -> tuple[CanonicalFeed, ...]:
    """Return every declared feed, ready to be admitted.

    Args:
        registry: The declared systems.
        sql: The folder of the SQL stages.
        declared_in: The files of the declarations by system, so that errors of a mapping name their line.

    Raises:
        ConfigurationError: An entity names no known contract, has neither a mapping nor snapshot SQL or has both,
            or its mapping does not fit the contract.
    """
    files = declared_in or {}
    return tuple(_feed(feed, sql / "10_snapshots", files.get(feed.system)) for feed in registry.entities())


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
                records_path=entity.records,
                sheet=entity.sheet,
                header_row=entity.header_row,
                most_bytes=entity.most_bytes,
                optional=optional,
            )
        case EdiEntity():
            return PageLayout(
                format=entity.format, fields=entity.fields, encoding=entity.encoding, documents=entity.layout
            )
        case _:
            return PageLayout(format=entity.format, fields=entity.fields, optional=optional)


def _feed(feed: Feed, folder: Path, declared_in: Path | None) -> CanonicalFeed:
    return CanonicalFeed(
        system=feed.system,
        entity=feed.entity,
        contract=contract_named(feed.declared.contract),
        layout=layout_of(feed.declared),
        mapping=snapshot_model(feed, folder, declared_in),
    )


def snapshot_model(feed: Feed, folder: Path, declared_in: Path | None = None) -> SqlModel:
    """Return how the fields of a feed become the columns of its contract: by its mapping, or by its SQL file.

    Args:
        feed: The declared feed.
        folder: Where the `snap_*.sql` files are.
        declared_in: The file of the declaration, for errors.

    Raises:
        ConfigurationError: It has neither or both, or the mapping does not fit the contract.
    """
    file = folder / f"snap_{feed.system}__{feed.entity}.sql"

    def line_of(*key: str) -> str:
        if declared_in is None:
            return f"{feed.system}.yaml"
        return f"{declared_in}:{line_of_key(declared_in, 'entities', feed.entity, 'mapping', *key)}"

    _require_one(feed, file, line_of)
    if not feed.declared.mapping:
        return read_model(file)
    return mapped_model(
        feed.system, feed.entity, feed.declared.mapping, contract_named(feed.declared.contract), line_of
    )


def _require_one(feed: Feed, file: Path, line_of: Callable[[], str]) -> None:
    if not feed.declared.mapping and not file.exists():
        raise ConfigurationError(
            f"{feed.name} has neither a mapping nor the SQL file {file.name}.",
            expected=f"how its fields become the columns of the contract '{feed.declared.contract}'",
            found="neither",
            remedy=f"write `mapping:` for it in the system's YAML, or sql/{file.parent.name}/{file.name}",
        )
    if feed.declared.mapping and file.exists():
        raise ConfigurationError(
            f"{line_of()}: {feed.name} has a mapping and the SQL file {file.name}.",
            expected="one of them, so that nobody corrects the one that does not count",
            found="both",
            remedy=f"remove `mapping:`, or {file.name}",
        )
