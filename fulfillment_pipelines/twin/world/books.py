"""The databases behind the twin: the truth and what each system keeps, written together in one step.

Opening and closing them belongs here; what is written into them belongs to the flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, MetaData, create_engine, insert, update
from sqlalchemy.pool import StaticPool

from fulfillment_pipelines.twin.world import system_tables as tables
from fulfillment_pipelines.twin.world.catalogue import NODES, Node
from fulfillment_pipelines.twin.world.customer_service_tables import CRM
from fulfillment_pipelines.twin.world.site_tables import SITE
from fulfillment_pipelines.twin.world.transport_tables import TMS
from fulfillment_pipelines.twin.world.truth_tables import TRUTH


@dataclass(frozen=True, slots=True)
class Books:
    """Open connections of one step; everything written through them becomes visible at its end.

    Attributes:
        truth: The true world and its message plan.
        erp: The cloud ERP.
        portal: The B2B portal.
        wms: The warehouse systems by site.
        finance: Finance.
        tms: Transport management.
        crm: Customer service.
    """

    truth: Connection
    erp: Connection
    portal: Connection
    wms: Mapping[str, Connection]
    finance: Connection
    tms: Connection
    crm: Connection


class Shelf:
    """The engines of all systems.

    Args:
        east_url: SQLAlchemy URL of the empty database of the EAST site.
        finance_url: SQLAlchemy URL of the empty database of finance.
    """

    def __init__(self, east_url: str, finance_url: str) -> None:
        self.truth = _in_memory(TRUTH)
        self.erp = _in_memory(tables.ERP)
        self.portal = _in_memory(tables.PORTAL)
        self.wms: Mapping[str, Engine] = {
            Node.EAST: _in_server(east_url, SITE),
            Node.WEST: _in_memory(SITE),
            Node.NORTH: _in_memory(SITE),
        }
        self.finance = _in_server(finance_url, tables.FINANCE)
        self.tms = _in_memory(TMS)
        self.crm = _in_memory(CRM)

    @contextmanager
    def open(self) -> Iterator[Books]:
        """Open all books for one step: all of it is kept, or none when the step fails."""
        with ExitStack() as open_books:
            books = Books(
                truth=open_books.enter_context(self.truth.begin()),
                erp=open_books.enter_context(self.erp.begin()),
                portal=open_books.enter_context(self.portal.begin()),
                wms={node: open_books.enter_context(self.wms[node].begin()) for node in NODES},
                finance=open_books.enter_context(self.finance.begin()),
                tms=open_books.enter_context(self.tms.begin()),
                crm=open_books.enter_context(self.crm.begin()),
            )
            yield books

    def close(self) -> None:
        """Close every connection."""
        for engine in (self.truth, self.erp, self.portal, *self.wms.values(), self.finance, self.tms, self.crm):
            engine.dispose()


def set_clocks(books: Books, now: int, offsets: Mapping[str, int]) -> None:
    """Let the clocks of the SQL systems show a moment.

    Args:
        books: The open books.
        now: The moment, in epoch seconds.
        offsets: Seconds by which a system's clock is wrong, by declared system name.
    """
    for system, connection, table in (
        ("wms_east", books.wms[Node.EAST], tables.wms_clock),
        ("finance", books.finance, tables.finance_clock),
    ):
        shown = now + offsets.get(system, 0)
        if connection.execute(update(table).values(now_at=shown)).rowcount == 0:
            connection.execute(insert(table).values(now_at=shown))


def _in_memory(metadata: MetaData) -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    return engine


def _in_server(url: str, metadata: MetaData) -> Engine:
    # one connection that stays: the system goes on working while its clients are refused
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"application_name": "twin"})
    metadata.create_all(engine)
    return engine
