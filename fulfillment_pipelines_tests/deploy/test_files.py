"""What every file of a deployment must keep to, whatever tool reads it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from fulfillment_pipelines.cli import app
from fulfillment_pipelines.console.access.address import require_private
from fulfillment_pipelines.console.access.open_id import CLIENT_SECRET
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import LEDGER_PASSWORD
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.stores import object_store, postgres_catalog
from fulfillment_pipelines.stores.lake_location import LakeLocation

OLDEST_KUBERNETES = "1.32"
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+[\w.-]*$")
GIVEN_FROM_OUTSIDE = re.compile(r"^\$\{\w+:\?[^}]+\}$")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY")
REFERENCES = {
    LEDGER_PASSWORD,
    postgres_catalog.PASSWORD,
    object_store.ACCESS_KEY,
    object_store.SECRET_KEY,
    object_store.SESSION_TOKEN,
    CLIENT_SECRET,
}


@pytest.fixture(scope="session")
def environments(
    compose: dict[str, Any], live_pod: dict[str, Any], console_pod: dict[str, Any], code_server: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The environment of every process, by its name; a value from a secret is a mapping."""
    pods = {"live pod": live_pod, "console pod": console_pod, "code server": code_server}
    named = {name: {one["name"]: one.get("value", one) for one in pod["env"]} for name, pod in pods.items()}
    return named | {name: service.get("environment", {}) for name, service in compose.items()}


def _scripts() -> set[str]:
    return {one.name for one in entry_points(group="console_scripts")}


def _commands(compose: dict[str, Any], live_pod: dict[str, Any], console_pod: dict[str, Any]) -> list[list[str]]:
    of_services = [service["command"] for service in compose.values() if "command" in service]
    checks = [service["healthcheck"]["test"][1:] for service in compose.values() if "healthcheck" in service]
    of_pod = [live_pod["command"], live_pod["livenessProbe"]["exec"]["command"], console_pod["command"]]
    return [*of_services, *(check for check in checks if check[0] != "pg_isready"), *of_pod]


def _images(compose: dict[str, Any], live_pod: dict[str, Any], values: dict[str, Any], deploy: Path) -> Iterator[str]:
    yield from (service["image"] for service in compose.values())
    yield live_pod["image"]
    for part in (
        values["dagsterWebserver"],
        values["dagsterDaemon"],
        *values["dagster-user-deployments"]["deployments"],
    ):
        yield f"{part['image']['repository']}:{part['image']['tag']}"
    yield from re.findall(r"^FROM (\S+)", (deploy / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_compose_file_keeps_to_its_specification(deploy: Path) -> None:
    schema = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json").read_text("utf-8")
    composed = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))

    jsonschema.validate(composed, json.loads(schema))


def test_every_manifest_keeps_to_the_schemas_of_kubernetes(deploy: Path) -> None:
    manifests = sorted((deploy / "kubernetes").glob("*.yaml"))

    assert manifests
    for path in manifests:
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            kubernetes_validate.validate(manifest, OLDEST_KUBERNETES, strict=True)


def test_every_variable_is_a_setting_or_a_reference_that_is_looked_up(environments: dict[str, dict[str, Any]]) -> None:
    settings = {f"FULFILLMENT_{name.upper()}" for name in Settings.model_fields}
    foreign = {"POSTGRES_USER", "POSTGRES_PASSWORD", "DAGSTER_HOME", "DAGSTER_PG_PASSWORD"}
    foreign |= {f"DAGSTER_POSTGRES_{name}" for name in ("HOST", "USER", "DATABASE", "PASSWORD")}

    for process, environment in environments.items():
        assert set(environment) <= settings | REFERENCES | foreign, process


def test_every_process_of_the_product_is_told_the_same_stores(environments: dict[str, dict[str, Any]]) -> None:
    stores = {
        f"FULFILLMENT_{name}" for name in ("LAKE_CATALOG", "LAKE_DATA_URL", "LANDING_URL", "LEDGER_URL", "CONFIG")
    }

    for process in environments.keys() - {"postgres"}:
        assert stores <= set(environments[process]), process
    for name in stores:
        assert environments["live pod"][name] == environments["code server"][name] == environments["console pod"][name]


def test_what_the_upkeep_archives_outlasts_every_process(
    compose: dict[str, Any], code_server: dict[str, Any], deploy: Path
) -> None:
    claim = yaml.safe_load((deploy / "kubernetes" / "audit-archive.yaml").read_text(encoding="utf-8"))
    folder = next(one["value"] for one in code_server["env"] if one["name"] == "FULFILLMENT_AUDIT_ARCHIVE_DIR")
    mounted = next(mount["name"] for mount in code_server["volumeMounts"] if mount["mountPath"] == folder)
    volume = next(one for one in code_server["volumes"] if one["name"] == mounted)
    composed = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))

    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    for name in ("code", "daemon", "live"):
        archive = compose[name]["environment"]["FULFILLMENT_AUDIT_ARCHIVE_DIR"]
        named = {entry.split(":")[1]: entry.split(":")[0] for entry in compose[name]["volumes"]}
        assert named[archive] in composed["volumes"], name


def test_no_secret_is_written_down(environments: dict[str, dict[str, Any]], deploy: Path) -> None:
    for process, environment in environments.items():
        for name, value in environment.items():
            if SECRET_NAME.search(name):
                from_kubernetes = isinstance(value, dict) and "secretKeyRef" in value["valueFrom"]
                is_given = from_kubernetes or GIVEN_FROM_OUTSIDE.match(value) or value == f"${{{name}:-}}"
                assert is_given or name == "FULFILLMENT_CONSOLE_PASSWORDS", f"{process}: {name}"
            elif name.endswith(("_URL", "_CATALOG", "_ISSUER")):
                assert not re.search(r"password=|://[^/@]*:[^/@]*@", value), f"{process}: {name}"
    assert not (deploy / ".env").exists()


def test_every_image_is_pinned_and_ours_is_the_version_of_the_package(
    compose: dict[str, Any],
    live_pod: dict[str, Any],
    console_pod: dict[str, Any],
    values: dict[str, Any],
    deploy: Path,
) -> None:
    version = tomllib.loads((deploy.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    images = [*_images(compose, live_pod, values, deploy), console_pod["image"]]

    assert [image for image in images if not PINNED.match(image)] == []
    assert {image.rpartition(":")[2] for image in images if "fulfillment-pipelines:" in image} == {version}


def test_every_command_exists(compose: dict[str, Any], live_pod: dict[str, Any], console_pod: dict[str, Any]) -> None:
    for command in _commands(compose, live_pod, console_pod):
        assert command[0] in _scripts(), command
        if command[0] == "fulfillment":
            asked = CliRunner().invoke(app, [*command[1:], "--help"])
            assert asked.exit_code == 0, asked.output


def test_the_live_pod_is_given_the_time_that_it_may_wait_for_the_lake(live_pod: dict[str, Any]) -> None:
    probe, waits = live_pod["livenessProbe"], LakeLocation("postgres:", "s3://lake", Path("lock")).lock_timeout_seconds

    assert probe["periodSeconds"] * probe["failureThreshold"] > waits


def test_only_webserver_and_console_are_reached_from_outside_and_only_from_this_machine(
    compose: dict[str, Any],
) -> None:
    ports = {name: service["ports"] for name, service in compose.items() if "ports" in service}

    assert ports == {"webserver": ["127.0.0.1:3000:3000"], "console": ["127.0.0.1:8600:8600"]}


def test_the_console_starts_as_it_is_deployed(compose: dict[str, Any], console_pod: dict[str, Any]) -> None:
    pod = {one["name"]: one.get("value", "") for one in console_pod["env"]}
    for environment in (compose["console"]["environment"], pod):
        given = {
            name.removeprefix("FULFILLMENT_").lower(): value
            for name, value in environment.items()
            if name.startswith(("FULFILLMENT_CONSOLE_", "FULFILLMENT_OIDC_")) and not value.startswith("${")
        }
        require_private(Settings(**{"console_url": "https://given.example", **given}))
        with pytest.raises(ConfigurationError, match="without TLS"):
            require_private(Settings(**{**given, "console_url": None}))


def test_the_image_copies_what_exists_and_runs_as_nobody_in_particular(deploy: Path) -> None:
    dockerfile = (deploy / "Dockerfile").read_text(encoding="utf-8")
    ignored = (deploy / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if re.match(r"COPY (?!--from)", line)]
    allowed = {line[1:] for line in ignored if line.startswith("!")}

    for path in (path for paths in copied for path in paths):
        assert (deploy.parent / path).exists(), path
        assert path in allowed or any(one.startswith(f"{path}/") for one in allowed), path
    assert ignored[1] == "*"
    assert dockerfile.rindex("USER 10001:10001") > dockerfile.rindex("FROM ")


def test_the_image_installs_extras_that_exist_with_the_installer_of_the_lock_file(deploy: Path) -> None:
    project = tomllib.loads((deploy.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dockerfile = (deploy / "Dockerfile").read_text(encoding="utf-8")
    extras = re.search(r'"\.\[([\w,]+)\]"', dockerfile)
    installer = re.search(r"uv==[\d.]+", dockerfile)

    assert extras
    assert {"kubernetes", "s3"} <= set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert installer
    assert f"\n{installer[0]} " in (deploy.parent / "requirements.lock").read_text(encoding="utf-8")


def test_chart_and_libraries_are_of_the_dagster_that_the_package_runs_on(deploy: Path) -> None:
    project = tomllib.loads((deploy.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dagster = next(one.removeprefix("dagster==") for one in project["dependencies"] if one.startswith("dagster=="))
    library = dagster.replace("1.13.", "0.29.")
    script = (deploy / "check.sh").read_text(encoding="utf-8")
    values = (deploy / "helm" / "values.yaml").read_text(encoding="utf-8")

    assert f"chart_version={dagster}\n" in script
    assert f"--version {dagster} " in values
    assert set(project["optional-dependencies"]["kubernetes"]) == {
        f"dagster-k8s=={library}",
        f"dagster-postgres=={library}",
    }


def test_every_variable_that_the_compose_file_asks_for_is_given_when_it_is_checked(deploy: Path) -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (deploy / "compose.yaml").read_text(encoding="utf-8")))
    given = set(re.findall(r"(\w+)=\S+ ", (deploy / "check.sh").read_text(encoding="utf-8")))

    assert asked <= given
