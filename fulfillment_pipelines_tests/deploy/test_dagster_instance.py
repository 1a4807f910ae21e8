"""The Dagster instances of a deployment: what their files say is what Dagster and its launcher make of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job
from kubernetes.client import ApiClient
from sqlalchemy.engine import make_url

FILES = {"local_artifact_storage", "compute_logs"}
OLDEST_KUBERNETES = "1.32"


def _loaded(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _as_the_chart_writes_it(values: dict[str, Any]) -> dict[str, Any]:
    """Return the dagster.yaml that the chart's template makes of the values, as far as they say anything."""
    daemon, launcher = values["dagsterDaemon"], values["runLauncher"]["config"]["k8sRunLauncher"]
    database = {
        "username": values["postgresql"]["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": values["postgresql"]["postgresqlHost"],
        "db_name": values["postgresql"]["postgresqlDatabase"],
        "port": values["postgresql"]["service"]["port"],
        "scheme": values["postgresql"]["postgresqlScheme"],
    }
    monitoring, retries = daemon["runMonitoring"], daemon["runRetries"]
    return {
        "storage": {"postgres": {"postgres_db": database}},
        "run_coordinator": {"module": "dagster._core.run_coordinator", "class": daemon["runCoordinator"]["type"]},
        "run_launcher": {
            "module": "dagster_k8s",
            "class": values["runLauncher"]["type"],
            "config": {
                "load_incluster_config": launcher["loadInclusterConfig"],
                "image_pull_policy": launcher["imagePullPolicy"],
                "service_account_name": values["fullnameOverride"],
                "instance_config_map": f"{values['fullnameOverride']}-instance",
                "postgres_password_secret": values["global"]["postgresqlSecretName"],
                "dagster_home": values["global"]["dagsterHome"],
                "run_k8s_config": _snake(launcher["runK8sConfig"]),
            },
        },
        "run_monitoring": {
            "enabled": monitoring["enabled"],
            "start_timeout_seconds": monitoring["startTimeoutSeconds"],
            "cancel_timeout_seconds": monitoring["cancelTimeoutSeconds"],
            "max_resume_run_attempts": monitoring["maxResumeRunAttempts"],
            "poll_interval_seconds": monitoring["pollIntervalSeconds"],
            "free_slots_after_run_end_seconds": monitoring["freeSlotsAfterRunEndSeconds"],
        },
        "run_retries": {"enabled": retries["enabled"], "max_retries": retries["maxRetries"]},
        "sensors": _snake(daemon["sensors"]),
        "schedules": _snake(daemon["schedules"]),
        "telemetry": values["telemetry"],
        "retention": {name: _snake(values["retention"][name]) for name in ("sensor", "schedule")},
        **values["additionalInstanceConfig"],
    }


def _snake(mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        "".join("_" + one.lower() if one.isupper() else one for one in name): value for name, value in mapping.items()
    }


@pytest.fixture
def dagster_environment(postgres_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_url(postgres_database_url)
    told = {"HOST": url.host, "USER": url.username, "DATABASE": url.database, "PASSWORD": "asked of nobody here"}
    for name, value in told.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", str(value))


@pytest.mark.usefixtures("dagster_environment")
def test_the_instance_of_the_containers_keeps_its_storage_in_postgresql(
    deploy: Path, tmp_path: Path, postgres_database_url: str
) -> None:
    told = _loaded(deploy / "dagster.yaml")
    told["storage"]["postgres"]["postgres_db"]["port"] = make_url(postgres_database_url).port
    for name in FILES:
        told[name]["config"]["base_dir"] = str(tmp_path / name)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        event = dg.AssetMaterialization("rec_findings")
        instance.report_runless_asset_event(event)
        found = instance.get_latest_materialization_event(dg.AssetKey("rec_findings"))
        storages = {type(one).__name__ for one in (instance.run_storage, instance.event_log_storage)}

    assert found is not None
    assert storages == {"PostgresRunStorage", "PostgresEventLogStorage"}


def test_it_is_the_local_instance_in_all_but_where_things_are_kept(deploy: Path) -> None:
    local, deployed = _loaded(deploy.parent / "dagster.yaml"), _loaded(deploy / "dagster.yaml")

    assert {name: value for name, value in deployed.items() if name not in FILES | {"storage"}} == {
        name: value for name, value in local.items() if name != "storage"
    }


def test_the_instance_of_the_chart_is_one_that_dagster_takes_and_agrees_with_the_local_one(
    values: dict[str, Any], deploy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "asked of nobody here")
    told, local = _as_the_chart_writes_it(values), _loaded(deploy.parent / "dagster.yaml")

    checked = process_config(dagster_instance_config_schema(), told)
    launcher = process_config(K8sRunLauncher.config_type(), told["run_launcher"]["config"])

    assert checked.success, checked.errors
    assert launcher.success, launcher.errors
    for name in ("concurrency", "telemetry", "nux", "retention", "sensors", "schedules", "freshness"):
        assert told[name] == local[name], name


def test_the_job_of_a_run_is_one_that_kubernetes_takes(values: dict[str, Any], code_server: dict[str, Any]) -> None:
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    told = {
        "env": code_server["env"],
        "env_secrets": [one["name"] for one in code_server["envSecrets"]],
        "volumes": code_server["volumes"],
        "volume_mounts": code_server["volumeMounts"],
        "security_context": code_server["securityContext"],
        "run_k8s_config": _snake(launcher["runK8sConfig"]),
    }
    image = f"{code_server['image']['repository']}:{code_server['image']['tag']}"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = K8sContainerContext.create_from_config({"k8s": told})
        job = construct_dagster_k8s_job(
            DagsterK8sJobConfig(job_image=image, dagster_home=values["global"]["dagsterHome"]),
            args=["dagster", "api", "execute_run"],
            job_name="run",
            user_defined_k8s_config=context.run_k8s_config,
        )
        manifest = ApiClient().sanitize_for_serialization(job)

    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert kubernetes_validate.validate(manifest, OLDEST_KUBERNETES, strict=True)
    assert container["image"] == image
    assert container["resources"] == launcher["runK8sConfig"]["containerConfig"]["resources"]
    assert {one["name"] for one in code_server["env"]} <= {one["name"] for one in container["env"]}
