"""Where browsers reach the console, and which hosts and pages are its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Address:
    """Where browsers reach the console.

    Attributes:
        url: `scheme://host[:port]`; None where it is only reached on this machine.
    """

    url: str | None = None
    _host: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "_host", (urlsplit(self.url).hostname or "") if self.url else "")

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS, so that cookies are sent no other way."""
        return (self.url or "").startswith("https://")

    def answers_to(self, host: str) -> bool:
        """Return whether a request may ask for this host: the console's own name, or this machine."""
        name = _name_of(host)
        return bool(name) and (name == self._host or is_loopback(name))

    def is_own(self, origin: str, host: str) -> bool:
        """Return whether a page of this origin is a page of this console."""
        if self.url is not None and origin == self.url:
            return True
        return is_loopback(_name_of(host)) and origin == f"http://{host}"

    def of(self, host: str) -> str:
        """Return where the browser that asks for this host reaches the console."""
        return self.url or f"http://{host}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_private(settings: Settings) -> None:
    """Refuse to listen on a network without a proxy that brings TLS.

    Raises:
        ConfigurationError: Passwords and sessions would cross the network unencrypted.
    """
    is_secure = (settings.console_url or "").startswith("https://")
    if is_secure or is_loopback(settings.console_host):
        return
    raise ConfigurationError(
        f"The console would be reached at {settings.console_host} without TLS.",
        expected="FULFILLMENT_CONSOLE_URL=https://..., the address of a proxy before it that brings TLS",
        found=settings.console_url or "no FULFILLMENT_CONSOLE_URL",
        remedy="set it, or leave FULFILLMENT_CONSOLE_HOST at 127.0.0.1; docs/console-security.md tells more",
    )


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
