"""The permission matrix, walked in full: every route, every access role, cases of the own and of a foreign team.

Routes are found in the application, whoever has added them. What is expected is worked out from the text of
`access.yaml` alone. A refused request must answer 403 and leave the ledger as it was; any other answers neither 401 nor
403, nor fails.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from fulfillment_pipelines.console.access.routes import PUBLIC_PATHS, DeclaredRoute, declared_routes
from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.corrections.approving.people import People, PeopleSeed, Person
from fulfillment_pipelines.corrections.rights.access import AccessMatrix, AccessRole

FORBIDDEN, UNAUTHORIZED, BROKEN, AWAY = 403, 401, 500, 503
SEEDS = Path(__file__).parents[2] / "data" / "seeds"
ROLES = [role.value for role in AccessRole]
CASE_PATHS = ("{case_id}", "{correction_id}")
PERSON = "walker"
LATER = "2030-01-01T00:00:00+00:00"
WORDS = {
    "case": "{case_id}",
    "to": PERSON,
    "system": "crm",
    "until": LATER,
    "team": "",
    "scopes": "case.view",
    "days": "1",
}


@dataclass(frozen=True)
class World:
    """What the walk goes through.

    Attributes:
        app: The application.
        console: What it works with.
        ledger: The file of its ledger.
        own: Values for the parameters of paths, of a case whose team is the walker's.
        foreign: The same of a case of another team.
    """

    app: FastAPI
    console: Console
    ledger: Path
    own: Mapping[str, str]
    foreign: Mapping[str, str]

    def routes(self) -> list[tuple[str, DeclaredRoute]]:
        """Return every route that needs something, once for each method."""
        found = [one for one in declared_routes(self.app.routes) if one.needs is not None]
        return [(method, one) for one in found for method in sorted(one.methods - {"HEAD"})]


@pytest.fixture
def world(console: Console) -> World:
    assert console.platform.settings.ledger_url is not None
    ledger = Path(console.platform.settings.ledger_url.removeprefix("sqlite:///"))
    with sqlite3.connect(ledger) as database:
        found = database.execute(
            "select c.case_id, c.owner, r.correction_id, c.order_id from exception_case as c"
            " join correction as r on r.case_id = c.case_id where c.closed_at is null order by c.case_id"
        ).fetchall()
    database.close()
    team = found[0][1]
    own, foreign = found[0], next(row for row in found if row[1] != team)
    _let_walk(console, [], {team})
    return World(create_app(console), console, ledger, _values(own), _values(foreign))


def _values(row: tuple[str, str, str, str]) -> dict[str, str]:
    names = dict(zip(("case_id", "owner", "correction_id", "order_id"), row, strict=True))
    return {**names, "person_id": "karl", "token_id": "0123456789abcdef", "name": "otif", "system": "erp"}


def _let_walk(console: Console, roles: list[str], teams: set[str] | None = None) -> None:
    """Let the walker have these roles; the teams stay where none are named."""
    policies = console.platform.policies
    known = policies.people.get(PERSON)
    teams = teams if teams is not None else set(known.teams if known else ())
    walker = Person(
        id=PERSON, name="A Walker", roles=frozenset(), active=True, access=frozenset(roles), teams=frozenset(teams)
    )
    others = [person for person in policies.people.everybody if person.id != PERSON]
    people = People(PeopleSeed(version=1, people=[*others, walker]))
    changed = replace(policies, people=people, access=AccessMatrix(policies.access.seed, people))
    object.__setattr__(console.platform, "policies", changed)


def _signed_in(console: Console) -> dict[str, str]:
    """Begin a session of the walker, and return the headers of its requests."""
    with console.deciding("test") as work:
        begun = begin_session(work, PERSON, "oidc", policies=console.policies, now=console.machine_now())
        work.commit()
    return {"cookie": f"{console.cookie_name}={begun.secret}", "x-csrf-token": begun.session.csrf_token}


def _body(route: DeclaredRoute, values: Mapping[str, str]) -> tuple[str, bytes]:
    """Return a body that the route can read, whatever its form: the right kinds, and names that exist where it can."""
    assert isinstance(route.route, APIRoute)
    fields = {field.name: field.field_info.annotation for field in route.route.dependant.body_params}
    if route.path.startswith("/api/"):
        return "application/json", _json_of(next(iter(fields.values()), None))
    models = [kind for kind in fields.values() if _is_model(kind)]
    for model in models:
        fields = {name: field.annotation for name, field in model.model_fields.items()}
    form = [(name, _typed(name, kind).format(**values)) for name, kind in fields.items()]
    return "application/x-www-form-urlencoded", urlencode(form).encode()


def _is_model(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)


def _typed(name: str, kind: Any) -> str:
    if name in WORDS:
        return WORDS[name]
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return str(next(iter(kind)).value)
    return "0" if kind is int else "because of a test"


def _json_of(kind: Any) -> bytes:
    if not _is_model(kind):
        return b"{}"
    properties = kind.model_json_schema().get("properties", {})
    example: dict[str, Any] = {
        name: WORDS.get(name, (told.get("examples") or ["because of a test"])[0]) for name, told in properties.items()
    }
    return json.dumps(example, default=str).encode()


def _permits(roles: list[str], permission: str, *, is_own: bool) -> bool:
    """Work out from the text of the policy file whether these roles may."""
    written = yaml.safe_load((SEEDS / "access.yaml").read_text(encoding="utf-8"))["roles"]
    held = {written[role].get(permission) for role in roles}
    return "all" in held or ("own" in held and is_own)


async def _status(world: World, method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
    """Return the status that a request is answered with; a stream is left once it has begun."""
    begun: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
    told = [{"type": "http.request", "body": body, "more_body": False}]
    sent = {"host": "127.0.0.1", "content-length": str(len(body)), **headers}
    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return told.pop() if told else await asyncio.Event().wait()  # type: ignore[func-returns-value]

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and not begun.done():
            begun.set_result((message["status"], dict(message["headers"]).get(b"content-type", b"").decode()))

    answering = asyncio.ensure_future(world.app(scope, receive, send))
    await asyncio.wait({answering, begun}, return_when=asyncio.FIRST_COMPLETED)
    status, content = await begun
    if content.startswith("text/event-stream"):
        answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return status


def _ask(world: World, method: str, route: DeclaredRoute, values: Mapping[str, str], headers: Mapping[str, str]) -> int:
    kind, body = _body(route, values) if method != "GET" else ("text/plain", b"")
    path = route.path.format_map(_Filled(values))
    return asyncio.run(_status(world, method, path, {**headers, "content-type": kind}, body))


class _Filled(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "1"


def _expected(route: DeclaredRoute, method: str, role: str, *, is_own: bool) -> bool:
    permission = route.needs.permission if route.needs else None
    if permission is None:
        return True
    is_of_a_case = method != "GET" and any(name in route.path for name in CASE_PATHS)
    return _permits([role], permission, is_own=is_own or not is_of_a_case)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma data_version").fetchone()[0])


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_not_do_is_refused_and_changes_nothing(world: World, role: str) -> None:
    _let_walk(world.console, [role])
    headers, wrong, walked = _signed_in(world.console), [], 0
    database = sqlite3.connect(world.ledger)
    for method, route in world.routes():
        for is_own, values in ((True, world.own), (False, world.foreign)):
            if not _expected(route, method, role, is_own=is_own):
                before = _version(database)
                status = _ask(world, method, route, values, headers)
                walked += 1
                if status != FORBIDDEN or _version(database) != before:
                    whose = "own" if is_own else "foreign"
                    wrong.append(f"{method} {route.path} ({whose}): {status}, changed {_version(database) != before}")
    database.close()
    assert wrong == []
    assert walked > 0


def _refused(world: World, role: str, asked: Iterable[tuple[str, DeclaredRoute, bool]]) -> list[str]:
    """Return what of it a role is refused although it may, or what fails; each in a session of its own."""
    _let_walk(world.console, [role])
    wrong = []
    for method, route, is_own in asked:
        if route.path not in {"/sign-out", "/password"} and _expected(route, method, role, is_own=is_own):
            values = world.own if is_own else world.foreign
            status = _ask(world, method, route, values, _signed_in(world.console))
            if status in {UNAUTHORIZED, FORBIDDEN} or (status >= BROKEN and status != AWAY):
                wrong.append(f"{method} {route.path} as {role} ({'own' if is_own else 'foreign'}): {status}")
    return wrong


def test_what_a_role_may_do_is_not_refused(world: World) -> None:
    """Each route once, by the first role that may; `make test-slow` walks all of them."""
    wrong = []
    for method, route in sorted(world.routes(), key=lambda found: (found[0] != "GET", found[1].path)):
        role = next(role for role in reversed(ROLES) if _expected(route, method, role, is_own=True))
        wrong += _refused(world, role, [(method, route, True)])
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_a_role_may_do_is_refused(world: World, role: str) -> None:
    routes = sorted(world.routes(), key=lambda found: (found[0] != "GET", found[1].path))
    assert _refused(world, role, [(*found, is_own) for found in routes for is_own in (True, False)]) == []


def test_nobody_and_a_person_without_a_role_are_refused_everywhere(world: World) -> None:
    _let_walk(world.console, [])
    headers, wrong = _signed_in(world.console), []
    for method, route in world.routes():
        nobody = _ask(world, method, route, world.own, {})
        if nobody not in {303, UNAUTHORIZED}:
            wrong.append(f"{method} {route.path}: {nobody} for nobody")
        if route.needs is not None and route.needs.permission is not None:
            roleless = _ask(world, method, route, world.own, headers)
            if roleless != FORBIDDEN:
                wrong.append(f"{method} {route.path}: {roleless} for who has no role")
    assert wrong == []


def test_without_the_token_of_the_session_nothing_is_changed(world: World) -> None:
    _let_walk(world.console, ROLES)
    headers = {"cookie": _signed_in(world.console)["cookie"]}
    wrong = []
    for method, route in world.routes():
        if method != "GET" and (status := _ask(world, method, route, world.own, headers)) != FORBIDDEN:
            wrong.append(f"{method} {route.path}: {status}")
    assert wrong == []


def test_what_needs_nobody_to_be_signed_in_is_known(world: World) -> None:
    public = {one.path for one in declared_routes(world.app.routes) if one.needs is None}
    assert public <= PUBLIC_PATHS
    assert "/queue" not in public
