"""The examples of `docs/api.md` work: each block is run by a shell with curl against a console that is served."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.api.application import PATH
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines_tests.console.api.conftest import a_case, token_for

_MANUAL = Path(__file__).resolve().parents[3] / "docs" / "api.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(hub_console: Console) -> Iterator[dict[str, str]]:
    """The environment of somebody who follows the manual."""
    app = create_app(hub_console)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the console was not served"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    token = token_for(hub_console, "ada")
    client = TestClient(app, base_url=f"http://127.0.0.1{PATH}", headers={"Authorization": f"Bearer {token}"})
    waiting = client.get("/approvals", params={"mine": True}).json()["items"][0]["correction"]
    yield {
        "PATH": os.environ["PATH"],
        "API": f"http://127.0.0.1:{port}{PATH}",
        "TOKEN": token,
        "ORDER": "SO-100100",
        "SKU": "VLV-1014",
        "CASE": a_case(client, owner="Billing", state="OPEN")["case_id"],
        "CORRECTION": waiting["correction_id"],
        "HUB_SECRET": "the secret",
    }
    server.should_exit = True
    thread.join(20)


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="needs curl and openssl")
def test_every_example_of_the_manual_works(reader: dict[str, str]) -> None:
    blocks = _BLOCK.findall(_MANUAL.read_text(encoding="utf-8"))
    assert len(blocks) >= 7
    for block in blocks:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=reader,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 0, f"{block}\n{run.stdout}{run.stderr}"
        assert run.stdout.startswith("{"), block
