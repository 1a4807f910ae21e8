"""Run the migrations on an open connection; the caller commits."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade_to(connection: Connection, revision: str = "head") -> None:
    """Bring the database of this connection to a revision, the newest unless another is named."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
