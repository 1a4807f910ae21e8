"""What browser tests share: a console that really serves, a real Chromium, and what every page is held to.

Screenshots are only written where `make docs-screens` asks for them; they are pictures for people, never compared.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines_tests.lived_console import console, lived_runtime

__all__ = ["console", "lived_runtime"]

Theme = Literal["light", "dark"]

_SCREENS = Path(__file__).parents[2] / "docs" / "screens"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# A browser of root's has no sandbox, and one in a closed network must not look for news of its maker.
_ARGUMENTS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
_SERIOUS = {"serious", "critical"}


# Not of the session: while Playwright is there, its loop runs in this thread, and nothing else can run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine, headless."""
    named = os.environ.get("BROWSER_COMMAND") or next(filter(None, map(shutil.which, _NAMES)), None)
    if named is None:
        pytest.fail("no Chromium on the PATH; `make browser` installs it, or says how")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=named, args=list(_ARGUMENTS))
        yield opened
        opened.close()


@dataclass
class Screen:
    """A browser in which somebody is signed in, and what it complained of.

    Attributes:
        page: The page.
        complaints: Errors of the page, of its console and of the policy on content.
    """

    page: Page
    complaints: list[str]

    def go(self, path: str, theme: Theme = "light") -> Page:
        """Open a page of the console in a theme, as the reader's system asks for it."""
        self.page.emulate_media(color_scheme=theme)
        self.page.goto(path, wait_until="load")
        return self.page

    def barriers(self) -> list[str]:
        """Return what keeps somebody from using the page, as axe finds it: serious and critical."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']} ({', '.join(str(node['target']) for node in one['nodes'][:3])})"
            for one in found
            if one["impact"] in _SERIOUS
        ]

    def picture(self, name: str) -> None:
        """Keep a screenshot for the documents, where that is wanted."""
        if os.environ.get("WRITE_SCREENS"):
            _SCREENS.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=_SCREENS / f"{name}.png")


Visit = Callable[[str], Screen]


@pytest.fixture
def served(console: Console) -> Iterator[str]:
    """The address at which the console of the lived distributor serves."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(console), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listening.close()
    assert not thread.is_alive()


@pytest.fixture
def visit(browser: Browser, console: Console, served: str) -> Iterator[Visit]:
    """Return a function that opens a browser for somebody; every complaint fails the test at its end."""
    opened: list[tuple[BrowserContext, Screen]] = []

    def begin(person: str) -> Screen:
        context = browser.new_context(base_url=served, viewport={"width": 1280, "height": 860}, locale="en-GB")
        if person:
            now = console.machine_now()
            with console.deciding("test") as work:
                begun = begin_session(work, person, "password", policies=console.policies, now=now)
                work.commit()
            context.add_cookies([{"name": console.cookie_name, "value": begun.secret, "url": served}])
        page = context.new_page()
        screen = Screen(page, [])
        page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        page.on("console", lambda line: screen.complaints.append(line.text) if line.type == "error" else None)
        opened.append((context, screen))
        return screen

    yield begin
    complaints = [complaint for _, screen in opened for complaint in screen.complaints]
    for context, _ in opened:
        context.close()
    assert complaints == []
