from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.ledger.tables import METADATA
from fulfillment_pipelines.ledger.unit_of_work import Ledger


@pytest.mark.usefixtures("ledger")
def test_a_migrated_database_has_exactly_the_declared_tables(ledger_url: str) -> None:
    engine = create_engine(ledger_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(ledger: Ledger, ledger_url: str) -> None:
    ledger.migrate()
    engine = create_engine(ledger_url)
    assert set(inspect(engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    engine.dispose()


def test_a_database_that_was_never_migrated_is_reported_with_its_remedy(ledger_url: str) -> None:
    empty = Ledger(ledger_url)
    with pytest.raises(ConfigurationError, match=r"lacks a table.*Ledger\.migrate\(\)"), empty.reading() as work:
        readings.list_cases(work)
    empty.close()


def test_the_folder_of_a_new_ledger_is_made(tmp_path: Path) -> None:
    nested = Ledger(f"sqlite:///{tmp_path}/runtime/deep/ledger.sqlite")
    nested.migrate()
    with nested.reading() as work:
        assert readings.list_cases(work) == []
    nested.close()
