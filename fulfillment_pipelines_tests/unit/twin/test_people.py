from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines.twin.twin import Twin


@pytest.fixture(scope="module")
def staffed_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with a healthy history, at which people work."""
    with Twin.start(tmp_path_factory.mktemp("staffed"), seed=15, faults=False) as twin:
        yield twin


def _settle(twin: Twin, code: str) -> Any:
    (label,) = twin.inject(code)
    twin.advance(1_800)
    twin.settle(label.code, label.business_key, label.node)
    return label


def _tables(twin: Twin) -> Any:
    return twin._distributor.books()


def test_a_short_line_is_served_from_another_site(staffed_twin: Twin) -> None:
    label = _settle(staffed_twin, "INV-06")
    order_no = label.note.split("/")[0]
    with _tables(staffed_twin) as books:
        line = books.erp.exec_driver_sql("select * from order_lines where order_no = ?", (order_no,)).one()
    assert line.site != label.node
    assert line.qty_allocated == line.qty_ordered
    staffed_twin.advance(3 * 86_400)
    with _tables(staffed_twin) as books:
        shipped = books.erp.exec_driver_sql(
            "select site, sum(qty) as qty from shipment_confirmations where order_no = ? group by site", (order_no,)
        ).all()
    assert [(row.site, row.qty) for row in shipped] == [(line.site, line.qty_ordered)]


def test_a_forgotten_hold_is_decided_everywhere(staffed_twin: Twin) -> None:
    label = _settle(staffed_twin, "CRD-01")
    staffed_twin.advance(3_600)
    with _tables(staffed_twin) as books:
        statuses = [
            books.erp.exec_driver_sql("select status from holds where hold_no = ?", (label.business_key,)).scalar(),
            books.finance.exec_driver_sql(
                "select status from credit_holds where hold_no = %s", (label.business_key,)
            ).scalar(),
        ]
    assert statuses == ["RESOLVED", "RESOLVED"]


def test_a_limit_is_raised_above_what_is_owed(staffed_twin: Twin) -> None:
    label = _settle(staffed_twin, "CRD-04")
    with _tables(staffed_twin) as books:
        account = books.finance.exec_driver_sql(
            "select * from credit_accounts where customer_no = %s", (label.business_key,)
        ).one()
    assert account.credit_limit > account.open_receivable


def test_what_was_not_injected_cannot_be_settled(staffed_twin: Twin) -> None:
    with pytest.raises(RejectedError, match="Nothing was injected as CRD-01"):
        staffed_twin.settle("CRD-01", "HD-99999", "")


def test_what_machines_settle_is_not_settled_by_hand(staffed_twin: Twin) -> None:
    (label,) = staffed_twin.inject("SHP-05")
    with pytest.raises(RejectedError, match="by hand"):
        staffed_twin.settle(label.code, label.business_key, label.node)


def test_a_twin_in_another_process_is_settled_through_its_control(staffed_twin: Twin) -> None:
    (label,) = staffed_twin.inject("CRD-01")
    staffed_twin.advance(600)
    with closing(TwinClient.of_home(Path(staffed_twin.home))) as client:
        client.settle(label.code, label.business_key, label.node)
        with pytest.raises(RejectedError):
            client.settle("CRD-01", "HD-99999", "")
