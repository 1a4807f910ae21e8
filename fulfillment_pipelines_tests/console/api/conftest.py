"""What tests of the API share: who calls it with a token, and cases and corrections to call it for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.access.tokens import give_out_token, scopes_of
from fulfillment_pipelines.console.api.application import PATH
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.settings import Settings

Caller = Callable[..., TestClient]

_HUB = """
system: hub
title: Milestone hub
role: crm
contract_version: "2"
freshness_seconds: 3600
transport:
  kind: webhook
  signature:
    header: X-Signature
    secrets: [{ref: HUB_SECRET}]
    prefix: "sha256="
    timestamp_header: X-Timestamp
    tolerance_seconds: 300
entities:
  milestones:
    contract: milestones
    path: /hooks/hub/milestones
    id_field: event_id
    fields: [event_id, order, status, happened_at]
    key: [event_id]
    mapping: {order_id: order, milestone: status, occurred_at: happened_at}
  notes:
    contract: milestones
    path: /hooks/hub/notes
    id_header: X-Event-Id
    fields: [order, status, happened_at]
    key: [order, status]
    mapping: {order_id: order, milestone: status, occurred_at: happened_at}
"""


def token_for(console: Console, person: str, *scopes: str) -> str:
    """Return a token of a person, limited to scopes; to all that the person may without any."""
    known = console.policies.people.require_active(person)
    wanted = scopes or tuple(scopes_of(console.policies.access, known))
    with console.deciding("test") as work:
        given = give_out_token(
            work, known, "test", wanted, 1, matrix=console.policies.access, now=console.machine_now()
        )
        work.commit()
    return given.text


@pytest.fixture
def caller(console: Console) -> Iterator[Caller]:
    """Return a function that gives a client of the API with a token of somebody, or of nobody for an empty name."""
    app, opened = create_app(console), []

    def call(person: str, *scopes: str) -> TestClient:
        client = TestClient(app, base_url=f"http://127.0.0.1{PATH}", raise_server_exceptions=False)
        opened.append(client)
        if person:
            client.headers["Authorization"] = f"Bearer {token_for(console, person, *scopes)}"
        return client

    yield call
    for client in opened:
        client.close()


def a_case(client: TestClient, **wanted: str) -> dict[str, str]:
    """Return the first open case that fits."""
    found: list[dict[str, str]] = client.get("/exceptions", params={"limit": 1, **wanted}).json()["items"]
    return found[0]


@pytest.fixture
def hub_console(lived_runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The console of the same distributor, to which a hub of milestones posts events too."""
    shutil.copy(lived_runtime / "twin" / "ledger.sqlite", tmp_path / "ledger.sqlite")
    settings = Settings(runtime_dir=lived_runtime, ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    seeds = settings.project_root / "data" / "seeds"
    written = yaml.safe_load((seeds / "distributor.yaml").read_text(encoding="utf-8"))
    (tmp_path / "hub.yaml").write_text(_HUB, encoding="utf-8")
    written["systems"] = [*(str((seeds / one).resolve()) for one in written["systems"]), str(tmp_path / "hub.yaml")]
    written["seeds"] = str(seeds)
    (tmp_path / "distributor.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    monkeypatch.setenv("HUB_SECRET", "the secret")
    with build_console(settings, config=tmp_path / "distributor.yaml") as built:
        yield built
