"""A portal with orders beside the files of an ERP and a warehouse: the distributor of data/samples/vendure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.real_systems.vendure.server import Server, started
from scripts.real_systems.vendure.story import tell

REFERENCES = "vendure.env"


@dataclass(frozen=True)
class Distributor:
    """The portal and the folders, running.

    Attributes:
        server: The portal.
        codes: The portal's code of each order by the ERP's number.
        references: The dotenv file that says where everything is and how to log in.
    """

    server: Server
    codes: Mapping[str, str]
    references: Path


@contextlib.contextmanager
def whole_running(home: Path) -> Iterator[Distributor]:
    """Run a fresh portal with the orders of the story for the length of the `with` block.

    Args:
        home: Folder for everything that is written.

    Raises:
        NotInstalledError: The portal cannot be installed or started.
    """
    erp, wms = home / "erp", home / "wms"
    with started(home) as server:
        codes = tell(server.portal, erp, wms)
        values = {
            "VENDURE_URL": server.url,
            "VENDURE_API_KEY": server.api_key,
            "VENDURE_ERP_DIRECTORY": str(erp),
            "VENDURE_WMS_DIRECTORY": str(wms),
        }
        references = home / REFERENCES
        references.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
        yield Distributor(server=server, codes=codes, references=references)
