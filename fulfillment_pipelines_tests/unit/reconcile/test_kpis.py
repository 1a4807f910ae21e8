"""A figure stands to its target only as far as it is known."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from fulfillment_pipelines.reconcile.kpis import Direction, KpiDefinition, KpiUnit, Standing, read_kpis

SEEDS = Path(__file__).parents[3] / "data" / "seeds"


def a_kpi(unit: KpiUnit, direction: Direction, target: str | None) -> KpiDefinition:
    return KpiDefinition(
        version=1,
        name="A KPI",
        formula="this / that",
        unit=unit,
        direction=direction,
        owner="Site",
        target=None if target is None else Decimal(target),
        source="a standard",
    )


@pytest.mark.parametrize(
    ("figure", "coverage", "standing"),
    [
        ("0.96", "1", Standing.MET),
        ("0.95", "1", Standing.MET),
        ("0.94", "1", Standing.MISSED),
        # With 2 % unknown, 98 % known as right are at least 96.04 % of all.
        ("0.98", "0.98", Standing.MET),
        ("0.96", "0.98", Standing.UNKNOWN),
        # Even if all of the unknown were right, it would be missed.
        ("0.50", "0.98", Standing.MISSED),
        ("1", "0", Standing.UNKNOWN),
    ],
)
def test_a_share_is_met_or_missed_only_where_the_unknown_cannot_change_it(
    figure: str, coverage: str, standing: Standing
) -> None:
    definition = a_kpi(KpiUnit.SHARE, Direction.UP, "0.95")
    assert definition.standing(Decimal(figure), coverage=Decimal(coverage)) is standing


@pytest.mark.parametrize(
    ("figure", "coverage", "standing"),
    [
        ("0.05", "1", Standing.MET),
        ("0.06", "1", Standing.MISSED),
        ("0.04", "0.98", Standing.UNKNOWN),
        ("0.02", "0.98", Standing.MET),
        ("0.50", "0.98", Standing.MISSED),
    ],
)
def test_a_share_that_is_to_be_small_is_judged_by_what_it_may_be_at_most(
    figure: str, coverage: str, standing: Standing
) -> None:
    definition = a_kpi(KpiUnit.SHARE, Direction.DOWN, "0.05")
    assert definition.standing(Decimal(figure), coverage=Decimal(coverage)) is standing


def test_a_duration_is_judged_only_where_nothing_is_unknown() -> None:
    definition = a_kpi(KpiUnit.DURATION, Direction.DOWN, "72")
    assert definition.standing(Decimal(47), coverage=Decimal(1)) is Standing.MET
    assert definition.standing(Decimal(73), coverage=Decimal(1)) is Standing.MISSED
    assert definition.standing(Decimal(47), coverage=Decimal("0.999")) is Standing.UNKNOWN


def test_without_a_figure_it_is_unknown_and_without_a_target_nothing_is_judged() -> None:
    assert a_kpi(KpiUnit.SHARE, Direction.UP, "0.95").standing(None, coverage=None) is Standing.UNKNOWN
    assert a_kpi(KpiUnit.COUNT, Direction.DOWN, None).standing(Decimal(3), coverage=Decimal(1)) is Standing.UNTARGETED


def test_every_kpi_of_the_shipped_file_says_what_it_counts_and_who_answers_for_it() -> None:
    kpis = read_kpis(SEEDS).kpis
    assert {"perfect_order", "otif", "order_cycle_time", "invoice_timeliness", "inventory_accuracy"} <= kpis.keys()
    assert [name for name, kpi in kpis.items() if not (kpi.formula and kpi.owner and kpi.source)] == []
