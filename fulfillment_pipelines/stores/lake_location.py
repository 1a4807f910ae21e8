"""Where a lake is, and what one process may use to work on it. Connecting to it belongs to `warehouse`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fulfillment_pipelines.stores.object_store import FindSecret, ObjectStore
from fulfillment_pipelines.stores.postgres_catalog import PREFIX, PostgresCatalog
from fulfillment_pipelines.stores.writer_lock import FileWriterLock, NoWriterLock, PostgresWriterLock, WriterLock


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """Where a lake is and what one process may use to work on it.

    Attributes:
        catalog: DuckLake catalogue without its prefix: `sqlite:PATH` or `postgres:CONNECTION`.
        data_path: Directory or object-store prefix of the Parquet files.
        lock_path: File that serialises writers; used with an SQLite catalogue only.
        memory_limit: DuckDB's limit, for example `4GB`.
        threads: DuckDB's worker threads.
        verify_extensions: Whether DuckDB checks the signatures of the extensions that it loads.
        lock_timeout_seconds: How long a writer waits for another writer.
        object_store: The account at the store, where `data_path` begins with `s3://`.
        find_secret: Finds the password of a PostgreSQL catalogue that `catalog` does not hold.
        working_copy: File in which this process keeps a copy of the lake's tables to work on; None works on the lake.
    """

    catalog: str
    data_path: str
    lock_path: Path
    memory_limit: str = "4GB"
    threads: int = 2
    verify_extensions: bool = True
    lock_timeout_seconds: float = 120.0
    object_store: ObjectStore | None = None
    find_secret: FindSecret = field(default=lambda _: None)
    working_copy: Path | None = None

    @property
    def embedded(self) -> bool:
        """Whether the catalogue is an SQLite file, which admits one writer at a time."""
        return self.catalog.startswith("sqlite:")

    def postgres(self) -> PostgresCatalog:
        """Return the database of a PostgreSQL catalogue.

        Raises:
            ConfigurationError: Its address cannot be read.
        """
        return PostgresCatalog.of(self.catalog, self.find_secret)

    def writer_lock(self) -> WriterLock:
        """Return the lock that lets one writer in at a time."""
        if self.embedded:
            return FileWriterLock(self.lock_path, self.lock_timeout_seconds)
        return PostgresWriterLock(self.postgres, self.lock_timeout_seconds) if self.shared else NoWriterLock()

    @property
    def shared(self) -> bool:
        """Whether the catalogue is a PostgreSQL database, which several machines may write."""
        return self.catalog.startswith(PREFIX)
