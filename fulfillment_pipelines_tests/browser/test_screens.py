"""Every screen, in both themes: it shows without a complaint of the browser, and nothing bars anybody from using it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines_tests.browser.conftest import Visit


@dataclass(frozen=True)
class Wanted:
    """A screen, and who looks at it; `{case}` and `{order}` stand for one that a person must decide on."""

    name: str
    person: str
    path: str


_SCREENS = (
    Wanted("sign_in", "", "/sign-in"),
    Wanted("queue", "ada", "/queue"),
    Wanted("case", "ada", "/cases/{case}"),
    Wanted("orders", "ada", "/orders"),
    Wanted("order", "ada", "/orders/{order}"),
    Wanted("flow", "dev", "/flow"),
    Wanted("integrations", "ines", "/integrations"),
    Wanted("system", "ines", "/integrations/finance"),
    Wanted("governance", "ines", "/governance"),
    Wanted("audit", "ines", "/governance/audit"),
    Wanted("account", "ines", "/account"),
)
_IDS = [screen.name for screen in _SCREENS]


def _path(screen: Wanted, console: Console) -> str:
    with console.reading() as work:
        case = list_cases(work, CaseFilter(codes=frozenset({"FIN-02"}), only_open=True))[0]
    return screen.path.format(case=case.case_id, order=case.order_id)


@pytest.mark.parametrize("screen", _SCREENS, ids=_IDS)
def test_a_screen_shows_in_both_themes_and_on_a_telephone_and_bars_nobody(
    screen: Wanted, visit: Visit, console: Console
) -> None:
    shown, path = visit(screen.person), _path(screen, console)
    for theme in ("light", "dark"):
        page = shown.go(path, theme)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert page.locator("h1").count() == 1
        shown.picture(f"{screen.name}_{theme}")
        assert shown.barriers() == []
    page.set_viewport_size({"width": 390, "height": 860})
    page.reload(wait_until="load")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
