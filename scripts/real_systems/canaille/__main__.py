"""Starts an OpenID provider for a console on this machine, with one person in it, and runs until Ctrl-C."""

from __future__ import annotations

import argparse
import secrets
import signal
from pathlib import Path

from scripts.real_systems.canaille.server import Client, Member, started
from scripts.real_systems.installed import ended_in_order


def main() -> None:
    """Start it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/runtime/canaille"), help="folder for its log")
    parser.add_argument("--console", default="http://127.0.0.1:8600", help="where the console is reached")
    parser.add_argument("--person", default="ada", help="who signs in, by the id of people.yaml")
    told = parser.parse_args()
    people = {told.person: Member(f"{told.person}@distributor.example", secrets.token_urlsafe(12))}
    client = Client([f"{told.console}/sign-in/open-id/done"])
    with ended_in_order(), started(told.home.resolve(), people, client) as provider:
        print(f"{told.person} signs in with {people[told.person].password}")  # noqa: T201 -- a command speaks to its user
        print(f"FULFILLMENT_OIDC_ISSUER={provider.url} FULFILLMENT_OIDC_CLIENT_ID={client.id}")  # noqa: T201 -- as above
        print(f"FULFILLMENT_OIDC_CLAIM=sub OIDC_CLIENT_SECRET='{client.secret}'", flush=True)  # noqa: T201 -- as above
        signal.pause()


if __name__ == "__main__":
    main()
