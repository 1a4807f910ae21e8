"""The `fulfillment` command: its groups, and how an error ends it.

What each command does is in `commands`, and is imported when it is asked for; nothing is decided here.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any, Final

import typer
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks
from typer.core import TyperGroup

from fulfillment_pipelines.commands.output import show_error
from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError

_COMMANDS: Final = {
    "run": "run:app",
    "up": "live:app",
    "live": "live_loop:app",
    "console": "console:app",
    "systems": "systems:app",
    "rules": "rules:app",
    "config": "config:app",
    "policy": "policy:app",
    "messages": "messages:app",
    "exceptions": "ledger:exceptions",
    "corrections": "ledger:corrections",
    "approvals": "approvals:app",
    "switches": "switches:app",
    "deliver": "deliver:app",
    "explain": "explain:app",
    "causes": "causes:app",
    "timing": "timing:app",
    "query": "query:app",
    "compare": "compare:app",
    "twin": "twin:app",
    "audit": "audit:app",
    "upkeep": "upkeep:app",
    "version": "version:app",
}


class CommandsOnDemand(TyperGroup):
    """A group that imports a command when it is asked for, so that none waits for what another needs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the loop."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command of that name; None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        try:
            loaded = getattr(import_module(f"fulfillment_pipelines.commands.{module}"), attribute)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"The command '{cmd_name}' needs the package {error.name}.",
                expected="the extra that brings it",
                found="it is not installed",
                remedy="pip install -e '.[twin]'",
            ) from error
        command = typer.main.get_command(loaded)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=CommandsOnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Reconcile a distributor's systems, correct what is wrong, and prove that it is cured.",
)


@app.callback()
def fulfillment() -> None:
    """Reconcile a distributor's systems, correct what is wrong, and prove that it is cured."""


def main() -> None:
    """Run the command line; an error of ours is told in four lines, without a traceback."""
    # Where structlog is installed, stamina would tell each retry on stdout, which belongs to the result.
    set_on_retry_hooks([LoggingOnRetryHook])
    # Without a handler of anybody's, Python would write the bare name of the event to the terminal.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    try:
        app()
    except FulfillmentError as error:
        sys.exit(show_error(error))


if __name__ == "__main__":
    main()
