"""Starts an OpenID provider that knows some people and one client."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.real_systems.installed import free_port, installed_from_pypi, running

_HERE = Path(__file__).parent
_START_SECONDS = 60
_MOST_STEPS = 5
_FIELD = re.compile(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"')


@dataclass(frozen=True)
class Member:
    """Somebody who signs in there.

    Attributes:
        email: The address; Canaille does not say whether it is verified.
        password: What the person types.
    """

    email: str
    password: str


@dataclass(frozen=True)
class Client:
    """The client.

    Attributes:
        redirect_uris: Where a browser may be sent back to.
        id: Its name.
        secret: What it proves itself with.
    """

    redirect_uris: Sequence[str]
    id: str = "console"
    secret: str = "S3cret/of:the console"  # noqa: S105 -- of a server that lives for one test


@dataclass(frozen=True)
class Provider:
    """A provider that runs.

    Attributes:
        url: Its address, which is its name as an issuer.
        people: Who signs in there.
    """

    url: str
    people: Mapping[str, Member]

    def sent_back_to(self, address: str, name: str) -> str:
        """Sign somebody in, as a browser sent to `address` would, and return where the browser is sent then."""
        with httpx.Client(base_url=self.url, timeout=20) as browser:
            answer = _followed(browser, browser.get(address), self.url)
            for _ in range(_MOST_STEPS):
                if answer.is_redirect:
                    return answer.headers["location"]
                form = dict(_FIELD.findall(answer.raise_for_status().text))
                typed = {"login": name, "password": self.people[name].password}
                form |= {field: value for field, value in typed.items() if field in form}
                answer = _followed(browser, browser.post(answer.url, data=form), self.url)
        raise AssertionError(f"{name} could not sign in: {answer.url}")


def _followed(browser: httpx.Client, answer: httpx.Response, url: str) -> httpx.Response:
    """Follow redirects within the provider."""
    while answer.is_redirect and urlsplit(answer.headers["location"]).netloc in {"", urlsplit(url).netloc}:
        answer = browser.get(answer.url.join(answer.headers["location"]))
    return answer


@contextlib.contextmanager
def started(home: Path, people: Mapping[str, Member], client: Client) -> Iterator[Provider]:
    """Run a provider with fresh keys for the length of the `with` block.

    Args:
        home: Folder for what it knows and its log.
        people: Who signs in there.
        client: Who sends them.

    Raises:
        NotInstalledError: Canaille cannot be installed, or the server did not come up.
    """
    interpreter = installed_from_pypi("canaille", _HERE / "requirements.txt") / "bin" / "python"
    home.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    known = {name: asdict(person) for name, person in people.items()}
    world = {"key": secrets.token_hex(), "host": host, "people": known, "client": asdict(client)}
    file = home / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")
    url = f"http://{host}"
    metadata = f"{url}/.well-known/openid-configuration"
    with running(
        [str(interpreter), str(_HERE / "provider.py"), str(file)],
        log=home / "canaille.log",
        is_ready=lambda: _answers(metadata),
        folder=home,
        seconds=_START_SECONDS,
    ):
        yield Provider(url, people)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.HTTPError:
        return False
