from __future__ import annotations

import csv
from pathlib import Path

from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU, ITEMS, Node, write_unit_conversions

_SEEDS = Path(__file__).parents[3] / "data" / "seeds"


def test_items_have_numbers_of_their_own() -> None:
    assert len(ITEM_BY_SKU) == len(ITEMS) == 120


def test_only_the_legacy_site_counts_cases() -> None:
    cased = ITEM_BY_SKU["BRG-1001"]
    assert (cased.unit_at(Node.NORTH), cased.factor_at(Node.NORTH)) == ("CS", 6)
    assert (cased.unit_at(Node.EAST), cased.factor_at(Node.EAST)) == ("EA", 1)
    assert ITEM_BY_SKU["BRG-1002"].unit_at(Node.NORTH) == "EA"


def test_the_shipped_master_data_knows_every_case_of_the_catalogue(tmp_path: Path) -> None:
    write_unit_conversions(tmp_path / "written.csv")
    with (tmp_path / "written.csv").open(encoding="utf-8") as written:
        cases = list(csv.DictReader(written))
    with (_SEEDS / "unit_conversions.csv").open(encoding="utf-8") as shipped:
        known = list(csv.DictReader(shipped))
    assert len(cases) == 24
    assert all(case in known for case in cases)
