"""The bench of databases: a proxy before the server, a declaration of other columns, a file that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from tempfile import TemporaryDirectory
from urllib.parse import SplitResult, quote, urlsplit

from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.benches.http_proxy import unused_port
from fulfillment_pipelines.certification.benches.redirected import ADDRESS, RedirectedReferences
from fulfillment_pipelines.certification.benches.tcp_proxy import Disturbance, TcpFaultProxy
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import Finding, not_applicable
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration
from fulfillment_pipelines.systems.port import System
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
_FILE = "sqlite"
_STRANGER = "certification_stranger"
_NO_WIRE = "The database is a file: there is no wire between it and us."


class SqlBench:
    """Reaches a database.

    Args:
        subject: The system.
        declaration: What it is declared to be.
        policy: Sizes and limits.
    """

    def __init__(self, subject: Subject, declaration: SqlDeclaration, policy: CertificationPolicy) -> None:
        self._subject = subject
        self._declared = declaration
        self._policy = policy

    def plain(self) -> AbstractContextManager[System]:
        """Connect the database as it is declared."""
        return closing(self._subject.connect(self._declared, self._subject.references))

    def paged(self, entity: str, rows: int) -> AbstractContextManager[System] | Finding:
        """Connect it so that rows are fetched so many at a time."""
        del entity
        return closing(
            SqlSystem(self._declared, self._subject.references, self._subject.clock, batch_rows=rows)
        )  # fmt: skip

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Connect it through the proxy, or as it is not."""
        why_not = self._objection(fault)
        if why_not is not None:
            return why_not
        fields = self._declared.entities[entity].fields
        match fault:
            case Fault.REFUSED:
                return self._refused()
            case Fault.EXPIRED:
                return self._as_a_stranger()
            case Fault.FIELD_GONE:
                return self._declaring(entity, (*fields, field))
            case Fault.FIELD_ADDED:
                return self._declaring(entity, [name for name in fields if name != field])
            case _:
                return self._disturbed(entity, stalls=fault is Fault.STALLED)

    def _objection(self, fault: Fault) -> Finding | None:
        """Return why a database cannot meet a fault; None where it can."""
        if fault is Fault.RATE_LIMITED:
            return not_applicable("A database sets no rate.")
        if fault in (Fault.EXPIRED, Fault.EXPIRED_ONCE) and self._backend == _FILE:
            return not_applicable("The database is a file: it asks for no credentials.")
        if fault is Fault.EXPIRED_ONCE:
            return not_applicable("The credentials are fixed: there is nothing to renew.")
        if fault in (Fault.CUT, Fault.STALLED) and self._backend == _FILE:
            return not_applicable(_NO_WIRE)
        return None

    def silent(self, correction: Correction) -> AbstractContextManager[Bent] | Finding:
        """Connect it so that the answer to the commit is lost; where the wire is encrypted, that never strikes."""
        del correction
        if self._backend == _FILE:
            return not_applicable(_NO_WIRE)
        return self._losing_the_commit()

    @property
    def _address(self) -> SplitResult:
        address = self._subject.references.resolve(self._declared.transport.url, system=self._subject.name)
        return urlsplit(address.get_secret_value())

    @property
    def _backend(self) -> str:
        return self._address.scheme.partition("+")[0]

    @property
    def _server(self) -> tuple[str, int]:
        return self._address.hostname or "127.0.0.1", self._address.port or _PORTS.get(self._backend, 0)

    @contextmanager
    def _refused(self) -> Iterator[Bent]:
        with TemporaryDirectory() as folder:
            address = (
                f"{_FILE}:///{folder}/absent.sqlite" if self._backend == _FILE else self._redirected(unused_port())
            )
            with closing(self._connect(self._declared, address)) as system:
                yield Bent(system, lambda: 1, self._declared.transport.timeout_seconds)

    @contextmanager
    def _as_a_stranger(self) -> Iterator[Bent]:
        """Log in as a user that is not there: a wrong password might lock the account of one that is."""
        address = self._address
        stranger = address._replace(netloc=f"{_STRANGER}:{_STRANGER}@{address.netloc.rpartition('@')[2]}")
        with closing(self._connect(self._declared, stranger.geturl())) as system:
            yield Bent(system, lambda: 1)

    @contextmanager
    def _declaring(self, entity: str, fields: Sequence[str]) -> Iterator[Bent]:
        """To the transport, a column that is only declared was taken away, and one that is not declared is new."""
        declared = self._declared.entities[entity]
        since = declared.since if declared.since and declared.since.column in fields else None
        other = declared.model_copy(update={"fields": tuple(fields), "since": since})
        declaration = self._declared.model_copy(update={"entities": {**self._declared.entities, entity: other}})
        with closing(self._subject.connect(declaration, self._subject.references)) as system:
            yield Bent(system, lambda: 1)

    @contextmanager
    def _disturbed(self, entity: str, *, stalls: bool) -> Iterator[Bent]:
        """Break in behind the middle of what a pull hears; how much that is, is measured first."""
        transport = self._declared.transport
        limit = min(transport.timeout_seconds, self._policy.time_limit_seconds) if stalls else transport.timeout_seconds
        hurried = self._declared.model_copy(
            update={"transport": transport.model_copy(update={"timeout_seconds": limit})}
        )
        with self._through(Disturbance(), self._declared) as (proxy, system):
            system.source(entity).pull(Scope())
            heard_bytes = proxy.sent_bytes
        with self._through(Disturbance(after_bytes=heard_bytes // 2, stalls=stalls), hurried) as (proxy, system):
            yield Bent(system, _struck(proxy), limit)

    @contextmanager
    def _losing_the_commit(self) -> Iterator[Bent]:
        with self._through(Disturbance(at_commit=True), self._declared) as (proxy, system):
            yield Bent(system, _struck(proxy))

    @contextmanager
    def _through(self, disturbance: Disturbance, declaration: SqlDeclaration) -> Iterator[tuple[TcpFaultProxy, System]]:
        with (
            TcpFaultProxy(*self._server, disturbance) as proxy,
            closing(self._connect(declaration, self._redirected(proxy.port))) as system,
        ):
            yield proxy, system

    def _connect(self, declaration: SqlDeclaration, address: str) -> System:
        transport = declaration.transport.model_copy(update={"url": ADDRESS})
        redirected = declaration.model_copy(update={"transport": transport})
        return self._subject.connect(redirected, RedirectedReferences(self._subject.references, address))

    def _redirected(self, port: int) -> str:
        """Return the address with this machine's port in it.

        PostgreSQL's driver is told the address beside the host's name, so that a certificate is still compared with
        the name; other drivers are given the address in its place.
        """
        address = self._address
        user, at, _ = address.netloc.rpartition("@")
        if self._backend == "postgresql" and address.hostname:
            query = "&".join(part for part in (address.query, "hostaddr=127.0.0.1") if part)
            return address._replace(netloc=f"{user}{at}{quote(address.hostname)}:{port}", query=query).geturl()
        return address._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()


def _struck(proxy: TcpFaultProxy) -> Callable[[], int]:
    return lambda: proxy.struck
