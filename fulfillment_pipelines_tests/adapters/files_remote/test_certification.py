"""The checks of a certificate, run against folders on other machines: down and silent servers, changed copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.certification.certify import on_the_bench, results_of
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import Verdict
from fulfillment_pipelines.sql_models import SqlModel, read_models
from fulfillment_pipelines.systems.registry import connect_declared

WHOLE = b"line_id;qty\nL1;1\nL2;2\nTRL;2\n"
LINES = Contract(
    name="lines",
    version=1,
    about="One row per line of the site.",
    key=("line_id",),
    columns=(
        Column("line_id", ColumnType.TEXT, "Its number."),
        Column("qty", ColumnType.QUANTITY, "How much.", minimum=0),
    ),
)
POLICY = CertificationPolicy(timed_pulls=1, time_limit_seconds=0.5, slack_seconds=5)
SFTP = "  timeout_seconds: 3\n  sftp: {password: {ref: SITE_PASSWORD}, host_key: {ref: SITE_HOST_KEY}}"
S3 = (
    "  timeout_seconds: 3\n  s3: {access_key: {ref: SITE_ACCESS_KEY}, secret_key: {ref: SITE_SECRET_KEY}, "
    "endpoint: {ref: SITE_ENDPOINT}}"
)
NOT_RUN = {"auth.refused"}
NOT_APPLICABLE = {"reading.paging", "reading.cursor", "limit.rate", "auth.renewed"}


@pytest.fixture
def references(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What the declaration of each kind of server refers to; its one file is dropped."""
    name = "FIL_20260302T080000Z.csv"
    if request.node.callspec.params["subject"] is SFTP:
        server = request.getfixturevalue("sftp")
        (server.folder / "site" / "out" / name).write_bytes(WHOLE)
        address = f"sftp://{server.user}@127.0.0.1:{server.port}/site"
        return {"SITE_FOLDER": address, "SITE_PASSWORD": server.password, "SITE_HOST_KEY": server.fingerprint}
    store = request.getfixturevalue("store")
    store.put(f"site/wms/out/{name}", WHOLE)
    account = {"SITE_ACCESS_KEY": store.access_key, "SITE_SECRET_KEY": store.secret_key}
    return {"SITE_FOLDER": "s3://site/wms", "SITE_ENDPOINT": store.endpoint, **account}


@pytest.fixture
def subject(
    request: pytest.FixtureRequest, references: Mapping[str, str], declare: Any, referring: Any, clock: Any
) -> Subject:
    """The site behind the server."""
    declared = declare(request.getfixturevalue("declaration")(request.param))
    mapping = SqlModel("snap_site__lines", {}, "select landed_row_no, line_id, qty from landed", Path("snap.sql"))
    return Subject(
        declaration=declared,
        declaration_name="site.yaml",
        declaration_sha256="0" * 64,
        distributor="test",
        references=referring(**references),
        connect=lambda other, known: connect_declared(other, known, clock),
        sink_of=lambda system: system.sink(),
        feeds={"lines": CanonicalFeed("site", "lines", LINES, layout_of(declared.entities["lines"]), mapping)},
        entities=("lines",),
        reference=ReferenceData(nodes={}, units=(), calendars={}, feeds=()),
        operations=read_models(Path(__file__).parents[3] / "sql" / "00_operations"),
        clock=clock,
    )


@pytest.mark.parametrize("subject", [SFTP, S3], ids=["sftp", "s3"], indirect=True)
def test_remote_folder_is_certified(subject: Subject) -> None:
    reading = [check for check in CHECKS if not check.check_id.startswith("write.")]
    with on_the_bench(subject, POLICY) as examination:
        said = {result.check_id: result for result in results_of(examination, reading)}
    assert {check: one.said for check, one in said.items() if one.verdict is Verdict.FAILED} == {}
    assert {check for check, one in said.items() if one.verdict is Verdict.NOT_RUN} == NOT_RUN
    assert {check for check, one in said.items() if one.verdict is Verdict.NOT_APPLICABLE} == NOT_APPLICABLE
