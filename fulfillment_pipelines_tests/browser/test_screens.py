"""Every screen, in both themes: it shows without a complaint of the browser, and nothing bars anybody from using it."""

from __future__ import annotations

import pytest

from fulfillment_pipelines_tests.browser.conftest import Visit

_SCREENS = {"sign_in": ("", "/sign-in"), "queue": ("dev", "/queue")}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", list(_SCREENS))
def test_a_screen_shows_and_bars_nobody(name: str, theme: str, visit: Visit) -> None:
    person, path = _SCREENS[name]
    screen = visit(person, theme)
    page = screen.go(path)
    assert page.locator("h1").count() == 1
    assert screen.barriers() == []
    screen.picture(f"{name}_{theme}")


@pytest.mark.parametrize("name", list(_SCREENS))
def test_a_screen_fits_a_telephone(name: str, visit: Visit) -> None:
    person, path = _SCREENS[name]
    page = visit(person, width=390).go(path)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
