"""A site behind an SFTP server: known by its host key, logged in to by reference, read and written like a folder."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    ConfigurationError,
    FulfillmentError,
    RejectedError,
    RetryableError,
    SystemDownError,
)
from fulfillment_pipelines.systems.transports.files.system import FileSystem

WHOLE = b"line_id;qty\nL1;1\nL2;2\nTRL;2\n"
LOGIN = """
  timeout_seconds: 3
  sftp:
    username: wms
    password: {ref: SITE_PASSWORD}
    known_hosts: {ref: SITE_KNOWN_HOSTS}
"""
Make = Callable[..., FileSystem]


@pytest.fixture
def make(sftp: Any, declare: Any, referring: Any, clock: Any, declaration: Callable[[str], str]) -> Iterator[Make]:
    """Make the system as declared, with any reference other than it should be."""
    made = []

    def make_system(transport: str = LOGIN, **references: str) -> FileSystem:
        known = {
            "SITE_FOLDER": f"sftp://127.0.0.1:{sftp.port}/site",
            "SITE_PASSWORD": sftp.password,
            "SITE_KNOWN_HOSTS": sftp.known_hosts,
            "SITE_HOST_KEY": sftp.fingerprint,
        }
        made.append(FileSystem(declare(declaration(transport)), referring(**{**known, **references}), clock))
        return made[-1]

    yield make_system
    for system in made:
        system.close()


@pytest.fixture
def out(sftp: Any) -> Path:
    folder: Path = sftp.folder / "site" / "out"
    return folder


NOT_THERE = {asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory}


def leaves(family: type[asyncssh.Error]) -> Iterator[type[asyncssh.Error]]:
    yield family
    for child in family.__subclasses__():
        yield from leaves(child)


def pull(system: FileSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def test_newest_file_of_the_server_is_the_snapshot_byte_for_byte(make: Make, out: Path) -> None:
    (out / "L_20260302T080000Z.csv").write_bytes(b"line_id;qty\nL0;1\nTRL;1\n")
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE)
    snapshot = pull(make())
    assert snapshot.as_of == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert [(page.name, page.content) for page in snapshot.pages] == [("L_20260302T083000Z.csv", WHOLE)]


def test_names_that_lead_out_of_their_folder_are_passed_over(
    sftp: Any, make: Make, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE)
    (sftp.folder / "L_20260302T090000Z.csv").write_bytes(WHOLE)
    listed = asyncssh.SFTPClient.readdir

    async def with_others(client: asyncssh.SFTPClient, path: Any) -> Any:
        found = list(await listed(client, path))
        attributes = next(name.attrs for name in found if str(name.filename).startswith("L_"))
        return [*found, asyncssh.SFTPName("../../L_20260302T090000Z.csv", attrs=attributes)]

    monkeypatch.setattr(asyncssh.SFTPClient, "readdir", with_others)
    assert pull(make()).as_of == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def test_server_may_be_known_by_the_fingerprint_of_its_key(make: Make, out: Path) -> None:
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE)
    system = make(LOGIN.replace("known_hosts: {ref: SITE_KNOWN_HOSTS}", "host_key: {ref: SITE_HOST_KEY}"))
    assert pull(system).declared_rows == 2


def test_login_may_be_by_a_private_key_with_a_passphrase_on_one_line(sftp: Any, make: Make) -> None:
    key = sftp.client_key.export_private_key("pkcs8-pem", sftp.passphrase).decode()
    login = LOGIN.replace("password: {ref: SITE_PASSWORD}", "private_key: {ref: KEY}\n    passphrase: {ref: PHRASE}")
    make(login, KEY=key.replace("\n", "\\n"), PHRASE=sftp.passphrase).check()
    with pytest.raises(ConfigurationError, match="a key of its SFTP login cannot be used") as raised:
        make(login, KEY=key, PHRASE="wrong").check()
    assert key.split("\n")[1] not in str(raised.value)


@pytest.mark.parametrize(
    ("reference", "login"),
    [
        ("SITE_KNOWN_HOSTS", LOGIN),
        ("SITE_HOST_KEY", LOGIN.replace("known_hosts: {ref: SITE_KNOWN_HOSTS}", "host_key: {ref: SITE_HOST_KEY}")),
    ],
)
def test_server_with_another_host_key_is_refused_before_the_password_is_told(
    sftp: Any, make: Make, reference: str, login: str
) -> None:
    as_declared = {"SITE_KNOWN_HOSTS": sftp.known_hosts, "SITE_HOST_KEY": sftp.fingerprint}[reference]
    sftp.stop()
    sftp.start()  # with a new key
    with pytest.raises(
        ConfigurationError, match=r"not the declared one: SHA256:.*somebody may stand between"
    ) as raised:
        make(login, **{reference: as_declared}).check()
    assert sftp.fingerprint in str(raised.value)
    assert all(connection.get_extra_info("username") is None for connection in sftp.connections)


def test_server_that_is_in_no_list_is_refused(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="host key that is not the declared one"):
        make(SITE_KNOWN_HOSTS="elsewhere.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKJ5").check()


def test_sftp_address_without_a_declared_server_is_a_configuration_error(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="never logged in to"):
        make("").check()


@pytest.mark.parametrize("kind", sorted(leaves(asyncssh.Error), key=lambda kind: kind.__name__))
def test_no_error_of_the_library_leaves_the_transport(
    make: Make, correction: Callable[..., Correction], monkeypatch: pytest.MonkeyPatch, kind: type[asyncssh.Error]
) -> None:
    system = make()
    system.check()

    async def fail(*_: Any, **__: Any) -> None:
        error = kind.__new__(kind, 2, "boom")
        Exception.__init__(error, "boom")
        raise error

    for verb in ("stat", "readdir", "posix_rename", "rename"):
        monkeypatch.setattr(asyncssh.SFTPClient, verb, fail)
    for use in (system.check, lambda: pull(system), lambda: system._folder.drop("in/a", b"")):
        with pytest.raises(FulfillmentError):
            use()
    with contextlib.nullcontext() if kind in NOT_THERE else pytest.raises(FulfillmentError):
        assert system.sink().read_back(correction()) is Observed.ABSENT


def test_library_that_is_not_installed_is_named_when_it_is_needed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fulfillment_pipelines.systems.transports.files.sftp", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fulfillment-pipelines\[sftp\]'"):
        make().check()


def test_library_is_not_loaded_before_it_is_needed() -> None:
    loading = (
        "import sys, fulfillment_pipelines.systems.registry, fulfillment_pipelines.snapshots.decoding as _;"
        "sys.exit(bool({'asyncssh', 'python_calamine', 'charset_normalizer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", loading], check=False).returncode == 0


def test_refused_login_is_a_configuration_error_that_shows_no_password(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="the server refuses the login") as raised:
        pull(make(SITE_PASSWORD="hunter2"))
    assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_address_with_a_password_in_it_is_not_used(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="an SFTP address cannot be used") as raised:
        make(SITE_FOLDER="sftp://wms:hunter2@127.0.0.1/site").check()
    assert "hunter2" not in str(raised.value)


def test_server_that_is_down_is_a_system_that_is_down(
    sftp: Any, make: Make, correction: Callable[..., Correction]
) -> None:
    system = make()
    sftp.stop()
    try:
        for use in (system.check, lambda: pull(system), lambda: system.sink().read_back(correction())):
            with pytest.raises(SystemDownError, match="the connection is refused"):
                use()
        with pytest.raises(RetryableError):
            system.sink().apply(correction())
    finally:
        sftp.start()


def test_server_that_takes_the_connection_and_says_nothing_is_given_up_on(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        folder = f"sftp://127.0.0.1:{silent.getsockname()[1]}/site"
        with pytest.raises(SystemDownError, match="no answer within the time limit"):
            make(LOGIN.replace("timeout_seconds: 3", "timeout_seconds: 0.3"), SITE_FOLDER=folder).check()


def test_connection_that_was_lost_meanwhile_is_made_again(sftp: Any, make: Make, out: Path) -> None:
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE)
    system = make()
    system.check()
    sftp.cut()
    assert pull(system).declared_rows == 2


def test_folder_that_is_not_there_is_a_system_that_is_down(sftp: Any, make: Make) -> None:
    with pytest.raises(SystemDownError, match="the folder its files are exchanged in is not there"):
        make(SITE_FOLDER=f"sftp://127.0.0.1:{sftp.port}/elsewhere").check()


def test_file_that_may_not_be_read_is_told_as_a_permission(sftp: Any, make: Make, out: Path) -> None:
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE)
    sftp.denied.add("L_2026")
    with pytest.raises(ConfigurationError, match="the server denies the permission"):
        pull(make())


def test_half_written_file_on_the_server_is_passed_over_and_named(make: Make, out: Path) -> None:
    (out / "L_20260302T080000Z.csv").write_bytes(WHOLE)
    (out / "L_20260302T083000Z.csv").write_bytes(WHOLE[:-8])
    (out / "L_20260302T090000Z.csv.part").write_bytes(b"")
    snapshot = pull(make())
    assert (snapshot.complete, snapshot.declared_rows) == (False, 2)
    assert "L_20260302T083000Z.csv" in snapshot.problem


@pytest.mark.parametrize("renames_over", [True, False], ids=["posix_rename", "plain_rename_only"])
def test_message_is_written_once_however_often_it_is_applied(
    sftp: Any, make: Make, correction: Callable[..., Correction], *, renames_over: bool
) -> None:
    sftp.renames_over = renames_over
    sink = make().sink()
    receipts = [sink.apply(correction()), sink.apply(correction())]
    assert [receipt.observed for receipt in receipts] == [Observed.QUEUED, Observed.QUEUED]
    dropped = sftp.folder / "site" / "in"
    assert [path.name for path in dropped.iterdir()] == ["key-1.json"]
    assert json.loads((dropped / "key-1.json").read_bytes()) == {"message_type": "qty.set", "line_id": "L1", "qty": "7"}


def test_read_back_follows_the_message_through_the_folders_of_the_server(
    sftp: Any, make: Make, correction: Callable[..., Correction]
) -> None:
    site, sink = sftp.folder / "site", make().sink()
    seen = [sink.read_back(correction())]
    sink.apply(correction())
    seen.append(sink.read_back(correction()))
    (site / "in" / "key-1.json").rename(site / "done" / "key-1.json")
    seen.append(sink.read_back(correction()))
    assert seen == [Observed.ABSENT, Observed.QUEUED, Observed.APPLIED]
    (site / "done" / "key-1.json").rename(site / "bad" / "key-1.json")
    with pytest.raises(RejectedError, match="was refused"):
        sink.apply(correction())


def test_message_that_may_not_be_written_is_told_as_a_permission(
    sftp: Any, make: Make, correction: Callable[..., Correction]
) -> None:
    sftp.denied.add("/in/")
    with pytest.raises(ConfigurationError, match="the server denies the permission"):
        make().sink().apply(correction())
    assert list((sftp.folder / "site" / "in").iterdir()) == []


def test_folder_for_messages_is_never_made(sftp: Any, make: Make, correction: Callable[..., Correction]) -> None:
    (sftp.folder / "site" / "in").rmdir()
    with pytest.raises(RetryableError, match="could not be written"):
        make().sink().apply(correction())
    assert not (sftp.folder / "site" / "in").exists()
