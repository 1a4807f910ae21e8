"""Real servers, one for each way to be unwell, and the command itself as a process: it says exactly that, and soon."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from fulfillment_pipelines.cli import app
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import Settings

SEEDS = Path(__file__).parents[2] / "data" / "seeds"
LIMIT_SECONDS, SLOW_SECONDS, TAKES_SECONDS = 2, 0.3, 0.6
ITEMS = {
    "contract": "items",
    "fields": ["sku", "uom", "state"],
    "key": ["sku"],
    "mapping": {"sku": "sku", "base_uom": "uom", "status": "state"},
}
ROWS = [{"sku": f"S-{number}", "uom": "EA", "state": "ACTIVE"} for number in range(3)]


@dataclass
class Answers:
    """What the HTTP server does at each path: seconds it takes, the total it tells, the status it answers with."""

    total: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    taking_seconds: dict[str, float] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)

    def of(self, system: str) -> tuple[int, bytes]:
        if seconds := self.taking_seconds.get(system):
            self.let_go.wait(seconds)
        body = {"rows": ROWS, "total": self.total.get(system, len(ROWS))}
        return self.status.get(system, 200), json.dumps(body).encode()


@dataclass
class World:
    """A distributor whose systems are unwell in different ways."""

    config: Path
    runtime: Path
    warehouse_file: Path
    answers: Answers
    environment: Mapping[str, str]

    def pull(self) -> None:
        """Pull everything that answers, so that it is agreed on."""
        with build_platform(Settings(runtime_dir=self.runtime, duckdb_threads=1), config=self.config) as platform:
            platform.prepare()
            stages.pull(platform, ("fine", "drifted", "lying", "slow"))
            stages.admit(platform)

    def check(self, *options: str) -> tuple[int, Any, float]:
        """Run the command as a process; return its exit code, what it says and how long it took."""
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "fulfillment_pipelines.cli", "systems", "check", "--json", *options],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stdout, ended.stderr
        reports = {report["system"]: report for report in json.loads(ended.stdout)}
        return ended.returncode, reports, time.monotonic() - began


def _server(answers: Answers) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.of(self.path.split("?")[0].strip("/"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _http(name: str, url: str, **more: Any) -> dict[str, Any]:
    entity = ITEMS | {"path": f"/{name}", "records": "rows", "total_field": "total", "paging": {"kind": "none"}}
    transport = {"kind": "http", "base_url": url, "timeout_seconds": 30, "retry": {"attempts": 1}}
    return _system(name, transport, entity) | more


def _system(name: str, transport: Mapping[str, Any], entity: Mapping[str, Any]) -> dict[str, Any]:
    told = {"system": name, "title": name, "role": "crm", "contract_version": "1", "freshness_seconds": 60}
    return told | {"transport": dict(transport), "entities": {"items": dict(entity)}}


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The distributor, with everything that answers agreed on, before anything is unwell but what is always so."""
    home = tmp_path_factory.mktemp("unwell")
    answers, file = Answers(), home / "warehouse.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("create table items (sku text, uom text, state text)")
        database.executemany("insert into items values (:sku, :uom, :state)", ROWS)
        database.execute("create table stock_items as select sku, uom, state from items")
        database.commit()
    silent = socket.create_server(("127.0.0.1", 0))
    with _server(answers) as server, silent:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        systems = [
            _http("fine", url),
            _http("slow", url, slow_after_seconds=SLOW_SECONDS),
            _http("lying", url),
            _system("drifted", {"kind": "sql", "url": f"sqlite:///{file}"}, ITEMS | {"table": "items"}),
            _system("renamed", {"kind": "sql", "url": f"sqlite:///{file}"}, ITEMS | {"table": "stock_items"}),
            _http("refusing", url),
            _http("down", f"http://127.0.0.1:{_free_port()}"),
            _http("hanging", f"http://127.0.0.1:{silent.getsockname()[1]}"),
        ]
        for system in systems:
            (home / f"{system['system']}.yaml").write_text(yaml.safe_dump(system), encoding="utf-8")
        config = home / "distributor.yaml"
        told = {
            "distributor": "unwell",
            "title": "Unwell",
            "seeds": str(SEEDS),
            "checks": {"limit_seconds": LIMIT_SECONDS},
        }
        told["systems"] = [f"{system['system']}.yaml" for system in systems]
        config.write_text(yaml.safe_dump(told), encoding="utf-8")
        environment = {"FULFILLMENT_CONFIG": str(config), "FULFILLMENT_RUNTIME_DIR": str(home / "runtime")}
        made = World(config, home / "runtime", file, answers, environment)
        made.pull()
        yield made
        answers.let_go.set()
        server.shutdown()


@pytest.fixture(scope="module")
def reports(world: World) -> Any:
    """What the command says once everything is unwell."""
    world.answers.total["lying"] = 7
    world.answers.status["refusing"] = 401
    world.answers.taking_seconds["slow"] = TAKES_SECONDS
    with closing(sqlite3.connect(world.warehouse_file)) as database:
        database.execute("alter table items add column hazard_class text")
        database.execute("alter table stock_items rename column uom to uom_code")
        database.commit()
    exit_code, said, seconds = world.check()
    assert exit_code == 1
    assert seconds < 10
    return said


@pytest.mark.parametrize(
    ("system", "condition", "words"),
    [
        ("slow", ["SLOW"], "seconds to answer; it is slow after 0.3."),
        ("lying", ["MISCOUNTED"], "lying/items says that it has 7 rows and sent 3."),
        ("drifted", ["DRIFTED"], "drifted/items: added hazard_class (values not looked at); nothing reads it"),
        ("renamed", ["DRIFTED"], "table stock_items has no field uom."),
        ("renamed", ["DRIFTED"], "perhaps uom is now uom_code"),
        ("refusing", ["REFUSED"], "refused with our credentials"),
        ("down", ["DOWN"], "got no answer"),
        ("hanging", ["DOWN"], "hanging gave no answer within 2 seconds."),
    ],
)
def test_what_is_wrong_is_said_exactly(reports: Any, system: str, condition: list[str], words: str) -> None:
    assert reports[system]["conditions"] == condition
    assert any(words in line for line in reports[system]["said"]), reports[system]["said"]


def test_nothing_is_said_of_a_system_that_is_well_beside_those_that_are_not(reports: Any) -> None:
    fine = reports["fine"]
    assert (fine["conditions"], fine["said"], fine["feeds"], fine["rows"]) == ([], [], 1, 3)
    assert 0 <= fine["answered_seconds"] < 2


def test_systems_are_told_in_the_order_in_which_they_are_declared(reports: Any) -> None:
    assert list(reports) == ["fine", "slow", "lying", "drifted", "renamed", "refusing", "down", "hanging"]


def test_drift_that_landed_is_shown_and_accepted_by_command(
    world: World, reports: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del reports  # the column is there
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    world.pull()

    def command(*words: str) -> Any:
        said = CliRunner().invoke(app, ["systems", "drift", *words, "--json"])
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)

    (shown,) = command("drifted")
    assert [(one["kind"], one["field"]) for one in shown["differences"]] == [("added", "hazard_class")]
    assert shown["agreed"]["by"] == "snapshots"
    (accepted,) = command(
        "accept",
        "drifted",
        "--contract-version",
        "1",
        "--by",
        "ines",
        "--reason",
        "hazard classes are kept from now on",
    )
    assert accepted["entity"] == "items"
    everything = command()
    assert [one["differences"] for one in everything] == [[]] * len(everything)
