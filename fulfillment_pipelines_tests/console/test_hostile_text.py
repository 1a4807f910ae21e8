"""Text of other systems is hostile: markup, scripts, SQL, formulas and hidden characters, in every free text.

The ledger is filled with it in every column that holds words, and so is every answer of the lake. Then every page and
export that the application has is looked at, whoever has added it: nothing of it may become an element, an attribute
or a script, no address may lead elsewhere, nothing may reorder or hide what stands around it, and no cell of a table
for a spreadsheet may be a formula.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import cycle
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.access.routes import declared_routes
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.rendering import with_marks
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines_tests.console.conftest import Visitor

HIDDEN = "\u202egnp.exe\u2066\u200b\u061c\x07\x1b[31m\u2028"
MARKUP = (
    '<hostile-mark hostile-attr="1">\'" hostile-attr=1 onerror=hostile() </td></table></script>'
    "<script>hostile()</script>"
    "<img src=x onerror=hostile()>{{7*7191}}'; drop table account; --"
)
FORMULAS = ("=", "+", "-", "@", "\t=", "\r=")
WORDS_OF_LAKE = re.compile(
    r"name|title|reason|text|note|comment|detail|description|city|address|message|reference|email"
)
WORDS_OF_LEDGER = {
    "exception_case": ("business_key", "node", "expected_value", "actual_value", "assignee"),
    "case_event": ("note", "actor"),
    "correction": ("judgement_reason", "decision_reason", "decided_by", "reference", "proposed_by"),
    "outbox": ("last_error",),
    "receipt": ("detail", "reference", "worker"),
    "approval": ("reason", "actor"),
    "audit_log": ("reason", "actor", "subject"),
}
NESTED = {"exception_case": ("evidence",), "correction": ("payload", "precondition", "impact")}
LEADS_SOMEWHERE = {"href", "src", "action", "formaction", "hx-get", "hx-post", "sse-connect", "data"}
BROKEN, AWAY = 500, 503


def hostile(formula: str, before: str = "") -> str:
    return f"{formula}{before}{MARKUP}{HIDDEN}"


class Looking(HTMLParser):
    """What is wrong with a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "hostile-mark" or (tag == "img" and told.get("src") == "x"):
            self.wrong.append(f"the element {tag}")
        for name, value in attrs:
            if name.startswith(("hostile", "on")) or name == "style":
                self.wrong.append(f"the attribute {name} of {tag}")
            if name in LEADS_SOMEWHERE and not (value or "").startswith(("/", "#", "?")):
                self.wrong.append(f"{name} of {tag} leads to {value!r}")
            if name in LEADS_SOMEWHERE and (value or "").startswith(("//", "/\\")):
                self.wrong.append(f"{name} of {tag} leads to {value!r}")
        self._script = tag == "script" and told.get("type") != "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._script = self._script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.wrong.append(f"a script within the page: {data[:60]}")


def wrong_with(page: str) -> list[str]:
    looking = Looking()
    looking.feed(page)
    looking.close()
    if found := sorted({f"U+{ord(one):04X}" for one in page if one not in "\n\r\t" and with_marks(one) != one}):
        looking.wrong.append(f"hidden characters {found}")
    if str(7 * 7191) in page:
        looking.wrong.append("a template within a text was worked out")
    return looking.wrong


def formulas_of(text: str) -> list[str]:
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    number = re.compile(r"[+-]?[\d,.]+( ?[A-Z]{3})?")
    return [cell[:40] for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} and not number.fullmatch(cell)]


@pytest.fixture
def filled(console: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console over a ledger and a lake that are full of it."""
    assert console.platform.settings.ledger_url is not None
    with sqlite3.connect(console.platform.settings.ledger_url.removeprefix("sqlite:///")) as database:
        for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f"drop trigger {name}")
        _fill(database)
    database.close()
    asked = Questions._answer

    def answer(self: Questions, statement: str, parameters: Any) -> pa.Table:
        return _filled(asked(self, statement, parameters))

    monkeypatch.setattr(Questions, "_answer", answer)
    return console


def _fill(database: sqlite3.Connection) -> None:
    formulas = cycle(FORMULAS)
    for table in sorted(WORDS_OF_LEDGER | NESTED):
        for rowid, *texts in database.execute(_read(table)).fetchall():
            words = [hostile(next(formulas), (text or "")[:20]) for text in texts[: len(WORDS_OF_LEDGER[table])]]
            nested = [_nested(text) for text in texts[len(WORDS_OF_LEDGER[table]) :]]
            names = (*WORDS_OF_LEDGER[table], *NESTED.get(table, ()))
            settings = ", ".join(f"{name} = ?" for name in names)
            database.execute(f"update {table} set {settings} where rowid = ?", (*words, *nested, rowid))
    database.execute("update exception_case set actual_value = ? where rowid = 1", ("<hostile-mark>" * 20_000,))
    database.execute(
        "insert into kill_switch values ('rule', ?, '2026-03-09 12:00:00.000000+00:00', ?, ?)",
        ("SHP-01", hostile("="), hostile("=")),
    )


def _read(table: str) -> str:
    return f"select rowid, {', '.join((*WORDS_OF_LEDGER[table], *NESTED.get(table, ())))} from {table}"


def _nested(text: str) -> str:
    told = json.loads(text)
    return json.dumps({**told, "hostile": hostile("=")} if isinstance(told, dict) else told)


def _filled(table: pa.Table) -> pa.Table:
    formulas = cycle(FORMULAS)
    for place, column in enumerate(table.schema):
        if pa.types.is_string(column.type) and WORDS_OF_LAKE.search(column.name):
            texts = [text and hostile(next(formulas), text[:20]) for text in table.column(place).to_pylist()]
            table = table.set_column(place, column.name, pa.array(texts, pa.string()))
    return table


def addresses(console: Console) -> Iterator[tuple[str, str]]:
    """Every page and export, as its route and an address: with cases of several codes, and with hostile parameters."""
    assert console.platform.settings.ledger_url is not None
    database = sqlite3.connect(console.platform.settings.ledger_url.removeprefix("sqlite:///"))
    rows = database.execute(
        "select c.case_id, max(r.correction_id), max(c.order_id), c.code from exception_case as c"
        " left join correction as r on r.case_id = c.case_id group by c.code order by c.code limit 6"
    ).fetchall()
    database.close()
    for route in declared_routes(create_app(console).routes):
        if "GET" not in route.methods or route.path.endswith("/stream"):
            continue
        for case_id, correction_id, order_id, _ in rows if "_id}" in route.path else rows[:1]:
            known = {
                "case_id": case_id,
                "correction_id": correction_id or "none",
                "order_id": order_id,
                "system": "erp",
            }
            path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found, known=known: known.get(found[1], "1"), route.path)  # type: ignore[misc]
            yield route.path, path
        dependant = getattr(route.route, "dependant", None)
        yield (
            route.path,
            re.sub(r"\{(\w+)(:\w+)?\}", "%3Chostile-mark%3E%E2%80%AE", route.path)
            + "?"
            + "&".join(
                f"{one.name}=%3Chostile-mark%3E%22%27%E2%80%AE" for one in (dependant.query_params if dependant else ())
            ),
        )


def test_no_page_and_no_export_does_what_a_text_says(filled: Console, visitor: Visitor) -> None:
    browser, wrong, shown = visitor("ines"), {}, set()
    _say(browser, filled)
    for route, address in addresses(filled):
        answer = browser.get(address)
        if answer.status_code >= BROKEN and answer.status_code != AWAY:
            wrong[address] = [f"answers with {answer.status_code}"]
            continue
        kind = answer.headers.get("content-type", "")
        if kind.startswith("text/html"):
            found = wrong_with(answer.text)
            if "&lt;hostile-mark" in answer.text:
                shown.add(route)
        elif "csv" in kind:
            found = formulas_of(answer.text)
        else:
            assert answer.headers["x-content-type-options"] == "nosniff"
            found = [] if "json" in kind or "plain" in kind or answer.is_redirect else [f"answers with {kind}"]
        if found:
            wrong[address] = found[:4]
    assert wrong == {}
    assert {"/queue", "/cases/{case_id}", "/account"} <= shown


def _say(browser: TestClient, console: Console) -> None:
    """Write it as a person would."""
    words, case_id = hostile("="), next(path for route, path in addresses(console) if route == "/cases/{case_id}")
    browser.post(f"{case_id}/comment", data={"text": words[:1000]})
    browser.post(f"{case_id}/link", data={"system": "crm", "reference": words[:200]})
    browser.post(f"{case_id}/snooze", data={"until": "2026-03-10T00:00", "reason": words, "seen": "0"})
    browser.post("/queue/views", data={"name": words[:60], "query": "severity=S1", "team": ""})
    assert (
        browser.post("/account/tokens", data={"name": words[:120], "days": "1", "scopes": ["case.view"]}).status_code
        == 200
    )


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\x07", "\ufeff", "\U000e0041"])
def test_a_hidden_character_is_shown_as_a_mark(character: str) -> None:
    assert with_marks(f"a{character}b") == f"a[U+{ord(character):04X}]b"
    assert with_marks("a\nb\té שלום") == "a\nb\té שלום"


@pytest.mark.parametrize(
    "page",
    [
        "<p>\u202e</p>",
        "<hostile-mark>",
        '<a href="javascript:x">',
        '<a href="//evil.example">',
        "<p onclick=x>",
        "<p style=x>",
        "<script>x</script>",
    ],
)
def test_what_the_walk_looks_for_it_would_find(page: str) -> None:
    assert wrong_with(page) != []
    assert formulas_of("a,b\n=1+1,-5.00") == ["=1+1"]
