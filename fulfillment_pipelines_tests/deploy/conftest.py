"""The files of a deployment, read as their tools read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def deploy() -> Path:
    """The folder of the files."""
    return ROOT / "deploy"


@pytest.fixture(scope="session")
def compose(deploy: Path) -> dict[str, Any]:
    """The services of the compose file by name, with what they have in common filled in."""
    services: dict[str, Any] = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return services


@pytest.fixture(scope="session")
def live_pod(deploy: Path) -> dict[str, Any]:
    """The one container of the live loop on Kubernetes."""
    manifest = yaml.safe_load((deploy / "kubernetes" / "live-loop.yaml").read_text(encoding="utf-8"))
    container: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return container


@pytest.fixture(scope="session")
def console_pod(deploy: Path) -> dict[str, Any]:
    """The one container of the console on Kubernetes."""
    manifest, *_ = yaml.safe_load_all((deploy / "kubernetes" / "console.yaml").read_text(encoding="utf-8"))
    container: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return container


@pytest.fixture(scope="session")
def values(deploy: Path) -> dict[str, Any]:
    """What is set for Dagster's chart."""
    loaded: dict[str, Any] = yaml.safe_load((deploy / "helm" / "values.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="session")
def code_server(values: dict[str, Any]) -> dict[str, Any]:
    """The one code location of the chart's values."""
    deployment: dict[str, Any] = values["dagster-user-deployments"]["deployments"][0]
    return deployment
