"""What is tried again is logged, never printed among the results."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import stamina


def test_a_retry_is_logged_and_not_printed(
    fulfillment: Callable[..., Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fulfillment("version", "--json").json()["fulfillment-pipelines"]
    tried = []
    with caplog.at_level(logging.WARNING, logger="stamina"):
        for attempt in stamina.retry_context(on=OSError, attempts=2, wait_initial=0, wait_jitter=0):
            with attempt:
                tried.append(attempt.num)
                if attempt.num == 1:
                    raise OSError
    assert tried == [1, 2]
    assert [record.message for record in caplog.records] == ["stamina.retry_scheduled"]
    assert capsys.readouterr().out == ""


def test_a_retry_does_not_put_the_bare_name_of_its_event_on_the_terminal(
    fulfillment: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fulfillment("version", "--json").json()["fulfillment-pipelines"]
    monkeypatch.setattr(logging.getLogger("stamina"), "propagate", False)  # pytest's own handlers would take it
    for attempt in stamina.retry_context(on=OSError, attempts=2, wait_initial=0, wait_jitter=0):
        with attempt:
            if attempt.num == 1:
                raise OSError
    assert not capsys.readouterr().err
