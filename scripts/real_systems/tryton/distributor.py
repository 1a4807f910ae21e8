"""Both Trytons at once, as the distributor of data/samples/tryton has them, and the references to reach them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.real_systems.tryton.release import cloud_erp
from scripts.real_systems.tryton.server import PASSWORD, USER, Server, rest_key, started
from scripts.real_systems.tryton_legacy.release import legacy_warehouse

REFERENCES = "tryton.env"


@dataclass(frozen=True)
class Distributor:
    """Both systems, running.

    Attributes:
        erp: Tryton 8.2: cloud ERP and finance.
        wms: Tryton 6.0: warehouse EAST.
        references: The dotenv file that says where they are and how to log in.
    """

    erp: Server
    wms: Server
    references: Path


@contextlib.contextmanager
def both_running(home: Path) -> Iterator[Distributor]:
    """Run fresh copies of both systems for the length of the `with` block.

    Args:
        home: Folder for their databases and for the references.

    Raises:
        NotInstalledError: One of them cannot be installed or started.
    """
    with started(cloud_erp(), home) as erp, started(legacy_warehouse(), home) as wms:
        values = {
            "TRYTON_URL": erp.url,
            "TRYTON_USER": USER,
            "TRYTON_PASSWORD": PASSWORD,
            "TRYTON_REST_URL": erp.rest_url,
            "TRYTON_REST_KEY": rest_key(erp),
            "TRYTON_WMS_DATABASE_URL": f"sqlite:///{wms.database_file}",
            "TRYTON_WMS_URL": wms.url,
            "TRYTON_WMS_USER": USER,
            "TRYTON_WMS_PASSWORD": PASSWORD,
        }
        references = home / REFERENCES
        references.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
        yield Distributor(erp=erp, wms=wms, references=references)
