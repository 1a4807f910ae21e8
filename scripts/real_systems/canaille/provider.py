"""Serves Canaille with people and one client that a JSON file names; it keeps everything in its memory.

Run by the interpreter of Canaille's own environment; nothing of this repository can be imported here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from wsgiref.simple_server import make_server

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey


def main(path: str) -> None:
    """Serve until the process is ended."""
    world = json.loads(Path(path).read_text(encoding="utf-8"))
    application = create_app(
        {
            "SECRET_KEY": world["key"],
            "SERVER_NAME": world["host"],
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "SMTP": None},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, {"kid": "first"}).as_dict(private=True)]},
        }
    )
    with application.app_context():
        for name, person in world["people"].items():
            Backend.instance.save(
                models.User(
                    user_name=name,
                    formatted_name=name,
                    family_name=name,
                    emails=[person["email"]],
                    password=person["password"],
                )
            )
        client = world["client"]
        known = models.Client(
            client_id=client["id"],
            client_secret=client["secret"],
            client_name="console",
            client_uri="http://127.0.0.1",
            redirect_uris=client["redirect_uris"],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "email", "profile"],
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 -- the name of a method
        )
        Backend.instance.save(known)
        known.audience = [known]
        Backend.instance.save(known)
    host, _, port = world["host"].partition(":")
    make_server(host, int(port), application).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
