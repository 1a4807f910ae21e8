"""Serves a console over HTTP until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import uvicorn

from fulfillment_pipelines.console.access.address import require_private
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import build_console
from fulfillment_pipelines.settings import Settings

_SHUTDOWN_SECONDS: Final = 3


def serve_console(settings: Settings, *, config: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: A file is missing or wrong, a route declares no permission, or passwords would cross a
            network unencrypted.
    """
    require_private(settings)
    with build_console(settings, config=config) as console:
        server = uvicorn.Config(
            create_app(console),
            host=settings.console_host,
            port=settings.console_port,
            log_level="warning",
            server_header=False,
            date_header=True,
            # Pages that are told of changes hold a connection open, and would never let go.
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            # What a request says of its way here is believed only where it comes from a proxy that is named.
            proxy_headers=bool(settings.console_proxies),
            forwarded_allow_ips=[str(network) for network in settings.console_proxies],
        )
        uvicorn.Server(server).run()
