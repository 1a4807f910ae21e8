"""How DuckDB plans a run that reads everything: by what the models say, not by how large it believes a table to be.

What a transaction has written has no statistics before it is committed, and what it has committed has none of how many
rows a key has. DuckDB then guesses which side of a join is the smaller one, and holds the larger one in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from fulfillment_pipelines.warehouse.journal import Connection


@contextmanager
def joining_as_written(connection: Connection) -> Iterator[None]:
    """Within the block, have joins hold the side that the model names behind `join`.

    The setting is one of the process, not of the connection: whatever else it asks meanwhile is planned likewise.

    Args:
        connection: The lake's cursor.
    """
    connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    try:
        yield
    finally:
        # By a cursor of its own: in a transaction that has failed, the connection's runs nothing more.
        with closing(connection.cursor()) as other:
            other.execute("reset disabled_optimizers")
