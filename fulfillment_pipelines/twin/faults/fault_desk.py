"""Injects faults: one call, one thing that is truly wrong, one label.

The desk keeps the labels and deals the targets; each code's fault is in `faults_flow` (messages between systems) or
`faults_state` (what one system holds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults import faults_flow, faults_state
from fulfillment_pipelines.twin.faults.defects import Defects
from fulfillment_pipelines.twin.faults.targets import FaultContext, Targets
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.books import Books

Inject = Callable[[FaultContext], Label]

INJECTORS: Mapping[str, Inject] = MappingProxyType(
    {
        "FIN-01": faults_flow.invoice_trigger_lost,
        "FIN-02": faults_flow.billed_wrong_quantity,
        "SHP-01": faults_flow.confirmation_lost,
        "SHP-02": faults_flow.confirmed_wrong_quantity,
        "INV-01": faults_state.stock_differs,
        "INV-02": faults_state.stock_reserved_locally,
        "INT-02": faults_state.order_entered_twice,
        "INT-03": faults_state.order_lost,
        "WHS-01": faults_flow.release_stuck,
        "CRD-03": faults_flow.hold_not_cleared,
        "SYS-02": faults_state.contract_broken,
    }
)
"""How each exception code is injected."""


class FaultDesk:
    """Injects faults and remembers their labels.

    Args:
        seed: Seed of the world.
        defects: Where broken rows are brought in.
    """

    def __init__(self, seed: int, defects: Defects) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._targets = Targets(self._rng)
        self._defects = defects
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
        context = FaultContext(books, self._targets, self._defects, self._rng, serial, at)
        label = INJECTORS[code](context)
        self._labels.append(label)
        return label
