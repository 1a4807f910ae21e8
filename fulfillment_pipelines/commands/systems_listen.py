"""`fulfillment systems listen`: receive what systems post to us, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import EXIT_FAILED, console
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.loop.receiving import receiver_of, webhook_systems
from fulfillment_pipelines.settings import read_settings


def listen(
    config: Config = None,
    host: Annotated[str, typer.Option(help="Address to listen on; behind a proxy that ends TLS, the default.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8787,
) -> None:
    """Receive webhooks until Ctrl-C: each message is checked, kept once, and answered when it is kept.

    Example: fulfillment systems listen --port 8787
    """
    import uvicorn  # noqa: PLC0415 - only this command serves

    with build_platform(read_settings(), config=config) as platform:
        platform.prepare_ledger()
        declared = webhook_systems(platform)
        if not declared:
            console().print(
                "No declared system posts to us: none has `transport: {kind: webhook}` (docs/events.md).", markup=False
            )
            raise typer.Exit(EXIT_FAILED)
        for declaration in declared:
            for path in declaration.paths:
                console().print(f"POST http://{host}:{port}{path}  ({declaration.name})", markup=False)
        console().print(f"GET  http://{host}:{port}/health", markup=False)
        uvicorn.run(receiver_of(platform), host=host, port=port, log_level="warning", server_header=False)
