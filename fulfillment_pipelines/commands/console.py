"""`fulfillment console`: serve the web console, and give out accounts."""

from __future__ import annotations

import http
import http.client
from pathlib import Path
from typing import Annotated, Final

import typer

from fulfillment_pipelines.commands.opening import Config, opened_for_decisions
from fulfillment_pipelines.commands.output import AsJson, console, show_rows
from fulfillment_pipelines.console.access.address import require_private
from fulfillment_pipelines.console.access.passwords import Passwords
from fulfillment_pipelines.console.access.signing_in import give_out_account
from fulfillment_pipelines.console.serving import serve_console
from fulfillment_pipelines.corrections.rights.access import AccessRole
from fulfillment_pipelines.errors import SystemDownError
from fulfillment_pipelines.ledger.accounts import count_accounts
from fulfillment_pipelines.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="The web console: where people see, decide and trust.")

_LOOPBACK: Final = "127.0.0.1"
_ANSWER_SECONDS: Final = 10


@app.command("serve")
def serve(config: Config = None) -> None:
    """Serve the console until Ctrl-C; the first start gives out an administrator's account.

    Example: fulfillment console serve
    """
    settings = read_settings()
    require_private(settings)
    greet(settings, config)
    serve_console(settings, config=config)


@app.command("account")
def give_out(
    person: Annotated[str, typer.Argument(help="Who, as people.yaml names the person.")],
    by: Annotated[str, typer.Option(help="Who gives it out, as people.yaml names the person.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make or reset somebody's account, and print the secret that opens it once.

    Example: fulfillment console account ada --by ines
    """
    with opened_for_decisions(config) as (platform, _), platform.ledger.unit_of_work() as work:
        platform.policies.people.require_active(by)
        now = platform.machine_clock.now()
        secret = give_out_account(work, person, by=by, passwords=Passwords(), policies=platform.policies, now=now)
        work.commit()
    show_rows("Account", [{"person": person, "one_time_secret": secret}], as_json=as_json)


@app.command("status")
def tell_status(as_json: AsJson = False) -> None:
    """Say whether the console of this machine serves; ends with 1 where it does not, for whoever watches it.

    Example: fulfillment console status
    """
    port = read_settings().console_port
    asking = http.client.HTTPConnection(_LOOPBACK, port, timeout=_ANSWER_SECONDS)
    try:
        asking.request("GET", "/healthz")
        status = asking.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise SystemDownError(
            f"The console on port {port} does not answer.",
            expected="one that serves on this machine",
            found=type(error).__name__,
            remedy="start it with `fulfillment console serve`",
        ) from error
    finally:
        asking.close()
    show_rows("Console", [{"port": port, "answers": status}], as_json=as_json)
    raise typer.Exit(int(status != http.HTTPStatus.OK))


def greet(settings: Settings, config: Path | None = None) -> None:
    """Print where the console is, and at the first start the secret of an administrator's account."""
    secret = _first_secret(settings, config)
    address = settings.console_url or f"http://{settings.console_host}:{settings.console_port}"
    console().print(f"Console: {address}", markup=False)
    if secret:
        console().print(f"First start. Sign in as {secret[0]} with this secret, once: {secret[1]}", markup=False)


def _first_secret(settings: Settings, config: Path | None) -> tuple[str, str] | None:
    """Return an administrator and the secret of the account, made where nobody has one; None where somebody has."""
    if not settings.console_passwords:
        return None
    with opened_for_decisions(config) as (platform, _), platform.ledger.unit_of_work() as work:
        people = platform.policies.people.everybody
        admin = next((one.id for one in people if one.active and AccessRole.ADMIN in one.access), None)
        if admin is None or count_accounts(work):
            return None
        now = platform.machine_clock.now()
        secret = give_out_account(work, admin, by="console", passwords=Passwords(), policies=platform.policies, now=now)
        work.commit()
    return admin, secret
