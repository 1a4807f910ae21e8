"""A real PostgreSQL server tells of changes on a channel."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.transports.sql.listening import ChannelListener

_DECLARATION = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {kind: sql, url: {ref: SITE_DATABASE}, listen: site_changes}
entities:
  lines: {contract: lines, table: lines, fields: [line_no], key: [line_no]}
"""


@pytest.fixture
def listener(declare: Any, referring: Any) -> Any:
    return lambda url: ChannelListener(declare(_DECLARATION), referring(SITE_DATABASE=url))


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_commit_that_notifies_is_heard_and_one_that_rolls_back_is_not(
    listener: Any, postgres_database_url: str
) -> None:
    stop, rung = threading.Event(), []
    listening = threading.Thread(
        target=listener(postgres_database_url).listen, args=(stop.is_set, lambda: rung.append(1))
    )
    listening.start()
    _until(lambda: len(rung) == 1)  # it may have missed something before it listened
    with psycopg.connect(postgres_database_url.replace("+psycopg", ""), autocommit=True) as site:
        with site.transaction(force_rollback=True):
            site.execute("notify site_changes")
        site.execute("notify other_channel")
        site.execute("notify site_changes, 'first'")
        _until(lambda: len(rung) == 2)
        site.execute("notify site_changes, 'second'")
        _until(lambda: len(rung) == 3)
    stop.set()
    listening.join(20)
    assert not listening.is_alive()
    assert len(rung) == 3


def test_a_lost_connection_is_told_so_that_the_caller_polls_until_it_is_back(
    listener: Any, postgres_database_url: str
) -> None:
    ended: list[Exception] = []
    heard = threading.Event()

    def listen() -> None:
        try:
            listener(postgres_database_url).listen(lambda: False, heard.set)
        except SystemDownError as error:
            ended.append(error)

    listening = threading.Thread(target=listen)
    listening.start()
    assert heard.wait(20)
    with psycopg.connect(postgres_database_url.replace("+psycopg", ""), autocommit=True) as site:
        site.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid <> pg_backend_pid() and datname = current_database()"
        )
    listening.join(20)
    assert len(ended) == 1


def test_a_database_that_cannot_notify_is_a_wrong_declaration(listener: Any) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL only"):
        listener("sqlite:///site.sqlite").listen(lambda: True, lambda: None)
