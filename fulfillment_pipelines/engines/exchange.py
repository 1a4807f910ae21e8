"""The folder that DuckDB writes for Spark to read: one Parquet file for each table that a run shows.

It lies within the lake's own folder, on the same disk or in the same object store, and is empty between runs. Which
tables are shown, and what is made of them, belongs to `spark`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pyarrow import fs

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Exchange:
    """A folder, or an object-store prefix, that this process writes and the Spark server reads under the same name.

    Attributes:
        url: The folder.
        files: Removes what was written, once a run is over.
        root: The folder as `files` names it.
    """

    url: str
    files: fs.FileSystem
    root: str

    @contextmanager
    def opened(self) -> Iterator[ExchangeFolder]:
        """Give a run a folder of its own, within the block."""
        name = uuid4().hex
        self.files.create_dir(f"{self.root}/{name}", recursive=True)
        try:
            yield ExchangeFolder(f"{self.url}/{name}")
        finally:
            self._remove(f"{self.root}/{name}")

    def _remove(self, folder: str) -> None:
        try:
            self.files.delete_dir(folder)
        except OSError as error:
            raise RetryableError(
                "What was shown to Spark could not be removed.",
                expected="a folder that this process may delete",
                found=str(error),
                remedy=f"remove {folder} once the disk or the store answers again",
            ) from error


@dataclass(frozen=True, slots=True)
class ExchangeFolder:
    """The files of one run."""

    url: str

    def put(self, transaction: Connection, table: str) -> str:
        """Write a table, or view, as the transaction sees it; return the URL of its file.

        A copy, and not the lake's own files: the lake's catalogue does not name what the transaction has written
        until it is committed, and rows that were deleted since still stand in the lake's files.

        Args:
            transaction: The lake's cursor.
            table: Its unqualified name, as models use it.
        """
        file = f"{self.url}/{table}-{uuid4().hex[:8]}.parquet"
        transaction.table(table).write_parquet(file, compression="zstd")
        return file


def exchange_in(data_path: str, files: fs.FileSystem) -> Exchange:
    """Return the exchange within a lake's folder or object-store prefix.

    Args:
        data_path: Where the lake's files are.
        files: The disk, or the store that the prefix is in.
    """
    folder = data_path if "://" in data_path else str(Path(data_path).resolve())
    url = f"{folder.rstrip('/')}/exchange"
    return Exchange(url, files, url.partition("://")[2] or url)
