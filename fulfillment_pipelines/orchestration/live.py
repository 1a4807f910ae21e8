"""Keep a live deployment running: the simulated distributor, if there is one, the live loop, the console and Dagster.

The processes are started, watched and stopped together: when one ends, all end. The live loop and the console are
started anew instead; until the loop is back the sensor does its work. What Dagster runs is in `definitions`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import SecretStr

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.orchestration.processes import LOOK_SECONDS, Part, ProcessEndedError, Supervisor, interrupts
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import WebhookDeclaration, load_declaration
from fulfillment_pipelines.systems.distributor import load_distributor

_LOOPBACK: Final = "127.0.0.1"
_PREFIX: Final = "FULFILLMENT_"
_READY: Final = """
    query Ready {
      workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
        __typename ... on PythonError { message }
      } } } }
      instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
    }
"""


def dagster_home(settings: Settings) -> Path:
    """Return the folder in which Dagster keeps its instance."""
    return settings.runtime_dir / "dagster"


def environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every process: the same settings, and Dagster's home."""
    own = {_PREFIX + name.upper(): _written(value) for name, value in settings if value is not None and value != ()}
    foreign = {name: value for name, value in inherited.items() if not name.upper().startswith(_PREFIX)}
    return {
        **foreign,
        **own,
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A tick asks every system, and one that is down is asked more than once.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "180",
        "PYTHONUNBUFFERED": "1",
    }


def dagster_parts(settings: Settings, port: int) -> list[Part]:
    """Return Dagster's webserver, on loopback only, and its daemon."""
    workspace = str(settings.project_root / "workspace.yaml")
    webserver = ["-m", "dagster_webserver", "-w", workspace, "-h", _LOOPBACK, "-p", str(port)]
    daemon = ["-m", "dagster._daemon", "run", "-w", workspace]
    return [
        Part("webserver", [sys.executable, *webserver]),
        Part("daemon", [sys.executable, *daemon]),
    ]


def loop_parts(settings: Settings) -> list[Part]:
    """Return the live loop, the console and, where systems post to us, what receives it.

    Loop and console may end and come back: nothing else depends on them.
    """
    command = [sys.executable, "-m", "fulfillment_pipelines.cli"]
    parts = [Part("live", [*command, "live", "run", "--config", str(settings.config)], restarts=True)]
    parts.append(Part("console", [*command, "console", "serve", "--config", str(settings.config)], restarts=True))
    distributor = load_distributor(settings.config, settings.runtime_dir)
    if any(isinstance(load_declaration(path), WebhookDeclaration) for path in distributor.systems):
        parts.append(Part("receiver", [*command, "systems", "listen", "--config", str(settings.config)]))
    return parts


def serve(
    settings: Settings,
    twin_command: Sequence[str] | None,
    port: int,
    on_ready: Callable[[str], None],
    *,
    twin_ready_file: Path | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Run a deployment until it is interrupted or one of its processes ends.

    Args:
        settings: What the environment says; its runtime folder takes Dagster's home and the logs.
        twin_command: Starts the simulated distributor; None where the systems are somebody else's.
        port: Where the webserver listens; 0 chooses a free one.
        on_ready: Told the webserver's address when code and daemon are loaded.
        twin_ready_file: Exists once the simulated distributor serves.
        say: Told, in one line each, what a person should know.

    Returns:
        0 after an interrupt, 1 when a process ended by itself.

    Raises:
        RetryableError: The deployment was not ready in time.
        ConfigurationError: The code location cannot be loaded.
    """
    port = port or _free_port()
    _install_instance(settings)
    twin = [Part("twin", twin_command, twin_ready_file)] if twin_command else []
    with (
        interrupts() as interrupted,
        Supervisor(
            environment(settings, os.environ),
            folder=settings.project_root,
            logs=dagster_home(settings) / "logs",
            interrupted=interrupted,
            say=say,
        ) as supervisor,
    ):
        try:
            for part in (*twin, *loop_parts(settings), *dagster_parts(settings, port)):
                supervisor.start(part)
            supervisor.until(lambda: is_ready(port), "the webserver and the daemon")
            if not interrupted.is_set():
                on_ready(f"http://{_LOOPBACK}:{port}")
            while not interrupted.wait(LOOK_SECONDS):
                supervisor.require_all()
        except ProcessEndedError as error:
            say(str(error))
            return 1
    return 0


def is_ready(port: int) -> bool:
    """Return whether the webserver answers, its code is loaded and every required daemon is alive.

    Raises:
        ConfigurationError: The code cannot be loaded.
    """
    try:
        answer = ask(port, _READY)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    entries = answer["workspaceOrError"].get("locationEntries", [])
    loaded = [entry["locationOrLoadError"] for entry in entries]
    for location in loaded:
        if location and location["__typename"] == "PythonError":
            raise ConfigurationError(
                "Dagster cannot load fulfillment_pipelines.definitions.",
                found=location["message"].strip().splitlines()[0],
                remedy="run `dagster definitions validate`, which prints the whole error",
            )
    daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
    return bool(loaded) and all(loaded) and all(one["healthy"] for one in daemons if one["required"])


def ask(port: int, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what the webserver's GraphQL says to a query.

    Raises:
        OSError: Nobody listens.
        ValueError: The answer is not GraphQL's, or names errors.
    """
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=30)
    try:
        body = json.dumps({"query": query, "variables": dict(variables or {})})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer.get("errors"):
        raise ValueError(str(answer["errors"]))
    data: dict[str, Any] = answer["data"]
    return data


def _install_instance(settings: Settings) -> None:
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.project_root / "dagster.yaml", home / "dagster.yaml")
    # Webserver and daemon start together, and each would create the tables of a new instance; the second one fails.
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        instance.all_instigator_state()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _written(value: object) -> str:
    """Return a setting as the environment holds it; a secret in clear, since the processes need it."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return (os.pathsep if all(isinstance(one, Path) for one in value) else ",").join(map(str, value))
        case _:
            return str(value)
