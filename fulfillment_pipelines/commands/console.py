"""`fulfillment console`: serve the web console, and give out accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from fulfillment_pipelines.commands.opening import Config, opened_for_decisions
from fulfillment_pipelines.commands.output import AsJson, console, show_rows
from fulfillment_pipelines.console.access.passwords import Passwords
from fulfillment_pipelines.console.access.signing_in import give_out_account
from fulfillment_pipelines.console.serving import serve_console
from fulfillment_pipelines.corrections.rights.access import AccessRole
from fulfillment_pipelines.ledger.accounts import count_accounts
from fulfillment_pipelines.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The web console: where people see, decide and trust.")


@app.command("serve")
def serve(config: Config = None) -> None:
    """Serve the console until Ctrl-C; the first start gives out an administrator's account.

    Example: fulfillment console serve
    """
    settings = read_settings()
    _give_out_first_account(config)
    console().print(f"Console: http://{settings.console_host}:{settings.console_port}", markup=False)
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


def _give_out_first_account(config: Config) -> None:
    with opened_for_decisions(config) as (platform, _), platform.ledger.unit_of_work() as work:
        people = platform.policies.people.everybody
        admin = next((one.id for one in people if one.active and AccessRole.ADMIN in one.access), None)
        if admin is None or count_accounts(work):
            return
        now = platform.machine_clock.now()
        secret = give_out_account(work, admin, by="console", passwords=Passwords(), policies=platform.policies, now=now)
        work.commit()
    console().print(f"First start. Sign in as {admin} with this secret, once: {secret}", markup=False)
