"""The running distributor: its moment, its step through time, its faults and switches.

Only one thing happens at a time: a step, a request of an HTTP system, an injection. Serving it belongs to `twin`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults import people
from fulfillment_pipelines.twin.faults.defects import Defects
from fulfillment_pipelines.twin.faults.fault_desk import FaultDesk
from fulfillment_pipelines.twin.faults.write_backs import WriteBacks
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.state import TwinState
from fulfillment_pipelines.twin.step import apply_until
from fulfillment_pipelines.twin.systems.edi_files import EdiFiles
from fulfillment_pipelines.twin.systems.inbox import empty_inboxes
from fulfillment_pipelines.twin.systems.north_files import NorthFiles
from fulfillment_pipelines.twin.systems.order_parking import repair_parked
from fulfillment_pipelines.twin.systems.switches import SwitchBoard
from fulfillment_pipelines.twin.systems.tms_drop import TmsDrop
from fulfillment_pipelines.twin.world import system_tables as tables
from fulfillment_pipelines.twin.world.books import Books, Shelf, set_clocks
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.demand import Volume, deal_day, opening_stock
from fulfillment_pipelines.twin.world.master_data import open_master_data
from fulfillment_pipelines.twin.world.stock_flow import open_positions
from fulfillment_pipelines.twin.world.supply_flow import announce_supply
from fulfillment_pipelines.twin.world.timing import (
    DAY_SECONDS,
    NORTH_CYCLE_SECONDS,
    instant,
    is_business_day,
    next_cycle,
)

_INBOX_SECONDS = 60
_PARKED_ORDERS = "portal/orders"
_SHOWN_CYCLES = 4  # last cycles of a long step whose files are written; older files are not kept


class Distributor:
    """The simulated distributor behind its interfaces.

    Args:
        shelf: The databases of its systems, empty.
        north: The exchange directory of the legacy site.
        edi: The exchange directory of the trading partners.
        tms_drop: The directory the TMS picks messages up from.
        seed: Seed of its world.
        volume: How much it does.
        start_at: When its world begins, in epoch seconds.
    """

    def __init__(
        self,
        shelf: Shelf,
        north: NorthFiles,
        edi: EdiFiles,
        tms_drop: TmsDrop,
        *,
        seed: int,
        volume: Volume,
        start_at: int,
    ) -> None:
        self.switches = SwitchBoard()
        self._shelf = shelf
        self._north = north
        self._edi = edi
        self._tms_drop = tms_drop
        self._seed = seed
        self._volume = volume
        self._start_at = start_at
        self._now = start_at
        self._dealt_until = start_at // DAY_SECONDS - 1
        self._defects = Defects()
        self._write_backs = WriteBacks()
        self._faults = FaultDesk(seed, self._defects, self._write_backs)
        self._lock = threading.RLock()
        with self.books() as books:
            open_positions(books, opening_stock(seed, volume), start_at)
            open_master_data(books, start_at, orders_scale=max(1, volume.orders_a_day // Volume().orders_a_day))
            self._deal_days(books, start_at)
            set_clocks(books, start_at, {})

    @property
    def now(self) -> int:
        """The moment the distributor has reached, in epoch seconds."""
        return self._now

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is truly wrong, in the order of injection."""
        return self._faults.labels

    @contextmanager
    def books(self) -> Iterator[Books]:
        """Open the books alone: no step runs and no other request is served meanwhile."""
        with self._lock, self._shelf.open() as books:
            yield books

    def shown_now(self, system: str) -> int:
        """Return what a system believes the time to be, in epoch seconds."""
        return self._now + self.switches[system].clock_offset_seconds

    def spoil(self, system: str, entity: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return records as the system sends them, with its present defects in them."""
        return self._defects.spoil(system, entity, records)

    def swallows(self, system: str, content: bytes) -> bool:
        """Return whether a system acknowledges a message and forgets it."""
        return self._write_backs.swallows(system, content)

    def advance_to(self, until: int, *, shown_cycles: int = _SHOWN_CYCLES) -> None:
        """Let time pass.

        Args:
            until: The moment to reach, in epoch seconds.
            shown_cycles: How many of the last cycles of the legacy site drop their files.

        Raises:
            RejectedError: The moment lies in the past.
        """
        if until < self._now:
            raise RejectedError(
                "Time does not run backwards.",
                expected=f"a moment from {instant(self._now).isoformat()} on",
                found=instant(until).isoformat(),
            )
        with self._lock:
            for stop in self._stops(until, shown_cycles):
                self._step(stop)

    def inject(self, code: str, count: int) -> tuple[Label, ...]:
        """Inject faults now and return their labels.

        Raises:
            RejectedError: The code is unknown, or nothing is left that the fault could strike; the faults injected
                before that stay, with their labels.
        """
        labels = []
        for _ in range(count):
            with self.books() as books:
                labels.append(self._faults.inject(books, code, self._now))
                apply_until(books, self._now)
        return tuple(labels)

    def settle(self, code: str, business_key: str, node: str) -> None:
        """Let a person at the distributor settle a labelled difference by hand.

        Raises:
            RejectedError: Nothing of that kind is wrong, or nobody can settle it by hand.
        """
        found = [
            label for label in self.labels if (label.code, label.business_key, label.node) == (code, business_key, node)
        ]
        if not found:
            raise RejectedError(
                f"Nothing was injected as {code} at {business_key} {node}.", remedy="see `fulfillment twin truth`"
            )
        with self.books() as books:
            people.settle(books, found[0], self._now)
            apply_until(books, self._now)

    def repair(self, feed: str) -> int:
        """Let a source repair the broken rows of a feed, for example `wms_west/shipments`; return how many.

        The parked orders of a portal count as broken rows of `portal/orders`.
        """
        with self.books() as books:
            if feed == _PARKED_ORDERS:
                return repair_parked(books, self._now)
            return self._defects.repair(books, feed, self._now)

    def state(self) -> TwinState:
        """Return how far the distributor is."""
        with self.books() as books:
            count = select(func.count())
            return TwinState(
                now=instant(self._now).isoformat(),
                seed=self._seed,
                portal_orders=books.portal.execute(count.select_from(tables.portal_orders)).scalar_one(),
                erp_orders=books.erp.execute(count.select_from(tables.sales_orders)).scalar_one(),
                erp_order_lines=books.erp.execute(count.select_from(tables.order_lines)).scalar_one(),
                confirmed_legs=books.erp.execute(count.select_from(tables.confirmations)).scalar_one(),
                invoice_lines=books.finance.execute(count.select_from(tables.invoice_lines)).scalar_one(),
                labels=len(self.labels),
            )

    def _stops(self, until: int, shown_cycles: int) -> list[int]:
        first_cycle = next_cycle(self._now + 1)
        stops = {until, min(until, self._now + _INBOX_SECONDS)}
        last_cycle = until // NORTH_CYCLE_SECONDS * NORTH_CYCLE_SECONDS
        stops |= {last_cycle - cycle * NORTH_CYCLE_SECONDS for cycle in range(shown_cycles)}
        if self._north.has_messages() or self._edi.has_messages():
            stops.add(first_cycle)
        return sorted(stop for stop in stops if self._now < stop <= until)

    def _step(self, stop: int) -> None:
        cycle = stop % NORTH_CYCLE_SECONDS == 0 and not self.switches["wms_north"].down
        with self._shelf.open() as books:
            self._deal_days(books, stop)
            empty_inboxes(books, stop)
            self._tms_drop.pick_up(books, stop)
            if cycle:
                self._north.pick_up(books, stop)
            apply_until(books, stop)
            self._defects.repair(books, None, stop)
            self._write_backs.run_jobs(books, stop)
            set_clocks(books, stop, self.switches.offsets)
            self._now = stop
            self._run_edi(books, stop)
            if cycle:
                self._drop_north(books, stop)

    def _run_edi(self, books: Books, stop: int) -> None:
        switches = self.switches["edi"]
        offset_seconds = switches.clock_offset_seconds
        self._edi.run(books, stop, down=switches.down, corrupt=switches.corrupt, offset_seconds=offset_seconds)

    def _drop_north(self, books: Books, stop: int) -> None:
        switches = self.switches["wms_north"]

        def rewrite(entity: str, rows: list[dict[str, str]]) -> list[dict[str, str]]:
            return self._defects.spoil("wms_north", entity, rows)

        self._north.drop(
            books.wms[Node.NORTH],
            stop + switches.clock_offset_seconds,
            rewrite,
            cut_off=switches.corrupt,
        )

    def _deal_days(self, books: Books, until: int) -> None:
        while self._dealt_until < until // DAY_SECONDS:
            self._dealt_until += 1
            if is_business_day(self._dealt_until * DAY_SECONDS):
                deal_day(books.truth, self._seed, self._dealt_until, self._volume, first_at=self._start_at)
                announce_supply(books, self._now)
