"""A Karrio with shipments beside the files of an ERP and a warehouse: the distributor of data/samples/karrio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.real_systems.karrio.server import PASSWORD, USER, Server, started
from scripts.real_systems.karrio.story import tell

REFERENCES = "karrio.env"


@dataclass(frozen=True)
class Distributor:
    """Karrio and the folders, running.

    Attributes:
        server: Karrio.
        references: The dotenv file that says where everything is and how to log in.
    """

    server: Server
    references: Path


@contextlib.contextmanager
def whole_running(home: Path) -> Iterator[Distributor]:
    """Run a fresh Karrio with the shipments of the story for the length of the `with` block.

    Args:
        home: Folder for everything that is written.

    Raises:
        NotInstalledError: Karrio cannot be installed or started.
    """
    erp, wms = home / "erp", home / "wms"
    with started(home) as server:
        tell(server.karrio, erp, wms)
        values = {
            "KARRIO_URL": server.url,
            "KARRIO_USER": USER,
            "KARRIO_PASSWORD": PASSWORD,
            "KARRIO_ERP_DIRECTORY": str(erp),
            "KARRIO_WMS_DIRECTORY": str(wms),
        }
        references = home / REFERENCES
        references.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
        yield Distributor(server=server, references=references)
