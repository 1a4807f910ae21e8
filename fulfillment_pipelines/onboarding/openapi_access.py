"""How an OpenAPI document says that its callers are known: as the HTTP transport's `auth`, secrets by reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fulfillment_pipelines.onboarding.samples import Written


def access_of(name: str, document: Mapping[str, Any]) -> tuple[Written, Mapping[str, str]]:
    """Return the declared `auth` for the first way in that the transport knows, and the references it needs.

    Args:
        name: Declared name of the system.
        document: The OpenAPI document.
    """
    components = document.get("components")
    schemes = (components or {}).get("securitySchemes") if isinstance(components, dict) else None
    for scheme in (schemes or document.get("securityDefinitions") or {}).values():
        found = _known(name.upper(), scheme) if isinstance(scheme, dict) else None
        if found is not None:
            return found
    return {"kind": "none"}, {}


def _known(prefix: str, scheme: Mapping[str, Any]) -> tuple[Written, Mapping[str, str]] | None:
    kind = scheme.get("type")
    if kind == "oauth2" and (token_url := _token_url(scheme)):
        identity, secret = f"{prefix}_CLIENT_ID", f"{prefix}_CLIENT_SECRET"
        auth: Written = {
            "kind": "oauth2_client_credentials",
            "token_path": urlsplit(token_url).path,
            "client_id": {"ref": identity},
            "client_secret": {"ref": secret},
        }
        return auth, {identity: "the client that it knows us by", secret: "that client's secret"}
    if kind == "apiKey" and scheme.get("in") == "header":
        key = f"{prefix}_API_KEY"
        return {"kind": "api_key", "header": str(scheme.get("name")), "value": {"ref": key}}, {key: "our key"}
    if kind == "basic" or (kind == "http" and scheme.get("scheme") == "basic"):
        user, password = f"{prefix}_USER", f"{prefix}_PASSWORD"
        basic: Written = {"kind": "basic", "username": {"ref": user}, "password": {"ref": password}}
        return basic, {user: "our user", password: "that user's password"}
    if kind == "http" and scheme.get("scheme") == "bearer":
        token = f"{prefix}_TOKEN"
        return {"kind": "bearer", "token": {"ref": token}}, {token: "our token"}
    return None


def _token_url(scheme: Mapping[str, Any]) -> str:
    flow = (scheme.get("flows") or {}).get("clientCredentials") or {}
    return str(flow.get("tokenUrl") or (scheme.get("tokenUrl") if scheme.get("flow") == "application" else "") or "")
