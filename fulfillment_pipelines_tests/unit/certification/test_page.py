"""The certificate as a page and as JSON: it says what was found, loudly what was not, and needs nothing but itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fulfillment_pipelines.certification.page import rendered, write_certificate
from fulfillment_pipelines.certification.verdicts import (
    Area,
    Certificate,
    CheckResult,
    ColumnCoverage,
    EntityReport,
    Verdict,
)


def result(
    verdict: Verdict, check_id: str = "access.whole", entity: str = "lines", said: str = "It is so."
) -> CheckResult:
    return CheckResult(check_id, f"Promise {check_id}", Area.ACCESS, entity, verdict, said, {"rows": "3"}, 0.5)


REPORT = EntityReport(
    entity="lines",
    contract="order_lines",
    contract_version=1,
    mapping_version="abc",
    rows=1000,
    quarantined_rows=1,
    failures={"qty:type": 1},
    unread_fields=("colour",),
    unmapped_fields=("weight",),
    columns=(ColumnCoverage("qty", True, True, 999, 1000), ColumnCoverage("lot", False, False, 1, 1000)),
    pulls=5,
    p50_seconds=0.1,
    p95_seconds=0.2,
    rows_per_second=10_000,
)
SOUND = Certificate(
    system="site",
    title="A site under test",
    role="wms",
    node="EAST",
    transport="http",
    distributor="Test distributor",
    interface_version="1",
    declaration="site.yaml",
    declaration_sha256="0" * 64,
    product_version="1.2.3",
    issued_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
    issued_by="Ada",
    freshness_seconds=60,
    writes=False,
    results=(result(Verdict.PASSED, "access.answers", ""), result(Verdict.PASSED)),
    entities=(REPORT,),
)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


@pytest.mark.parametrize(
    ("verdicts", "stamp"),
    [
        ([Verdict.PASSED, Verdict.NOT_APPLICABLE], "CERTIFIED every check that applies passed"),
        ([Verdict.PASSED, Verdict.NOT_RUN], "NOTHING FAILED 1 checks were not run"),
        ([Verdict.NOT_RUN, Verdict.FAILED], "NOT CERTIFIED 1 of 2 checks failed"),
    ],
    ids=["certified", "not_complete", "failed"],
)
def test_stamp_says_certified_only_where_everything_that_applies_passed(verdicts: list[Verdict], stamp: str) -> None:
    results = tuple(result(verdict, f"check.{number}") for number, verdict in enumerate(verdicts))
    certificate = replace(SOUND, results=results)
    assert stamp in text_of(rendered(certificate))
    assert ("CERTIFIED every" in text_of(rendered(certificate))) is (certificate.passed and certificate.complete)


def test_what_did_not_pass_stands_first_and_the_same_reason_once() -> None:
    results = (
        result(Verdict.NOT_RUN, "write.twice", "", "Nothing was written."),
        result(Verdict.NOT_RUN, "write.undone", "", "Nothing was written."),
        result(Verdict.FAILED, "drift.gone", "lines", "It was taken in silence."),
    )
    told = text_of(rendered(replace(SOUND, results=results)))
    assert (
        "FAILED It was taken in silence. Promise drift.gone (lines) "
        "not run Nothing was written. Promise write.twice; Promise write.undone" in told
    )


def test_page_carries_identity_evidence_and_a_place_to_sign() -> None:
    told = text_of(rendered(SOUND))
    for words in (
        "A site under test",
        "02 March 2026, 09:00 UTC by Ada",
        "fulfillment_pipelines 1.2.3",
        f"sha256 {'0' * 64}",
        "The system was only read.",
        "Broken checks: qty:type (1 rows)",
        "not declared: colour",
        "not mapped: weight",
        "For the distributor: name, signature",
        f"sha256 {SOUND.sha256}",
    ):
        assert words in told


def test_a_gap_is_never_rounded_away() -> None:
    told = text_of(rendered(SOUND))
    assert "qty required &gt; 99 % 999 of 1,000" in told
    assert "lot optional, not mapped &lt; 1 % 1 of 1,000" in told


class _Loaded(HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or "src" in given or "href" in given:
            self.found.append((tag, given))


def test_page_loads_nothing_and_runs_nothing_whatever_a_system_says() -> None:
    hostile = result(Verdict.FAILED, said="<script>alert(1)</script><img src=http://elsewhere.test/x>")
    page = rendered(replace(SOUND, title="<script>alert(2)</script>", results=(hostile,)))
    loaded = _Loaded()
    loaded.feed(page)
    assert loaded.found == []
    assert "url(" not in page


def test_json_says_the_same_as_the_page(tmp_path: Path) -> None:
    page, data = write_certificate(SOUND, tmp_path / "certificates")
    said = json.loads(data.read_text(encoding="utf-8"))
    assert (page.name, data.name) == ("site.html", "site.json")
    assert said["counts"] == {"PASSED": 2, "FAILED": 0, "NOT RUN": 0, "NOT APPLICABLE": 0}
    assert (said["passed"], said["complete"], said["sha256"]) == (True, True, SOUND.sha256)
    assert said["sha256"] in page.read_text(encoding="utf-8")


def test_hash_changes_with_every_word_of_the_certificate() -> None:
    otherwise = replace(SOUND, results=(result(Verdict.PASSED, "access.answers", "", "It was so."), SOUND.results[1]))
    assert otherwise.sha256 != SOUND.sha256


COMMITTED = sorted((Path(__file__).parents[3] / "docs" / "certificates").glob("*.json"))


@pytest.mark.parametrize("data", COMMITTED, ids=[path.stem for path in COMMITTED])
def test_committed_page_is_that_of_the_json_beside_it(data: Path) -> None:
    said = json.loads(data.read_text(encoding="utf-8"))
    page = data.with_suffix(".html").read_text(encoding="utf-8")
    assert f"sha256 {said['sha256']}" in text_of(page)
    assert said["declaration_sha256"] in page


def test_there_are_committed_certificates() -> None:
    assert {"finance", "portal", "wms_north"} <= {path.stem for path in COMMITTED}
