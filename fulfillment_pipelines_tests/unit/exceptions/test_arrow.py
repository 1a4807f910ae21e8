from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow as pa
import pytest

from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.exceptions.arrow import findings_of

FindingMaker = Callable[..., Finding]


def _table(*findings: Finding) -> pa.Table:
    return pa.Table.from_pylist([asdict(finding) for finding in findings])


def test_findings_come_out_of_an_arrow_table_as_they_went_in(make_finding: FindingMaker) -> None:
    findings = [make_finding(), make_finding(business_key="SO-2", delta_qty=None)]
    assert findings_of(_table(*findings)) == findings


def test_an_instant_of_another_zone_is_read_in_utc(make_finding: FindingMaker, noon: datetime) -> None:
    table = _table(make_finding())
    index = table.column_names.index("watermark_at")
    berlin = table.column("watermark_at").cast(pa.timestamp("us", tz="Europe/Berlin"))
    (finding,) = findings_of(table.set_column(index, "watermark_at", berlin))
    assert (finding.watermark_at, finding.watermark_at.utcoffset()) == (noon, noon.utcoffset())


def test_a_null_is_read_as_the_empty_text_that_means_none(make_finding: FindingMaker) -> None:
    table = _table(make_finding())
    index = table.column_names.index("node")
    without_node = table.set_column(index, "node", pa.array([None], pa.string()))
    assert findings_of(without_node) == [replace(make_finding(), node="")]


def test_columns_may_come_in_any_order_and_with_others(make_finding: FindingMaker) -> None:
    table = _table(make_finding()).append_column("extra", pa.array([1]))
    assert findings_of(table.select(sorted(table.column_names))) == [make_finding()]


def test_a_missing_column_is_named(make_finding: FindingMaker) -> None:
    with pytest.raises(BadDataError, match="no severity, watermark_at"):
        findings_of(_table(make_finding()).drop_columns(["severity", "watermark_at"]))


def test_a_verdict_outside_of_the_vocabulary_is_named(make_finding: FindingMaker) -> None:
    table = _table(make_finding())
    index = table.column_names.index("verdict")
    with pytest.raises(BadDataError, match="'MAYBE'"):
        findings_of(table.set_column(index, "verdict", pa.array(["MAYBE"])))


def test_no_rows_are_no_findings(make_finding: FindingMaker) -> None:
    assert findings_of(_table(make_finding()).slice(0, 0)) == []
