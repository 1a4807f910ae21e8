"""See a database as lists of fields."""

from __future__ import annotations

from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, SampledSystem
from fulfillment_pipelines.systems.declaration.parts import Reference, Setting
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.sql.inspection import InspectedTable, inspect_database


def sample_database(
    name: str, address: str, references: References, *, role: str, rows: int, schema: str = ""
) -> SampledSystem:
    """Return what a database shows of itself. Its address is used now and never written.

    Args:
        name: Declared name of the system.
        address: An SQLAlchemy URL, or the name of a reference that holds one.
        references: Where references are looked up.
        role: What the system is to the distributor.
        rows: How many rows of each table are looked at.
        schema: The schema to look into; the connection's own where empty.

    Raises:
        ConfigurationError: The address cannot be used, the reference is not set, or the database refuses us.
        SystemDownError: It cannot be reached.
    """
    is_url = "://" in address
    reference = f"{name.upper()}_DATABASE_URL" if is_url else address
    url: Setting = address if is_url else Reference(ref=reference)
    declaration = SqlDeclaration.model_validate(
        {
            "system": name,
            "title": name,
            "role": role,
            "contract_version": "1",
            "freshness_seconds": 1,
            "transport": {"kind": "sql", "url": url},
        }
    )
    seen = inspect_database(declaration, references, rows=rows, schema=schema)
    return SampledSystem(
        transport={"kind": "sql", "url": {"ref": reference}},
        references={
            reference: "the SQLAlchemy URL of its database, such as postgresql+psycopg://user:password@host/db"
        },
        entities=tuple(_entity(table) for table in seen.tables if table.columns),
        remarks=tuple(f"left out: {table} cannot be read: {reason}" for table, reason in seen.unread.items()),
    )


def _entity(table: InspectedTable) -> SampledEntity:
    return SampledEntity(
        name=table.name,
        address={"table": table.name},
        key=table.key,
        can_ask_since=True,
        fields=tuple(
            SampledField(
                column.name,
                column.values,
                instant=column.is_instant,
                number=column.is_number,
                zoned=column.is_zoned,
                refers_to=column.refers_to,
            )
            for column in table.columns
        ),
    )
