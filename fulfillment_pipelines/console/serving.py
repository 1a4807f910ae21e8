"""Serves a console over HTTP until it is stopped."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import build_console
from fulfillment_pipelines.settings import Settings


def serve_console(settings: Settings, *, config: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: A file is missing or wrong, or a route declares no permission.
    """
    is_secure = (settings.console_url or "").startswith("https://")
    with build_console(settings, config=config, is_secure=is_secure) as console:
        server = uvicorn.Config(
            create_app(console),
            host=settings.console_host,
            port=settings.console_port,
            log_level="warning",
            server_header=False,
            date_header=True,
        )
        uvicorn.Server(server).run()
