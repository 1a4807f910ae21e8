"""Write a standing distributor: one Parquet file for each feed, and declarations that read them.

A declaration is the living system's own with another transport: the same feeds, fields and keys, so that the same
snapshot SQL maps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml
from pyarrow import parquet

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.twin.volume.answers.all_systems import piece_answers, standing_answers
from fulfillment_pipelines.twin.volume.demand import deal_piece
from fulfillment_pipelines.twin.volume.facts import facts_of
from fulfillment_pipelines.twin.volume.faults import deal_faults, label_table
from fulfillment_pipelines.twin.volume.feed import Answers, Feed
from fulfillment_pipelines.twin.volume.positions import Positions
from fulfillment_pipelines.twin.volume.shape import Landscape, Shape
from fulfillment_pipelines.twin.world.timing import iso

DIRECTORY_REFERENCE: Final = "VOLUME_DIRECTORY"
LABELS_FILE: Final = "labels.parquet"
_KEPT: Final = ("system", "title", "role", "node", "contract_version")
_FRESHNESS_SECONDS: Final = 86_400
_CORE: Final = frozenset(
    (role, entity)
    for role, entities in {
        "erp": (
            "orders",
            "order_lines",
            "shipments",
            "holds",
            "stock",
            "customers",
            "customer_locations",
            "items",
            "cross_references",
            "contract_prices",
            "inbound_supply",
        ),
        "wms": ("shipments", "returns", "holds", "stock", "movements"),
        "finance": ("invoice_lines", "holds", "credit_accounts"),
        "channel": ("orders", "order_items", "order_lines"),
    }.items()
    for entity in entities
)
"""What a core landscape has, by the role of the system."""


def write_distributor(
    shape: Shape,
    declared: Sequence[Path],
    home: Path,
    *,
    seeds: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Write the files, the declarations and the distributor file; return the distributor file.

    Args:
        shape: What to write.
        declared: Declarations of the living systems.
        home: Folder to write into.
        seeds: Folder of the policies the distributor works by.
        progress: Told the number of lines written so far.

    Raises:
        ConfigurationError: A declared field is one that the standing distributor does not say.
    """
    living = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in declared]
    systems = [_of_landscape(system, shape.landscape) for system in living if "entities" in system]
    systems = [system for system in systems if system["entities"]]
    home.mkdir(parents=True, exist_ok=True)
    _write_feeds(shape, systems, home, progress)
    return _write_declarations(shape, systems, home, seeds)


def _of_landscape(system: Mapping[str, Any], landscape: Landscape) -> Mapping[str, Any]:
    """Return a declaration with the feeds that the landscape has."""
    if landscape is Landscape.WHOLE:
        return system
    role = system["role"]
    kept = {name: entity for name, entity in system["entities"].items() if (role, name) in _CORE}
    return {**system, "entities": kept}


def _write_feeds(
    shape: Shape, systems: Sequence[Mapping[str, Any]], home: Path, progress: Callable[[int], None]
) -> None:
    fields = {(system["system"], name): entity for system in systems for name, entity in system["entities"].items()}
    with ExitStack() as stack:
        files = _FeedFiles(home, fields, stack)
        positions, written = Positions(shape), 0
        for number, line_count in enumerate(shape.chunks()):
            piece = deal_piece(shape, number, line_count)
            faults = deal_faults(shape, piece)
            facts = facts_of(shape, piece, faults)
            positions.add(facts)
            files.add(piece_answers(facts, fields))
            files.add_labels(label_table(piece, faults))
            written += line_count
            progress(written)
        files.add(standing_answers(shape, positions))
        files.add_labels(positions.label_rows())
        files.require_all()


def _write_declarations(shape: Shape, systems: Sequence[Mapping[str, Any]], home: Path, seeds: Path) -> Path:
    for system in systems:
        _write_yaml(home / f"{system['system']}.yaml", _standing(system, shape))
    (home / "volume.env").write_text(f"{DIRECTORY_REFERENCE}={home.resolve()}\n", encoding="utf-8")
    distributor = home / "distributor.yaml"
    content = {
        "distributor": "volume",
        "title": f"Standing distributor of {shape.line_count:,} order lines",
        "clock": "reported",
        "systems": [f"{system['system']}.yaml" for system in systems],
        "references": [str((home / "volume.env").resolve())],
        "seeds": str(seeds.resolve()),
    }
    _write_yaml(distributor, content)
    return distributor


class _FeedFiles:
    """The Parquet files that are being written, one for each feed and one for the labels."""

    def __init__(self, home: Path, declared: Mapping[Feed, Mapping[str, Any]], stack: ExitStack) -> None:
        self._home = home
        self._declared = declared
        self._stack = stack
        self._writers: dict[Path, parquet.ParquetWriter] = {}

    def add(self, answers: Answers) -> None:
        for (system, entity), rows in answers.items():
            if (system, entity) in self._declared:
                fields = _fields(self._declared[system, entity])
                self._write(self._home / system / f"{entity}.parquet", _with_fields(system, entity, rows, fields))

    def add_labels(self, rows: pa.Table) -> None:
        self._write(self._home / LABELS_FILE, rows)

    def require_all(self) -> None:
        """Refuse when a declared feed has no file: a feed that is missing would look like a system that is down."""
        missing = [
            f"{system}.{entity}"
            for system, entity in self._declared
            if self._home / system / f"{entity}.parquet" not in self._writers
        ]
        if missing:
            raise ConfigurationError(
                f"The standing distributor has no answer for {', '.join(missing)}.",
                expected="an answer for every declared feed",
                remedy="add it in twin/volume/answers",
            )

    def _write(self, path: Path, rows: pa.Table) -> None:
        if path not in self._writers:
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = parquet.ParquetWriter(path, rows.schema, compression="zstd", compression_level=1)
            self._writers[path] = self._stack.enter_context(writer)
        self._writers[path].write_table(rows)


def _fields(entity: Mapping[str, Any]) -> list[str]:
    """Return what a declared entity reads: fields, or elements where it reads documents."""
    return list(entity["fields"] if "fields" in entity else entity["elements"])


def _with_fields(system: str, entity: str, rows: pa.Table, fields: Iterable[str]) -> pa.Table:
    missing = [name for name in fields if name not in rows.column_names]
    if missing:
        raise ConfigurationError(
            f"The standing distributor does not say {', '.join(missing)} of {system}.{entity}.",
            expected="a column for every field of the declaration",
            found=", ".join(rows.column_names),
            remedy="add the columns in twin/volume/answers",
        )
    return rows.select(list(fields))


def _standing(system: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    entities = {
        name: {
            "contract": entity["contract"],
            "path": f"{system['system']}/{name}.parquet",
            "format": "parquet",
            "as_of": {"fixed": iso(shape.read_at)},
            "fields": _fields(entity),
            "key": entity["key"],
        }
        for name, entity in system["entities"].items()
    }
    kept = {name: system[name] for name in _KEPT if name in system}
    transport = {"kind": "files", "directory": {"ref": DIRECTORY_REFERENCE}}
    return {**kept, "freshness_seconds": _FRESHNESS_SECONDS, "transport": transport, "entities": entities}


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
