"""Injects faults: one call, one thing that is truly wrong, one label.

The desk keeps the labels and deals the targets; each code's fault is in one of the modules `faults_*`, which say of
themselves what they break.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults import (
    faults_edi,
    faults_feed,
    faults_flow,
    faults_money,
    faults_order,
    faults_platform,
    faults_site,
    faults_state,
    faults_transport,
)
from fulfillment_pipelines.twin.faults.defects import Defects
from fulfillment_pipelines.twin.faults.targets import FaultContext, Targets
from fulfillment_pipelines.twin.faults.write_backs import WriteBacks
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.books import Books

Inject = Callable[[FaultContext], Label]

INJECTORS: Mapping[str, Inject] = MappingProxyType(
    {
        "FIN-01": faults_flow.invoice_trigger_lost,
        "FIN-02": faults_flow.billed_wrong_quantity,
        "SHP-01": faults_flow.confirmation_lost,
        "SHP-02": faults_flow.confirmed_wrong_quantity,
        "SHP-03": faults_transport.late_or_silent,
        "SHP-04": faults_transport.delivery_failed,
        "SHP-05": faults_transport.status_stands_still,
        "INV-01": faults_state.stock_differs,
        "INV-02": faults_state.stock_reserved_locally,
        "INT-01": faults_order.order_incomplete,
        "INT-02": faults_state.order_entered_twice,
        "INT-03": faults_state.order_lost,
        "INT-04": faults_order.order_drifted,
        "INT-05": faults_order.reference_unmapped,
        "INV-06": faults_order.accepted_without_stock,
        "CRD-01": faults_money.hold_forgotten,
        "CRD-02": faults_money.hold_leaked,
        "CRD-04": faults_money.limit_passed,
        "FIN-03": faults_money.billed_before_departure,
        "FIN-04": faults_money.billed_other_price,
        "FIN-05": faults_money.credit_missing,
        "SHP-06": faults_money.shipment_invented,
        "INV-03": faults_site.over_allocated,
        "INV-04": faults_site.reservation_left,
        "INV-05": faults_site.reserved_otherwise,
        "WHS-01": faults_flow.release_stuck,
        "WHS-02": faults_site.picked_short,
        "WHS-03": faults_site.milestone_missing,
        "WHS-04": faults_site.packed_wrong,
        "CRD-03": faults_flow.hold_not_cleared,
        "SYS-01": faults_feed.feed_cut_short,
        "SYS-02": faults_state.contract_broken,
        "SYS-03": faults_platform.correction_swallowed,
        "SYS-04": faults_edi.not_acknowledged,
        "SYS-05": faults_platform.correction_undone,
    }
)
"""How each exception code is injected."""


class FaultDesk:
    """Injects faults and remembers their labels.

    Args:
        seed: Seed of the world.
        defects: Where broken rows are brought in.
        write_backs: Where it is arranged that corrections fail.
    """

    def __init__(self, seed: int, defects: Defects, write_backs: WriteBacks) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._targets = Targets(self._rng)
        self._defects = defects
        self._write_backs = write_backs
        self._labels: list[Label] = []

    @property
    def labels(self) -> tuple[Label, ...]:
        """All labels in the order of their injection."""
        return tuple(self._labels)

    def inject(self, books: Books, code: str, at: int) -> Label:
        """Inject one fault and return its label.

        Raises:
            RejectedError: The code is unknown, or nothing is left that the fault could strike.
        """
        if code not in INJECTORS:
            raise RejectedError(
                f"The twin has no fault '{code}'.", expected=f"one of {', '.join(INJECTORS)}", remedy="choose one"
            )
        serial = sum(label.code == code for label in self._labels)
        context = FaultContext(books, self._targets, self._defects, self._write_backs, self._rng, serial, at)
        label = INJECTORS[code](context)
        self._labels.append(label)
        return label
