"""The collection of all tables of the ledger, how their constraints are named, and how rows are numbered."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes, so that a migration can find them again on both databases."""

METADATA = MetaData(naming_convention=NAMING_CONVENTION)
"""All tables of the ledger."""

# SQLite numbers rows by itself only in a column declared INTEGER.
ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")
