"""A twin in this process: the distributor, its servers and its address file, started and stopped together."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette

from fulfillment_pipelines.twin.control.control_api import control_application
from fulfillment_pipelines.twin.distributor import Distributor
from fulfillment_pipelines.twin.history import STARTS_AT, live_through
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.state import TwinState
from fulfillment_pipelines.twin.systems.crm_api import crm_application
from fulfillment_pipelines.twin.systems.edi_files import EdiFiles
from fulfillment_pipelines.twin.systems.erp_api import ClientCredentials, TokenDesk, erp_application
from fulfillment_pipelines.twin.systems.http_server import HttpServers
from fulfillment_pipelines.twin.systems.north_files import NorthFiles
from fulfillment_pipelines.twin.systems.portal_api import portal_application
from fulfillment_pipelines.twin.systems.postgres import PostgresServer
from fulfillment_pipelines.twin.systems.switches import SwitchedApp, Switches
from fulfillment_pipelines.twin.systems.tms_api import tms_application
from fulfillment_pipelines.twin.systems.tms_drop import TmsDrop
from fulfillment_pipelines.twin.systems.west_api import west_application
from fulfillment_pipelines.twin.world.books import Shelf
from fulfillment_pipelines.twin.world.catalogue import write_unit_conversions
from fulfillment_pipelines.twin.world.demand import Volume
from fulfillment_pipelines.twin.world.timing import epoch

_CLIENT_ID = "fulfillment"
_CRM_USER = "fulfillment"
_DATABASES = ("wms_east", "finance")  # named like the systems they belong to
_DIRECTORIES = {"WMS_NORTH_DIRECTORY": "wms_north", "EDI_DIRECTORY": "edi", "TMS_DROP_DIRECTORY": "tms_drop"}
_KEY_BYTES = 18


class Twin:
    """A served distributor. Use `Twin.start`, and close it or use it as a context manager.

    Attributes:
        home: The twin's directory.
        addresses: What `twin.env` holds: URLs, keys and the directory of the legacy site.
    """

    def __init__(
        self,
        home: Path,
        addresses: Mapping[str, str],
        *,
        distributor: Distributor,
        desk: TokenDesk,
        postgres: PostgresServer,
    ) -> None:
        self.home = home
        self.addresses = addresses
        self._distributor = distributor
        self._desk = desk
        self._postgres = postgres
        self._resources = ExitStack()

    @classmethod
    def start(
        cls,
        home: Path,
        seed: int,
        *,
        faults: bool = True,
        history: bool = True,
        volume: Volume | None = None,
        starts_at: datetime = STARTS_AT,
    ) -> Twin:
        """Start a distributor, let it live through its history and serve it.

        Args:
            home: Directory for the address file and the legacy site's files; made if it is missing.
            seed: Seed of the world: the same seed gives the same world and the same labels.
            faults: Whether the history has faults in it.
            history: Whether to live through the history; without it the world stands at its start, empty.
            volume: How much the distributor does.
            starts_at: When its world begins; leave it alone where there is a history.

        Raises:
            ConfigurationError: The database server's package or an unprivileged user is missing.
            SystemDownError: A server did not start.
        """
        home = home.resolve()
        home.mkdir(parents=True, exist_ok=True)
        for folder in ("wms_north", "tms_drop"):
            shutil.rmtree(home / folder, ignore_errors=True)  # files of an earlier world would look newer than ours
        with ExitStack() as starting:
            postgres = starting.enter_context(PostgresServer(_DATABASES))
            shelf = _open_shelf(postgres, starting)
            north = NorthFiles(home / "wms_north")
            edi = EdiFiles(home / "edi", epoch(starts_at))
            tms_drop = TmsDrop(home / "tms_drop")
            volume = volume or Volume()
            distributor = Distributor(shelf, north, edi, tms_drop, seed=seed, volume=volume, start_at=epoch(starts_at))
            if history:
                live_through(distributor, faults=faults)
            return cls._serve(home, distributor, postgres, starting)

    @classmethod
    def _serve(cls, home: Path, distributor: Distributor, postgres: PostgresServer, starting: ExitStack) -> Twin:
        keys = _Keys(**{key.name: secrets.token_urlsafe(_KEY_BYTES) for key in fields(_Keys)})
        desk = TokenDesk(ClientCredentials(_CLIENT_ID, keys.client_secret))
        addresses: dict[str, str] = {}
        twin = cls(home, addresses, distributor=distributor, desk=desk, postgres=postgres)
        served = {
            name: SwitchedApp(app, distributor.switches, name)
            for name, app in _applications(distributor, desk, keys).items()
        }
        servers = HttpServers({**served, "control": control_application(twin, keys.control)})
        starting.callback(servers.close)
        addresses.update(_http_addresses(servers, keys))
        addresses.update({f"{name.upper()}_DATABASE_URL": postgres.client_url(name) for name in _DATABASES})
        addresses.update({name: str(home / folder) for name, folder in _DIRECTORIES.items()})
        write_unit_conversions(home / "unit_conversions.csv")
        _write_addresses(home / "twin.env", addresses)
        starting.callback((home / "twin.env").unlink, missing_ok=True)
        twin._resources = starting.pop_all()
        return twin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every server and remove the address file; safe to call twice."""
        self._resources.close()

    def state(self) -> TwinState:
        """Return how far the distributor is."""
        return self._distributor.state()

    def advance(self, seconds: int) -> TwinState:
        """Let simulated seconds pass."""
        self._distributor.advance_to(self._distributor.now + seconds)
        return self.state()

    def advance_until(self, until: datetime) -> TwinState:
        """Let time pass up to an aware moment.

        Raises:
            RejectedError: The moment lies in the past.
        """
        self._distributor.advance_to(epoch(until))
        return self.state()

    def inject(self, code: str, count: int = 1) -> tuple[Label, ...]:
        """Inject faults now and return their labels.

        Raises:
            RejectedError: The code is unknown, or nothing is left that the fault could strike.
        """
        return self._distributor.inject(code, count)

    def labels(self) -> tuple[Label, ...]:
        """Return what is truly wrong, in the order of injection."""
        return self._distributor.labels

    def settle(self, code: str, business_key: str, node: str) -> None:
        """Let a person at the distributor settle a labelled difference by hand.

        Raises:
            RejectedError: Nothing of that kind is wrong, or nobody can settle it by hand.
        """
        self._distributor.settle(code, business_key, node)

    def repair(self, feed: str) -> int:
        """Let a source repair the broken rows of a feed such as `wms_west/shipments`; return how many."""
        return self._distributor.repair(feed)

    def switch(self, system: str, **changes: Any) -> Switches:
        """Change the switches of a system, for example `down=True`.

        Raises:
            RejectedError: There is no such system or switch.
        """
        switches = self._distributor.switches.set(system, **changes)
        if system in _DATABASES and "down" in changes:
            self._postgres.allow_clients(system, allowed=not switches.down)
        return switches

    def outage(self, system: str, *, on: bool) -> None:
        """Take a system down or bring it back."""
        self.switch(system, down=on)

    def expire_tokens(self) -> None:
        """Make every token of the ERP invalid."""
        self._desk.expire_all()


@dataclass(frozen=True, slots=True)
class _Keys:
    """What clients authenticate with; new at every start."""

    client_secret: str
    portal: str
    west: str
    tms: str
    crm: str
    control: str


def _applications(distributor: Distributor, desk: TokenDesk, keys: _Keys) -> dict[str, Starlette]:
    return {
        "erp": erp_application(distributor, desk),
        "portal": portal_application(distributor, keys.portal),
        "wms_west": west_application(distributor, keys.west),
        "tms": tms_application(distributor, keys.tms),
        "crm": crm_application(distributor, _CRM_USER, keys.crm),
    }


def _http_addresses(servers: HttpServers, keys: _Keys) -> dict[str, str]:
    return {
        "ERP_URL": servers.url("erp"),
        "ERP_CLIENT_ID": _CLIENT_ID,
        "ERP_CLIENT_SECRET": keys.client_secret,
        "PORTAL_URL": servers.url("portal"),
        "PORTAL_API_KEY": keys.portal,
        "WMS_WEST_URL": servers.url("wms_west"),
        "WMS_WEST_API_KEY": keys.west,
        "TMS_URL": servers.url("tms"),
        "TMS_API_KEY": keys.tms,
        "CRM_URL": servers.url("crm"),
        "CRM_USER": _CRM_USER,
        "CRM_PASSWORD": keys.crm,
        "TWIN_CONTROL_URL": servers.url("control"),
        "TWIN_CONTROL_TOKEN": keys.control,
    }


def _open_shelf(postgres: PostgresServer, starting: ExitStack) -> Shelf:
    shelf = Shelf(postgres.url("wms_east"), postgres.url("finance"))
    starting.callback(shelf.close)
    for database in _DATABASES:
        postgres.grant(database, inbox="interface_inbox")
    return shelf


def _write_addresses(path: Path, addresses: Mapping[str, str]) -> None:
    content = "".join(f"{name}={value}\n" for name, value in addresses.items())
    half_written = path.with_suffix(".part")
    with os.fdopen(os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    half_written.replace(path)
