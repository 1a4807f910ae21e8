"""A site behind an object store: a bucket and the beginning of its keys, read and written like a folder."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    ConfigurationError,
    RejectedError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.files.system import FileSystem

WHOLE = b"line_id;qty\nL1;1\nL2;2\nTRL;2\n"
ACCOUNT = """
  timeout_seconds: 3
  s3:
    access_key: {ref: SITE_ACCESS_KEY}
    secret_key: {ref: SITE_SECRET_KEY}
    endpoint: {ref: SITE_ENDPOINT}
"""
Make = Callable[..., FileSystem]


@pytest.fixture
def make(store: Any, declare: Any, referring: Any, clock: Any, declaration: Callable[[str], str]) -> Make:
    """Make the system as declared, with any reference other than it should be."""

    def make_system(transport: str = ACCOUNT, **references: str) -> FileSystem:
        known = {
            "SITE_FOLDER": "s3://site/wms",
            "SITE_ACCESS_KEY": store.access_key,
            "SITE_SECRET_KEY": store.secret_key,
            "SITE_ENDPOINT": store.endpoint,
        }
        return FileSystem(declare(declaration(transport)), referring(**{**known, **references}), clock)

    return make_system


@pytest.fixture
def guarded(store: Any) -> Iterator[None]:
    """Let the store look at who asks."""
    httpx.post(f"{store.endpoint}/moto-api/reset-auth", content=b"0")
    yield
    httpx.post(f"{store.endpoint}/moto-api/reset-auth", content=b"Infinity")


def pull(system: FileSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def test_newest_object_is_the_snapshot_byte_for_byte(store: Any, make: Make) -> None:
    store.put("site/wms/out/L_20260302T080000Z.csv", b"line_id;qty\nL0;1\nTRL;1\n")
    store.put("site/wms/out/L_20260302T083000Z.csv", WHOLE)
    store.put("site/wms/out/deeper/L_20260302T093000Z.csv", WHOLE)
    snapshot = pull(make())
    assert [(page.name, page.content) for page in snapshot.pages] == [("L_20260302T083000Z.csv", WHOLE)]
    assert (snapshot.complete, snapshot.declared_rows) == (True, 2)


def test_folder_without_objects_is_there_and_empty(make: Make) -> None:
    make().check()
    with pytest.raises(SystemDownError, match="no file matches"):
        pull(make())


def test_half_written_object_is_passed_over_and_named(store: Any, make: Make) -> None:
    store.put("site/wms/out/L_20260302T080000Z.csv", WHOLE)
    store.put("site/wms/out/L_20260302T083000Z.csv", WHOLE[:-8])
    snapshot = pull(make())
    assert not snapshot.complete
    assert "L_20260302T083000Z.csv" in snapshot.problem


def test_bucket_that_is_not_there_is_a_configuration_error(make: Make) -> None:
    system = make(SITE_FOLDER="s3://elsewhere/wms")
    for use in (system.check, lambda: pull(system)):
        with pytest.raises(ConfigurationError, match="there is no such bucket"):
            use()


@pytest.mark.usefixtures("guarded")
def test_account_that_is_not_known_is_refused_and_its_secret_is_not_shown(
    make: Make, correction: Callable[..., Correction]
) -> None:
    system = make(SITE_SECRET_KEY="hunter2")
    for use in (system.check, lambda: pull(system), lambda: system.sink().apply(correction())):
        with pytest.raises(ConfigurationError, match="is refused to us") as raised:
            use()
        assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_store_that_is_down_is_a_system_that_is_down(make: Make, correction: Callable[..., Correction]) -> None:
    system = make(SITE_ENDPOINT="http://127.0.0.1:9")
    for use in (system.check, lambda: pull(system), lambda: system.sink().apply(correction())):
        with pytest.raises(SystemDownError, match="NETWORK_CONNECTION"):
            use()


def test_store_that_says_nothing_is_given_up_on(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SystemDownError):
            make(ACCOUNT.replace("timeout_seconds: 3", "timeout_seconds: 1"), SITE_ENDPOINT=endpoint).check()


@pytest.mark.parametrize(
    ("reference", "value"), [("SITE_FOLDER", "s3:///wms"), ("SITE_ENDPOINT", "store.example.com:9000")]
)
def test_address_that_is_none_is_a_configuration_error(make: Make, reference: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names no bucket|is no address"):
        make(**{reference: value}).check()


def test_message_is_one_object_under_its_key_however_often_it_is_applied(
    store: Any, make: Make, correction: Callable[..., Correction]
) -> None:
    sink = make().sink()
    assert [sink.apply(correction()).observed for _ in range(2)] == [Observed.QUEUED, Observed.QUEUED]
    assert store.keys("site") == ["site/wms/in/key-1.json"]
    written = json.loads(store.get("site/wms/in/key-1.json"))
    assert written == {"message_type": "qty.set", "line_id": "L1", "qty": "7"}


def test_read_back_follows_the_message_through_the_keys(
    store: Any, make: Make, correction: Callable[..., Correction]
) -> None:
    sink = make().sink()
    seen = [sink.read_back(correction())]
    sink.apply(correction())
    seen.append(sink.read_back(correction()))
    store.files.move("site/wms/in/key-1.json", "site/wms/done/key-1.json")
    seen.append(sink.read_back(correction()))
    assert seen == [Observed.ABSENT, Observed.QUEUED, Observed.APPLIED]
    store.files.move("site/wms/done/key-1.json", "site/wms/bad/key-1.json")
    with pytest.raises(RejectedError, match="was refused"):
        sink.apply(correction())


def test_put_that_broke_off_has_an_unknown_outcome(
    make: Make, correction: Callable[..., Correction], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any, **__: Any) -> None:
        raise OSError("When completing: AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 56")

    monkeypatch.setattr("fsspec.implementations.arrow.ArrowFSWrapper.open", break_off)
    sink = make().sink()
    with pytest.raises(UnknownOutcomeError, match="NETWORK_CONNECTION"):
        sink.apply(correction())
    assert sink.read_back(correction()) is Observed.ABSENT
