"""Foreign software on this machine: installed once into a cache, started on a free port, stopped again.

What every real system needs belongs here: where the cache is, how packages of PyPI, npm and Debian come into it, how
a template is kept, how a process is started and stopped. What one system needs stands in its own folder.

Nothing is installed outside the cache folder, and no account but the caller's own is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

_INSTALL_SECONDS = 1200
_STOP_SECONDS = 10
_LOG_CHARACTERS = 1500
_LOOPBACK = "127.0.0.1"


class NotInstalledError(Exception):
    """A real system cannot be installed or started here; the text says what is missing and how to get it."""


def cache_folder() -> Path:
    """Return the folder that keeps installed software and templates between runs; it may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fulfillment-pipelines" / "real-systems"


def fingerprint(*parts: str | Path) -> str:
    """Return a short name for the content of texts, files and the Python files of folders."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        elif part.is_dir():
            digest.update("".join(fingerprint(file) for file in sorted(part.glob("*.py"))).encode())
        else:
            digest.update(part.read_bytes())
    return digest.hexdigest()[:12]


def made_once(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `<name>-<version>` of the cache, made by `make` where it is not there whole.

    Two processes that ask at once wait for each other. A folder that was begun and not finished is made anew.

    Args:
        name: What is kept, for example `tryton`.
        version: Changes whenever what `make` does would change; take `fingerprint` of what it depends on.
        make: Fills the empty folder it is given; the folder is never moved afterwards.

    Raises:
        NotInstalledError: From `make`.
    """
    folder = cache_folder() / f"{name}-{version}"
    finished = folder / ".finished"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not finished.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder


def installed_from_pypi(name: str, requirements: Path, *, python: str | None = None) -> Path:
    """Return a virtual environment with the pinned packages of a requirements file.

    Args:
        name: Name of the system.
        requirements: File of `package==version` lines, dependencies included.
        python: Version such as `3.12`, where the packages need another than the one that runs; uv finds it.

    Raises:
        NotInstalledError: The interpreter or a package cannot be had.
    """
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise NotInstalledError("uv is not installed. Remedy: `make lint` installs it with the other development tools")

    def make(folder: Path) -> None:
        run_to_end([uv, "venv", "--quiet", "--clear", "--python", python or sys.executable, str(folder / "venv")])
        interpreter = str(folder / "venv" / "bin" / "python")
        run_to_end(
            [uv, "pip", "install", "--quiet", "--python", interpreter, "--requirements", str(requirements)],
            environment=_settings_of_pip(),
        )

    return made_once(name, fingerprint(requirements, python or sys.version), make) / "venv"


def installed_from_npm(name: str, package: Path) -> Path:
    """Return a folder that holds a `package.json` and the `node_modules` it names.

    Args:
        name: Name of the system.
        package: The `package.json`; a `package-lock.json` beside it is obeyed.

    Raises:
        NotInstalledError: Node.js or a package cannot be had.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("Node.js with npm is not installed. Remedy: apt-get install nodejs npm, or nodejs.org")
    lock = package.with_name("package-lock.json")
    files = [package, lock] if lock.is_file() else [package]

    def make(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        verb = "ci" if lock in files else "install"
        run_to_end([npm, verb, "--no-audit", "--no-fund", "--loglevel=error"], folder=folder)

    return made_once(name, fingerprint(*files), make)


def unpacked_from_debian(name: str, packages: Sequence[str], *, release: str) -> Path:
    """Return a folder with the content of Debian packages and of what they need that the machine has not installed.

    They are downloaded and unpacked, not installed: the machine stays as it is, and no root account is needed.

    Args:
        name: Name of the system.
        packages: Names of the packages; the first is the one whose version is looked at.
        release: Start of the version it must have, for example `6.0.`.

    Raises:
        NotInstalledError: This is not a Debian that has that release.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotInstalledError(f"{packages[0]} {release}* is a Debian package. Remedy: run this on Debian 12")

    def make(folder: Path) -> None:
        needed = _not_yet_installed(packages, release)
        run_to_end(["apt-get", "download", "--quiet", *needed], folder=folder)
        for archive in sorted(folder.glob("*.deb")):
            run_to_end(["dpkg-deb", "--extract", str(archive), str(folder / "root")])
            archive.unlink()
        (folder / "root").mkdir(exist_ok=True)

    return made_once(name, fingerprint(release, *packages), make) / "root"


def _not_yet_installed(packages: Sequence[str], release: str) -> list[str]:
    """Return `name=version` of each package that an installation would add."""
    simulated = ["apt-get", "install", "--simulate", "--no-install-recommends", *packages]
    answer = subprocess.run(simulated, capture_output=True, text=True, check=False)  # noqa: S603 -- no shell, own words
    if answer.returncode != 0 and os.geteuid() == 0:
        run_to_end(["apt-get", "update", "--quiet"])
        answer = subprocess.run(simulated, capture_output=True, text=True, check=False)  # noqa: S603 -- as above
    found = [line.split() for line in answer.stdout.splitlines() if line.startswith("Inst ")]
    versions = {words[1]: words[2].strip("(") for words in found}
    version = versions.get(packages[0]) or (_installed_version(packages[0]) if answer.returncode == 0 else "")
    if not version.startswith(release):
        raise NotInstalledError(
            f"{packages[0]} {release}* is not to be had from this machine's package sources "
            f"({version or answer.stderr.strip()[-_LOG_CHARACTERS:]}). "
            "Remedy: run this on Debian 12, after `apt-get update`"
        )
    return [f"{package}={version}" for package, version in versions.items()]


def _installed_version(package: str) -> str:
    return run_to_end(["dpkg-query", "--show", "--showformat=${Version}", package])


def run_to_end(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = _INSTALL_SECONDS,
) -> str:
    """Run a command until it ends and return what it printed.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        environment: Variables added to the caller's own.
        seconds: How long it may take.

    Raises:
        NotInstalledError: It failed or took too long; the text ends with the last it said.
    """
    try:
        ended = subprocess.run(  # noqa: S603 -- no shell; the words come from this folder's own scripts
            list(command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"`{' '.join(command[:4])}` could not be run: {error}") from error
    if ended.returncode != 0:
        said = f"{ended.stdout}\n{ended.stderr}".strip()[-_LOG_CHARACTERS:]
        raise NotInstalledError(f"`{' '.join(command[:4])}` ended with {ended.returncode}: {said}")
    return ended.stdout


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let Ctrl-C and a request to terminate alike end the `with` block, so that what it started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        yield


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Running:
    """A started process.

    Attributes:
        process: The process.
        log: Where it writes what it prints.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def last_said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:]


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Iterator[Running]:
    """Start a server, wait until it is ready, and stop it with everything it started at the end of the `with` block.

    Args:
        command: Program and arguments.
        log: File that takes what it prints.
        is_ready: Whether it answers; asked about ten times a second. An OSError, as urllib raises, means not yet.
        folder: Where it runs.
        environment: Variables added to the caller's own.
        seconds: How long it may take to be ready.

    Raises:
        NotInstalledError: It ended, or was not ready in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- no shell; the words come from this folder's own scripts
            list(command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Running(process, log)
    try:
        _await_ready(started, is_ready, seconds)
        yield started
    finally:
        _stop(process)


def _await_ready(started: Running, is_ready: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if is_ready():
                return
        if started.process.poll() is not None:
            raise NotInstalledError(f"the server ended with {started.process.returncode}: {started.last_said()}")
        if time.monotonic() > deadline:
            raise NotInstalledError(f"the server was not ready within {seconds:g} seconds: {started.last_said()}")
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children, politely first."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(_STOP_SECONDS)


def _settings_of_pip() -> dict[str, str]:
    """Return what uv must be told to use the index and the certificates that pip is set to."""
    told = {"UV_SYSTEM_CERTS": "true"}
    for variable, setting in (("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), ("SSL_CERT_FILE", "PIP_CERT")):
        if os.environ.get(setting):
            told[variable] = os.environ[setting]
    return {variable: os.environ.get(variable, value) for variable, value in told.items()}
