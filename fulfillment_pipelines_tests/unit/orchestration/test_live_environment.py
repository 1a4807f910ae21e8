"""What the processes of a live deployment are told of the settings."""

from __future__ import annotations

import pytest

from fulfillment_pipelines.orchestration.live import environment
from fulfillment_pipelines.settings import read_settings


def test_every_process_reads_the_settings_that_the_deployment_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_VAULT_TOKEN", "hvs.t0ken")
    monkeypatch.setenv("FULFILLMENT_SECRETS_DIRECTORIES", "/run/a:/run/b")
    settings = read_settings()
    handed_on = environment(settings, {"FULFILLMENT_VAULT_TOKEN": "another"})
    for name, value in handed_on.items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings
    assert handed_on["FULFILLMENT_VAULT_TOKEN"] == "hvs.t0ken"
