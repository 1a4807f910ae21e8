"""A standing distributor says the same things as the living one, at any size, and the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest
import yaml
from pyarrow import Table, parquet

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.twin.volume.files import LABELS_FILE, write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape

ROOT = Path(__file__).parents[3]
DECLARED = sorted((ROOT / "fulfillment_pipelines" / "systems" / "declared").glob("*.yaml"))
READ_AT = int(datetime(2026, 3, 6, 16, tzinfo=UTC).timestamp())
LINES = 6_000


def written(home: Path, *, seed: int = 7, declared: list[Path] = DECLARED) -> Path:
    shape = Shape(seed=seed, line_count=LINES, read_at=READ_AT, fault_share=0.02)
    return write_distributor(shape, declared, home, seeds=ROOT / "data" / "seeds")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volume")
    written(folder)
    return folder


def rows(home: Path, feed: str) -> Table:
    return parquet.read_table(home / f"{feed}.parquet")


def total(table: Table, column: str) -> int:
    return int(pc.sum(table.column(column)).as_py())


def test_every_declared_feed_has_a_file_with_its_fields(home: Path) -> None:
    for path in DECLARED:
        declaration = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entity, declared in declaration.get("entities", {}).items():
            found = rows(home, f"{declaration['system']}/{entity}")
            read = declared["fields"] if "fields" in declared else list(declared["elements"])
            assert found.column_names == read, f"{declaration['system']}.{entity}"


def test_channels_and_erp_hold_the_lines_asked_for(home: Path) -> None:
    lost = pc.sum(pc.equal(rows(home, LABELS_FILE.removesuffix(".parquet")).column("code"), "INT-03")).as_py()
    in_erp = rows(home, "erp/order_lines").num_rows
    assert in_erp < LINES
    # A lost order has one to four lines, and orders of the last minutes are on their way.
    assert in_erp > LINES - 4 * lost - 20


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(home: Path, tmp_path: Path) -> None:
    written(tmp_path / "again")
    written(tmp_path / "other", seed=8)
    for feed in ("erp/order_lines", "tms/milestones", "wms_west/stock", "labels"):
        assert rows(tmp_path / "again", feed).equals(rows(home, feed))
        assert not rows(tmp_path / "other", feed).equals(rows(home, feed))


def test_stock_of_each_site_is_what_came_in_less_what_left(home: Path) -> None:
    for site, received, left in (("wms_east", "qty", "qty"), ("wms_west", "qty", "qty"), ("wms_north", "qty", "qty")):
        receipts, departures = rows(home, f"{site}/movements"), rows(home, f"{site}/shipments")
        stock = rows(home, f"{site}/stock")
        assert total(stock, "on_hand") == total(receipts, received) - total(departures, left)
        assert total(stock, "reserved") == total(rows(home, f"{site}/reservations"), "qty")


def test_every_code_that_is_dealt_has_labels_with_keys_of_their_own(home: Path) -> None:
    labels = rows(home, "labels")
    codes = set(labels.column("code").to_pylist())
    assert codes >= {"INT-03", "INT-04", "WHS-01", "SHP-01", "SHP-02", "SHP-05", "FIN-01", "FIN-02", "FIN-04", "INV-01"}
    keys = list(zip(*(labels.column(name).to_pylist() for name in ("code", "business_key", "node")), strict=True))
    assert len(set(keys)) == len(keys)


def test_field_that_nobody_says_is_refused_by_name(tmp_path: Path) -> None:
    declaration = yaml.safe_load((DECLARED[0].parent / "crm.yaml").read_text(encoding="utf-8"))
    declaration["entities"]["order_statuses"]["fields"].append("mood")
    declared = tmp_path / "crm.yaml"
    declared.write_text(yaml.safe_dump(declaration), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mood of crm\.order_statuses"):
        written(tmp_path / "home", declared=[declared])


def test_core_landscape_says_four_to_five_rows_a_line_and_only_of_quantities_and_money(tmp_path: Path) -> None:
    made = write_distributor(Shape.core(seed=7, line_count=LINES), DECLARED, tmp_path, seeds=ROOT / "data" / "seeds")
    systems = [path.removesuffix(".yaml") for path in yaml.safe_load(made.read_text(encoding="utf-8"))["systems"]]
    feeds = {str(path.relative_to(tmp_path).with_suffix("")) for path in tmp_path.glob("*/*.parquet")}
    assert set(systems) == {"erp", "portal", "edi", "finance", "wms_east", "wms_west", "wms_north"}
    assert "erp/order_lines" in feeds
    assert "erp/releases" not in feeds
    assert 4 * LINES < sum(rows(tmp_path, feed).num_rows for feed in feeds) < 5 * LINES


def test_orders_placed_ahead_are_known_and_not_released(tmp_path: Path) -> None:
    shape = replace(Shape(seed=7, line_count=LINES), ahead_share=1.0)
    write_distributor(shape, DECLARED, tmp_path, seeds=ROOT / "data" / "seeds")
    assert rows(tmp_path, "erp/order_lines").num_rows > 0.9 * LINES
    assert rows(tmp_path, "erp/releases").num_rows == 0
    assert rows(tmp_path, "finance/invoice_lines").num_rows == 0
