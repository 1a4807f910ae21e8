"""The flow shows where orders stand and how well it goes, and behind every number stand as many rows as it says."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading import flow_lists, flow_trust
from fulfillment_pipelines.console.reading.flow_answers import FlowAnswers
from fulfillment_pipelines.console.reading.flow_kpis import KpiFigure, read_kpi_figures
from fulfillment_pipelines.console.reading.flow_memory import FlowMemory
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.console.reading.flow_stages import read_open_business
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.ledger.history import case_history
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.kpis import Standing

Visitor = Callable[[str], TestClient]

_SUMS = re.compile(r'class="flow-sums"><strong>([\d,]+)</strong> \w+(?: · <strong>([\d,]+)</strong> lines)?')
_WORDS = "open orders|missed it|unknown|stall|orders|legs|records|lines|cases|past their promise"
_LINK = re.compile(rf'<a[^>]*href="(/flow/[^"]+)"[^>]*>\s*([\d,]+)(?: (?:{_WORDS}))?\s*<')


@pytest.fixture
def scope(console: Console) -> FlowScope:
    """Everything, thirty days back."""
    return FlowScope(console.now())


@pytest.fixture
def figures(console: Console, scope: FlowScope) -> dict[str, KpiFigure]:
    """The KPIs of the demonstration, by name."""
    with console.reading() as work:
        return {figure.name: figure for figure in read_kpi_figures(console, scope, work)}


def behind(client: TestClient, href: str) -> int:
    """Return how much a list says it has."""
    page = client.get(href)
    assert page.status_code == 200, page.text
    found = _SUMS.search(page.text)
    assert found, href
    orders, lines = found.groups()
    # A number of lines leads to their orders; how many lines they have stands beside.
    return int((lines if lines and "bucket=" in href else orders).replace(",", ""))


# --- every number leads to what it counts ---------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?site=EAST", "?owner=Site&days=7"])
def test_behind_every_number_of_the_page_stand_as_many_rows(visitor: Visitor, query: str) -> None:
    client = visitor("dev")
    page = client.get("/flow" + query)
    links = {html.unescape(href): int(number.replace(",", "")) for href, number in _LINK.findall(page.text)}
    assert len(links) > 40
    kinds = {kind_of(href): (href, number) for href, number in links.items()}
    wrong = {href: (number, found) for href, number in kinds.values() if (found := behind(client, href)) != number}
    assert wrong == {}


def kind_of(href: str) -> tuple[str, ...]:
    """Return what a link asks for, apart from which site, team or code; each kind is looked behind once."""
    parts = urlsplit(href)
    asked = parse_qs(parts.query)
    return parts.path, *(asked.get(name, [""])[0] for name in ("kpi", "result")), *(name for name in sorted(asked))


def test_orders_lines_and_value_of_the_stages_add_up_to_what_is_open(console: Console, scope: FlowScope) -> None:
    business = read_open_business(FlowAnswers(console, scope))
    under_way = [stage for stage in business.stages if stage.name != "INVOICED"]
    assert sum(stage.order_count for stage in under_way) == business.order_count > 200
    assert sum(stage.stalled_count for stage in under_way) == business.stalled_count > 20
    for stage in under_way:
        listed = flow_lists.read_orders(console, scope, flow_lists.Asked(stage=stage.name))
        assert (listed.row_count, listed.amounts) == (stage.order_count, stage.amounts)


def test_the_lines_units_and_value_of_an_age_are_those_of_its_list(console: Console, scope: FlowScope) -> None:
    business = read_open_business(FlowAnswers(console, scope))
    for bucket in (bucket for bucket in business.ageing if bucket.line_count):
        listed = flow_lists.read_orders(console, scope, flow_lists.Asked(bucket=bucket.name))
        assert listed.row_count == bucket.order_count
        assert dict(listed.totals)["lines"] == f"{bucket.line_count:,}"
        assert listed.amounts == bucket.amounts
        assert sum(row.said["line_count"] for row in listed.rows) == bucket.line_count or listed.older


def test_the_value_of_a_place_where_orders_stall_is_that_of_its_list(console: Console, scope: FlowScope) -> None:
    business = read_open_business(FlowAnswers(console, scope))
    assert len(business.stalls) > 20
    for stall in business.stalls[:10]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(stall.href).query).items()}
        part = FlowScope(scope.now, site=asked.pop("site"), owner=asked.pop("owner"))
        listed = flow_lists.read_orders(console, part, flow_lists.Asked(**asked))
        assert [listed.row_count, listed.amounts[0].amount] == [stall.order_count, stall.open_amount]


def test_a_list_goes_on_over_pages_and_keeps_its_sums(
    console: Console, scope: FlowScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_lists, "PAGE_SIZE", 50)
    seen: list[str] = []
    for page in range(1, 6):
        listed = flow_lists.read_orders(console, scope, flow_lists.Asked(page=page))
        seen += [row.said["order_id"] for row in listed.rows]
        assert (bool(listed.newer), bool(listed.older)) == (page > 1, page * 50 < listed.row_count)
    assert len(seen) == len(set(seen)) == listed.row_count


# --- what the KPIs say ----------------------------------------------------------------------------------------------


def test_every_kpi_says_its_population_its_coverage_and_the_moment_it_speaks_of(figures: dict[str, KpiFigure]) -> None:
    assert len(figures) == 15
    for name, figure in figures.items():
        assert figure.population_count > 0, name
        assert figure.coverage is not None, name
        assert 0 <= figure.coverage <= 1, name
        assert figure.watermark_at or figure.lists == "/flow/cases", name


def test_a_tile_shows_target_and_coverage_and_what_the_kpi_says(visitor: Visitor) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.unescape(visitor("dev").get("/flow").text)))
    assert "Perfect orders" in text
    assert "target ≥ 95.0 %" in text
    assert re.search(r"100 % of \d+ orders; 0 missed it", text)
    assert "Answered for by Customer Service. Definition 1: SCOR RL.1.1." in text


def test_a_kpi_whose_feed_is_stale_is_unknown_whatever_it_says(
    console: Console, scope: FlowScope, figures: dict[str, KpiFigure]
) -> None:
    assert figures["otif"].standing is Standing.MET
    late = FlowScope(scope.now + timedelta(hours=3))
    with console.reading() as work:
        stale = {figure.name: figure for figure in read_kpi_figures(console, late, work)}
    assert stale["otif"].figure == figures["otif"].figure
    assert stale["otif"].standing is Standing.UNKNOWN
    assert "older than it may be" in stale["otif"].caution
    assert {figure.standing for figure in stale.values() if figure.lists != "/flow/cases"} == {Standing.UNKNOWN}


def test_a_kpi_that_was_counted_too_long_ago_is_unknown_though_its_feeds_are_fresh(
    console: Console, scope: FlowScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_trust, "read_untrusted_feeds", lambda _: ())
    monkeypatch.setattr("fulfillment_pipelines.console.reading.flow_kpis.read_untrusted_feeds", lambda _: ())
    late = FlowScope(scope.now + timedelta(hours=30))
    with console.reading() as work:
        found = {figure.name: figure for figure in read_kpi_figures(console, late, work)}
    assert found["otif"].standing is Standing.UNKNOWN
    assert "counts again" in found["otif"].caution


def test_a_stale_feed_of_another_site_does_not_darken_this_one() -> None:
    feed = flow_trust.UntrustedFeed("wms_west", "shipments", "wms", "shipment_lines", "WEST", "stale", None)
    assert flow_trust.that_concern("otif", [feed], "") == [feed]
    assert flow_trust.that_concern("otif", [feed], "WEST") == [feed]
    assert flow_trust.that_concern("otif", [feed], "EAST") == []
    assert flow_trust.that_concern("inventory_accuracy", [feed], "WEST") == []


def test_where_the_lake_holds_nothing_a_banner_says_what_to_run_and_the_ledger_is_shown_all_the_same(
    console: Console, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, parameters: Any = None) -> list[Row]:
        raise BadDataError(
            f"The lake cannot answer {name}.", found=str(parameters), remedy="`fulfillment run` makes them"
        )

    monkeypatch.setattr(console.questions, "ask", refuse)
    page = visitor("dev").get("/flow")
    assert page.status_code == 200
    assert "fulfillment run --demo" in page.text
    assert "Cases solved in time" in page.text
    assert "Perfect orders" not in page.text  # absent, not zero


def test_who_may_not_see_the_flow_is_refused(console: Console, visitor: Visitor) -> None:
    assert not console.policies.access.seed.roles["admin"].get("flow.view")
    assert visitor("").get("/flow").status_code in {303, 401}
    for path in ("/flow", "/flow/orders", "/flow/legs", "/flow/stock", "/flow/cases"):
        assert visitor("dev").get(path).status_code == 200


def test_an_answer_is_remembered_for_some_seconds_and_an_error_is_not() -> None:
    moment, asked = [0.0], []

    def ask() -> list[Row]:
        asked.append(moment[0])
        if len(asked) == 1:
            raise BadDataError("The lake cannot answer.", remedy="run it")
        return [{"at": moment[0]}]

    memory = FlowMemory(seconds=15, monotonic=lambda: moment[0])
    with pytest.raises(BadDataError):
        memory.answer("key", ask)
    for at in (1.0, 10.0, 16.5):
        moment[0] = at
        memory.answer("key", ask)
    assert asked == [0.0, 1.0, 16.5]


# --- recomputed by other means from the lake of the demonstration ---------------------------------------------------

_VERSION = """
    select max(begin_snapshot) as version
    from __ducklake_metadata_lake.ducklake_table
    where table_name = 'kpi_otif' and end_snapshot is null
"""


class OtherMeans:
    """The rows of the lake as they stood when the KPIs were counted, in pandas."""

    def __init__(self, console: Console) -> None:
        self._warehouse = console.platform.warehouse
        (row,) = self._warehouse.query(_VERSION).to_pylist()
        self._at = row["version"]
        with console.reading() as work:
            self.cases = flow_cases(work)

    def table(self, name: str, role: str = "") -> pd.DataFrame:
        """Return a table, of one role where one is named."""
        frame = self._warehouse.query(f"from {name} at (version => {self._at})").to_pandas()
        return frame[frame["role"] == role] if role else frame


def flow_cases(work: UnitOfWork) -> pd.DataFrame:
    """Return order and code of every case there ever was that did not heal by itself."""
    return pd.DataFrame(
        [{"order_id": case.order_id, "code": case.code, "state": case.state} for case in case_history(work)]
    )


@pytest.fixture
def orders(console: Console) -> pd.DataFrame:
    """One row per order that is due, with how it went, worked out without any SQL of ours."""
    lake = OtherMeans(console)
    now = lake.table("rec_feeds")["as_of"].max()
    heads = lake.table("canon_orders", "erp").set_index("order_id")
    lines = lake.table("canon_order_lines", "erp")
    delivered = lake.table("canon_delivery_lines", "carrier")
    keys = ["order_id", "line_no"]
    sums = delivered.groupby(keys).agg(
        delivered_qty=("delivered_qty", "sum"), damaged_qty=("damaged_qty", "sum"), delivered_at=("delivered_at", "max")
    )
    lines = lines.join(sums, on=keys).merge(lake.table("rec_line_verdicts")[[*keys, "verdict"]], on=keys)
    lines["demanded_qty"] = lines["ordered_qty"] - lines["cancelled_qty"]
    lines = lines[lines["demanded_qty"] > 0]
    lines = lines[lines["order_id"].map(heads["status"]) != "CANCELLED"]
    lines["is_full"] = lines["delivered_qty"].fillna(0) == lines["demanded_qty"]
    lines["is_on_time"] = lines["is_full"] & (lines["delivered_at"] <= lines["promised_at"])
    lines["is_whole"] = lines["damaged_qty"].fillna(0) == 0
    grouped = lines.groupby("order_id")
    found = pd.DataFrame(
        {
            "due_at": grouped["promised_at"].max(),
            "is_complete": grouped["is_full"].all(),
            "is_on_time": grouped["is_on_time"].all(),
            "is_undamaged": grouped["is_whole"].all(),
            "is_unknown": grouped["verdict"].agg(lambda verdicts: (verdicts == "UNKNOWN").any()),
            "delivered_at": grouped["delivered_at"].max(),
        }
    )
    wrong = lake.table("rec_findings").query("verdict == 'DIFFER'")
    document_codes = {"FIN-02", "FIN-03", "FIN-04", "SHP-02", "SHP-06"}
    found["is_documented"] = ~found.index.isin(wrong[wrong["code"].isin(document_codes)]["order_id"])
    returned = lake.table("canon_returns", "wms").query("condition == 'DAMAGED'")["order_id"]
    found["is_undamaged"] &= ~found.index.isin(returned)
    found["received_at"] = heads["ordered_at"]
    found["is_due"] = found["due_at"] <= now
    return found


def test_perfect_order_and_otif_are_what_pandas_makes_of_the_same_rows(
    orders: pd.DataFrame, figures: dict[str, KpiFigure]
) -> None:
    due = orders[orders["is_due"]]
    known = due[~due["is_unknown"]]
    perfect = known["is_complete"] & known["is_on_time"] & known["is_undamaged"] & known["is_documented"]
    told = figures["perfect_order"]
    assert (told.population_count, told.unknown_count, told.met_count) == (
        len(due),
        len(due) - len(known),
        perfect.sum(),
    )
    otif = known["is_complete"] & known["is_on_time"]
    assert (figures["otif"].population_count, figures["otif"].met_count) == (len(due), otif.sum())
    components = {
        "on_time": "is_on_time",
        "complete": "is_complete",
        "undamaged": "is_undamaged",
        "documents": "is_documented",
    }
    for name, column in components.items():
        assert figures[f"perfect_order_{name}"].met_count == known[column].sum(), name


def test_the_outcome_of_every_order_due_or_not_is_what_pandas_makes_of_it(
    orders: pd.DataFrame, console: Console
) -> None:
    rows = console.questions.ask("flow_outcomes", _all_orders(console))
    told = pd.DataFrame(rows).set_index("order_id")
    same = orders.loc[told.index]
    assert len(told) > 150
    for column, other in (
        ("is_complete", "is_complete"),
        ("is_undamaged", "is_undamaged"),
        ("has_accurate_documents", "is_documented"),
    ):
        assert (told[column] == same[other]).all(), column


def _all_orders(console: Console) -> dict[str, Any]:
    asked = flow_lists.Asked(kpi="order_cycle_time")
    return {
        **FlowScope(console.now(), days=90).parameters,
        **asked.parameters,
        "page_size": 100_000,
        "since": date(2026, 1, 1),
    }


def test_the_percentiles_of_the_cycle_time_are_what_pandas_makes_of_the_same_rows(
    orders: pd.DataFrame, figures: dict[str, KpiFigure]
) -> None:
    delivered = orders[orders["is_complete"] & ~orders["is_unknown"]]
    hours = (delivered["delivered_at"] - delivered["received_at"]).dt.total_seconds() / 3600
    told = figures["order_cycle_time"]
    assert told.population_count - told.unknown_count == len(hours)
    assert told.figure == Decimal(str(hours.quantile(0.5))).quantize(Decimal("0.01"))
    assert dict(told.beside)["p90"] == _days(hours.quantile(0.9))
    assert dict(told.beside)["p95"] == _days(hours.quantile(0.95))


def _days(hours: float) -> str:
    whole = round(hours)
    return f"{whole // 24} d {whole % 24} h"
