"""What tests of several parts share: database servers, ledgers, findings. The rest stays in its own folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.proposing.policy import CorrectionPolicy
from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.exceptions.intake import CasePolicy, read_case_policy
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.postgres_server import PostgresServer

_SEEDS = Path(__file__).parent.parent / "data" / "seeds"


def pytest_configure(config: pytest.Config) -> None:
    """Open lakes without checking signatures anew each time, and keep PySpark from ending the workers of xdist.

    It takes a process whose main module is neither a file nor a prompt for a run of its own doctests, and leaves.
    """
    os.environ.setdefault("FULFILLMENT_DUCKDB_VERIFY_EXTENSIONS", "false")
    if hasattr(config, "workerinput"):
        sys.ps1 = ""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this test session, as `postgresql+psycopg://...`; each test makes its own database."""
    with PostgresServer() as server:
        yield server.url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def postgres_database_url(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of the session's server, dropped afterwards."""
    server, _, _ = postgres_url.rpartition("/")
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    admin = postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
    yield f"{server}/{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name)))


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger, on each of the databases that the product runs on."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_database_url")
        return url
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def ledger(ledger_url: str, migrated_sqlite: Path) -> Iterator[Ledger]:
    """A migrated ledger, on each database."""
    if ledger_url.startswith("sqlite"):
        shutil.copy(migrated_sqlite, ledger_url.removeprefix("sqlite:///"))
    opened = Ledger(ledger_url)
    if ledger_url.startswith("postgresql"):
        opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty, migrated ledger; a copy of it is made faster than by migrating."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.sqlite"
    template = Ledger(f"sqlite:///{path}")
    template.migrate()
    template.close()
    return path


@pytest.fixture
def sqlite_ledger(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Ledger]:
    """A migrated ledger in a SQLite file, where the database makes no difference to what is tested."""
    opened = Ledger(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'ledger.sqlite')}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def case_policy() -> CasePolicy:
    """Deadlines and routing as the product ships them."""
    return read_case_policy(_SEEDS)


@pytest.fixture(scope="session")
def policies() -> Policies:
    """All policies on corrections as the product ships them."""
    return read_policies(_SEEDS)


@pytest.fixture(scope="session")
def correction_policy(policies: Policies) -> CorrectionPolicy:
    """The gate for automatic corrections as the product ships it."""
    return policies.gate


@pytest.fixture(scope="session")
def noon() -> datetime:
    """A Monday noon: the watermark and the present of most tests."""
    return datetime(2026, 3, 2, 12, tzinfo=UTC)


FindingMaker = Callable[..., Finding]


@pytest.fixture(scope="session")
def make_finding(noon: datetime) -> FindingMaker:
    """Return a finding that the policy would correct at once, with any of its fields changed."""
    ordinary = Finding(
        code="FIN-01",
        business_key="SO-1001/2/SH-7",
        node="east",
        verdict=Verdict.DIFFER,
        severity=Severity.S2,
        owner="billing",
        expected_value="10",
        actual_value="0",
        delta_qty=Decimal(10),
        value_at_risk_amount=Decimal("120.50"),
        currency="USD",
        condition_since=noon - timedelta(hours=3),
        breaks_at=noon - timedelta(hours=1),
        watermark_at=noon,
        snapshots_seen=1,
        order_id="SO-1001",
        message="invoice.request",
        target_role="finance",
        correction_class="P",
        payload='{"order_id": "SO-1001", "line_no": 2, "shipment_id": "SH-7", "uom": "EA", "invoiced_qty": "10"}',
        precondition='{"shipment_id": "SH-7"}',
        judgement_reason="",
        rule_version="rule-1",
        evidence='{"wms": ["SH-7"]}',
    )

    def make(**changes: object) -> Finding:
        return replace(ordinary, **changes)

    return make


# The rooms with the longest files, so that no process is left alone with one of them at the end.
_LONGEST_FIRST = ("flow", "faults", "real_systems")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the rooms whose files take longest; within a room everything stays in its order."""
    items.sort(key=lambda item: item.path.relative_to(Path(__file__).parent).parts[0] not in _LONGEST_FIRST)


class _FileByFile(LoadScopeScheduling):
    """Deals whole files to the processes that share the tests, and the walk through the commands as one.

    Tests of one file may go on from each other, and share what was dear to make. xdist's own groups are marks in a
    node's name, which pytest 9.2 no longer takes.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("/command_line") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _FileByFile:
    """Let the processes of `make test` take whole files."""
    return _FileByFile(config, log)
