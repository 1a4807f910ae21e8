"""A twin in another process, reached through its control interface."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from fulfillment_pipelines.errors import ConfigurationError, RejectedError, SystemDownError
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.state import TwinState
from fulfillment_pipelines.twin.systems.switches import Switches

_TIMEOUT_SECONDS = 600.0  # a long advance is one request


class TwinClient:
    """The operations of a served twin.

    Args:
        url: Base URL of its control interface.
        token: Its token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"X-Twin-Token": token}, timeout=_TIMEOUT_SECONDS)

    @classmethod
    def of_home(cls, home: Path) -> TwinClient:
        """Return a client of the twin that is served from a directory.

        Raises:
            ConfigurationError: No twin is served from there.
        """
        path = home / "twin.env"
        if not path.exists():
            raise ConfigurationError(
                f"No twin is served from {home}.",
                expected=f"the file {path}",
                remedy="`fulfillment twin init` starts one",
            )
        lines = path.read_text(encoding="utf-8").splitlines()
        values = dict(line.partition("=")[::2] for line in lines)
        return cls(values["TWIN_CONTROL_URL"], values["TWIN_CONTROL_TOKEN"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the twin runs on."""
        self._http.close()

    def state(self) -> TwinState:
        """Return how far the distributor is."""
        return TwinState(**self._call("GET", "/state"))

    def advance(self, seconds: int) -> TwinState:
        """Let simulated seconds pass."""
        return TwinState(**self._call("POST", "/advance", {"seconds": seconds}))

    def advance_until(self, until: datetime) -> TwinState:
        """Let time pass up to an aware moment."""
        return TwinState(**self._call("POST", "/advance", {"until": until.isoformat()}))

    def inject(self, code: str, count: int = 1) -> tuple[Label, ...]:
        """Inject faults now and return their labels."""
        return tuple(map(Label.from_json, self._call("POST", "/faults", {"code": code, "count": count})))

    def labels(self) -> tuple[Label, ...]:
        """Return what is truly wrong, in the order of injection."""
        return tuple(map(Label.from_json, self._call("GET", "/labels")))

    def settle(self, code: str, business_key: str, node: str) -> None:
        """Let a person at the distributor settle a labelled difference by hand."""
        self._call("POST", "/settle", {"code": code, "business_key": business_key, "node": node})

    def repair(self, feed: str) -> int:
        """Let a source repair the broken rows of a feed such as `wms_west/shipments`; return how many."""
        return int(self._call("POST", "/repair", {"feed": feed})["repaired"])

    def switch(self, system: str, **changes: Any) -> Switches:
        """Change the switches of a system, for example `down=True`."""
        return Switches(**self._call("PATCH", f"/systems/{system}", changes))

    def outage(self, system: str, *, on: bool) -> None:
        """Take a system down or bring it back."""
        self.switch(system, down=on)

    def expire_tokens(self) -> None:
        """Make every token of the ERP invalid."""
        self._call("POST", "/tokens/expire", {})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise SystemDownError(
                "The twin does not answer.", found=str(error), remedy="see whether its process still runs"
            ) from error
        if response.is_error:
            raise RejectedError(f"The twin refuses {method} {path}.", found=response.text)
        return response.json()
