"""One rig for each transport: a real system of its kind that the conformance suite can fill and break."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.certification.certify import on_the_bench, results_of
from fulfillment_pipelines.certification.example import ExampleMessage, WriteExample, example_corrections
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import CheckResult
from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import Page, PageFormat
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.sql_models import SqlModel, read_models
from fulfillment_pipelines.systems.declaration import SystemDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry, connect_declared
from fulfillment_pipelines.systems.transports.edi.x12.control_numbers import MemoryControlNumbers
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges
from fulfillment_pipelines.systems.transports.http.system import HttpSystem
from fulfillment_pipelines.systems.transports.sql.system import SqlSystem

PAGE_SIZE = 4
FIELDS = ("line_id", "sku", "qty", "changed")
SITES = Path(__file__).parent / "sites"
Row = Mapping[str, str]


class Rig:
    """A system of one kind under the suite's hands.

    Attributes:
        system: What is tested.
        page_size: Rows that come at a time.
    """

    page_size = PAGE_SIZE

    def __init__(self, site: str, clock: Clock, **references: str) -> None:
        self.declaration: SystemDeclaration = load_declaration(SITES / f"{site}.yaml")
        self.references = References(references)
        self.clock = clock
        self.system: Any = None

    def hold(self, rows: Sequence[Row]) -> None:
        """Let the system hold exactly these rows."""
        raise NotImplementedError

    def quantity(self, line: str) -> str:
        """Return what the system itself holds."""
        raise NotImplementedError

    def deliveries(self) -> int:
        """Return how many messages the system has or had in hand."""
        raise NotImplementedError

    def work(self) -> None:
        """Let the system do what waits for it."""

    def rows(self, pages: Sequence[Page]) -> list[dict[str, str]]:
        """Return what came, values as text."""
        return [{name: str(value) for name, value in row.items()} for page in pages for row in _decoded(page)]

    def stop(self) -> None:
        """Take the rig down."""
        self.system.close()


def _decoded(page: Page) -> list[dict[str, Any]]:
    if page.format is PageFormat.JSON:
        body = json.loads(page.content)
        return list(body.get("result", body)["rows"])
    if page.format is PageFormat.PARQUET:
        return list(pq.read_table(io.BytesIO(page.content)).to_pylist())
    lines = page.content.decode().splitlines()[:-1]
    return list(csv.DictReader(lines))


class MemoryRig(Rig):
    def __init__(self, clock: Clock) -> None:
        super().__init__("memory", clock)
        self.system = MemorySystem(self.declaration, clock)

    def hold(self, rows: Sequence[Row]) -> None:
        self.system.rows["lines"] = [dict(row) for row in rows]

    def quantity(self, line: str) -> str:
        return next(str(row["qty"]) for row in self.system.rows["lines"] if row["line_id"] == line)

    def deliveries(self) -> int:
        return int(self.system.effects)

    def go_down(self) -> None:
        self.system.switches.down = True

    def break_second_page(self) -> None:
        self.system.switches.fails_on_page = 2

    def spoil(self) -> None:
        self.system.switches.malformed_page = 1

    def refuse_writes(self) -> None:
        self.system.switches.rejects = True

    def fall_silent(self, *, after_effect: bool) -> None:
        self.system.switches.silent_after_effect = after_effect
        self.system.switches.silent_before_effect = not after_effect


class HttpRig(Rig):
    site = "http"

    def __init__(self, clock: Clock, server: Any) -> None:
        super().__init__(self.site, clock, SITE_URL=server.url, SITE_SECRET="hush")
        self.system = HttpSystem(self.declaration, self.references, clock)
        self._server = server
        server.script = self._answer
        self._rows: list[dict[str, str]] = []
        self._keys: dict[str, Any] = {}
        self._breaks = self._spoilt = self._refuses = False
        self._silent: str | None = None

    def hold(self, rows: Sequence[Row]) -> None:
        self._rows = [dict(row) for row in rows]

    def quantity(self, line: str) -> str:
        return next(row["qty"] for row in self._rows if row["line_id"] == line)

    def deliveries(self) -> int:
        return len(self._keys)

    def go_down(self) -> None:
        self._server.stop()

    def break_second_page(self) -> None:
        self._breaks = True

    def spoil(self) -> None:
        self._spoilt = True

    def refuse_writes(self) -> None:
        self._refuses = True

    def fall_silent(self, *, after_effect: bool) -> None:
        self._silent = "after" if after_effect else "before"

    def _answer(self, request: Any) -> Any:
        if request.path == "/token":
            return self._server.answer(200, {"access_token": "t", "expires_in": 600})
        if request.headers.get("authorization") != "Bearer t":
            return self._server.answer(401)
        if request.method == "PUT":
            return self._write(request)
        return self._page(request) if request.path == "/lines" else self._one(request.path.rsplit("/", 1)[1])

    def _page(self, request: Any) -> Any:
        start, limit = int(request.query.get("after", 0)), int(request.query["limit"])
        if self._spoilt:
            return self._server.answer(200, b"<html>maintenance</html>")
        if self._breaks and start:
            return self._server.answer(503)
        since = request.query.get("changed_since", "")
        wanted = [row for row in self._rows if row["changed"] >= since]
        following = str(start + limit) if start + limit < len(wanted) else None
        page = wanted[start : start + limit]
        body = {"as_of": "2026-03-02T08:00:00Z", "total": len(wanted), "rows": page, "next": following}
        return self._server.answer(200, body)

    def _one(self, line: str) -> Any:
        found = [row for row in self._rows if row["line_id"] == line]
        return self._server.answer(200, found[0]) if found else self._server.answer(404)

    def _write(self, request: Any) -> Any:
        if self._refuses:
            return self._server.answer(422, {"error": "no"})
        if self._silent == "before":
            return self._server.answer(hang_up=True)
        key = request.headers["idempotency-key"]
        if key not in self._keys:
            row = next(row for row in self._rows if row["line_id"] == request.path.rsplit("/", 1)[1])
            if row["qty"] != request.json["expected_qty"]:
                return self._server.answer(409, {"found": row["qty"]})
            row["qty"] = request.json["qty"]
            self._keys[key] = self._server.answer(200, {"id": "W-1"})
        return self._server.answer(hang_up=True) if self._silent == "after" else self._keys[key]


class RpcRig(HttpRig):
    """A system that is called by JSON-RPC, refuses inside an answer with HTTP 200, and compares nothing itself."""

    site = "json_rpc"

    def _answer(self, request: Any) -> Any:
        asked = request.json
        if asked["method"] == "login":
            return self._server.answer(200, {"id": asked["id"], "result": "t"})
        if request.headers.get("authorization") != "Bearer t":
            return self._server.answer(401)
        if asked["method"] == "lines.set":
            return self._set(asked["id"], *asked["params"])
        if self._spoilt:
            return self._server.answer(200, b"<html>maintenance</html>")
        if asked["method"] == "lines.find":
            found = [row for row in self._rows if row["line_id"] == asked["params"][0]]
            return self._server.answer(200, {"id": asked["id"], "result": found})
        return self._read(asked["id"], *asked["params"])

    def _read(self, call: object, start: int, limit: int, since: str | None) -> Any:
        if self._breaks and start:
            return self._server.answer(503)
        wanted = [row for row in self._rows if row["changed"] >= (since or "")]
        page = {"as_of": "2026-03-02T08:00:00Z", "total": len(wanted), "rows": wanted[start : start + limit]}
        return self._server.answer(200, {"id": call, "result": page})

    def _set(self, call: object, line: str, qty: str, key: str) -> Any:
        if self._refuses:
            return self._server.answer(200, {"id": call, "error": {"code": 7, "message": "no"}})
        if self._silent == "before":
            return self._server.answer(hang_up=True)
        if key not in self._keys:
            next(row for row in self._rows if row["line_id"] == line)["qty"] = qty
            self._keys[key] = "W-1"
        if self._silent == "after":
            return self._server.answer(hang_up=True)
        return self._server.answer(200, {"id": call, "result": self._keys[key]})


class SqlRig(Rig):
    """A database with its table of lines, its clock and its interface table."""

    page_size = 4
    types: Mapping[str, str] = {"quantity": "numeric", "key": "text", "instant": "text", "json": "text"}

    def __init__(self, clock: Clock, url: str) -> None:
        super().__init__("sql", clock, SITE_DATABASE=url)
        self.engine: Engine = create_engine(url, poolclass=NullPool)
        self.execute("drop view if exists lines")
        for name in ("stored_lines", "system_clock", "inbox"):
            self.execute(f"drop table if exists {name}")
        self.execute("create table stored_lines (line_id text, sku text, qty {quantity}, changed text)")
        self.execute("create view lines as select * from stored_lines")
        self.execute("create table system_clock (now_at {instant})")
        self.execute("insert into system_clock values ('2026-03-02 08:00:00+00:00')")
        self.execute(
            "create table inbox (message_key {key} primary key, message_type text not null, body {json} not null, "
            "problem text, applied integer default 0)"
        )
        self.system = SqlSystem(self.declaration, self.references, clock, batch_rows=self.page_size)

    def execute(self, statement: str, **values: object) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement.format(**self.types)), values)
            return list(result) if result.returns_rows else []

    def hold(self, rows: Sequence[Row]) -> None:
        self.execute("delete from stored_lines")
        for row in rows:
            self.execute("insert into stored_lines values (:line_id, :sku, :qty, :changed)", **row)

    def quantity(self, line: str) -> str:
        return str(self.execute("select qty from stored_lines where line_id = :line", line=line)[0][0])

    def deliveries(self) -> int:
        return int(self.execute("select count(*) from inbox")[0][0])

    def work(self) -> None:
        for key, body in self.execute("select message_key, body from inbox where applied = 0 and problem is null"):
            asked = json.loads(body) if isinstance(body, str) else body
            self.execute("update stored_lines set qty = :qty where line_id = :line_id", **asked)
            self.execute("update inbox set applied = 1 where message_key = :key", key=key)

    def drop_field(self) -> None:
        self.execute("drop view lines")
        self.execute("create view lines as select line_id, sku, changed from stored_lines")

    def refuse_writes(self) -> None:
        self.execute("insert into inbox (message_key, message_type, body, problem) values ('key-1', 'x', '{{}}', 'no')")


class SqliteRig(SqlRig):
    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path = folder / "site.sqlite"
        sqlite3.connect(self.path).close()
        self._reader: sqlite3.Connection | None = None
        super().__init__(clock, f"sqlite:///{self.path}")

    def go_down(self) -> None:
        self.path.unlink()

    def break_second_page(self) -> None:
        self.execute("drop view lines")
        self.execute(
            "create view lines as select line_id, case when line_id > 'L5' then json('{{') else sku end as sku, qty, "
            "changed from stored_lines"
        )
        self.execute("create index by_line on stored_lines (line_id)")

    def spoil(self) -> None:
        self.execute("update system_clock set now_at = 'soon'")

    def fall_silent(self, *, after_effect: bool) -> None:
        assert not after_effect
        # A reader that stays keeps the commit from ending: it times out, and nobody knows what became of it.
        self._reader = sqlite3.connect(self.path)
        self._reader.execute("begin")
        self._reader.execute("select * from inbox").fetchall()

    def stop(self) -> None:
        if self._reader is not None:
            self._reader.close()
        super().stop()


class PostgresRig(SqlRig):
    types: Mapping[str, str] = {"quantity": "numeric", "key": "text", "instant": "timestamptz", "json": "jsonb"}

    def __init__(self, clock: Clock, url: str, admin: Engine) -> None:
        self._admin = admin
        super().__init__(clock, url)

    def go_down(self) -> None:
        self._accept_connections(accept=False)

    def spoil(self) -> None:
        self.execute("delete from system_clock")

    def fall_silent(self, *, after_effect: bool) -> None:
        assert not after_effect
        self.execute(
            "create or replace function hang_up() returns trigger language plpgsql as "
            "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$"
        )
        self.execute(
            "create constraint trigger hangs_up after insert on inbox deferrable initially deferred "
            "for each row execute function hang_up()"
        )

    def stop(self) -> None:
        self._accept_connections(accept=True)
        super().stop()

    def _accept_connections(self, *, accept: bool) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"alter database site_under_test with allow_connections {accept}"))


class FilesRig(Rig):
    site = "files"

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder / "exchange"
        for name in ("outbound", "inbound", "processed", "rejected"):
            (self.folder / name).mkdir(parents=True)
        super().__init__(self.site, clock, SITE_FOLDER=str(self.folder))
        self.system = Registry([self.declaration], self.references, clock)._system("site")
        self._rows: list[dict[str, str]] = []
        self._drops = 0

    def hold(self, rows: Sequence[Row]) -> None:
        self._rows = [dict(row) for row in rows]
        self._drop([",".join(FIELDS), *(",".join(row[name] for name in FIELDS) for row in rows), f"TRL,{len(rows)}"])

    def _drop(self, lines: Sequence[str]) -> None:
        self._drops += 1
        name = f"LIN_20260302T08{self._drops:02d}00Z.csv"
        (self.folder / "outbound" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def quantity(self, line: str) -> str:
        return next(row["qty"] for row in self._rows if row["line_id"] == line)

    def deliveries(self) -> int:
        return sum(1 for name in ("inbound", "processed", "rejected") for _ in (self.folder / name).iterdir())

    def work(self) -> None:
        for path in (self.folder / "inbound").iterdir():
            asked = json.loads(path.read_text(encoding="utf-8"))
            for row in self._rows:
                if row["line_id"] == asked["line_id"]:
                    row["qty"] = asked["qty"]
            path.rename(self.folder / "processed" / path.name)
        self.hold(self._rows)

    def go_down(self) -> None:
        self.folder.rename(self.folder.with_name("unmounted"))

    def break_second_page(self) -> None:
        self._drop([",".join(FIELDS), "L9,cut of"])

    def spoil(self) -> None:
        for path in (self.folder / "outbound").iterdir():
            path.write_bytes(b"\x00\x01\x02")

    def drop_field(self) -> None:
        self._drop(["line_id,sku,changed", "L1,A,2026", "TRL,1"])

    def refuse_writes(self) -> None:
        (self.folder / "rejected" / "key-1.json").write_text("{}", encoding="utf-8")


class EdiRig(FilesRig):
    """A folder of X12 documents: all of them together are what the site holds."""

    site = "edi"

    def _drop(self, lines: Sequence[str]) -> None:
        for path in (self.folder / "outbound").iterdir():
            path.unlink()
        self._drops += 1
        rows = [line.split(",") for line in lines[1:-1]]
        body = [f"PO1*{line_id}*{qty}*EA***VP*{sku}*ZZ*{changed}" for line_id, sku, qty, changed in rows]
        control = f"00*{' ':10}*00*{' ':10}*ZZ*SITE*ZZ*US*260302*0800*U*00401*{self._drops}*0*P*>"
        segments = [f"ISA*{control}", "GS*PO*SITE*US*20260302*080000*1*X*004010", "ST*850*1", *body]
        segments += [f"SE*{len(body) + 2}*1", "GE*1*1", f"IEA*1*{self._drops}"]
        name = f"20260302T08{self._drops:02d}00Z.edi"
        (self.folder / "outbound" / name).write_text("".join(f"{segment}~" for segment in segments), encoding="utf-8")

    def rows(self, pages: Sequence[Page]) -> list[dict[str, str]]:
        layout = self.declaration.entities["lines"].layout
        texts = [text for page in pages for text in _archived(page)]
        documents = [document for text in texts for found in read_interchanges(text) for document in found.documents]
        return [dict(row) for document in documents for row in records_of(document, layout)]


class X12Rig(EdiRig):
    """A site that is asked by documents, and acknowledges each with a 997."""

    site = "x12"

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder, clock)
        (self.folder / "answers").mkdir()
        connected = connect_declared(
            self.declaration, self.references, clock, control_numbers=MemoryControlNumbers(clock)
        )
        self.system = connected

    def work(self) -> None:
        for path in (self.folder / "inbound").iterdir():
            said = {segment[0]: segment for segment in map(_elements, path.read_text(encoding="ascii").split("~"))}
            for row in self._rows:
                if row["line_id"] == said["W19"][6]:
                    row["qty"] = said["W19"][2]
            self._answer(said["GS"][6], said["ST"][2])
            path.rename(self.folder / "processed" / path.name)
        self.hold(self._rows)

    def _answer(self, group_no: str, set_no: str) -> None:
        control = f"00*{' ':10}*00*{' ':10}*ZZ*SITE*ZZ*US*260302*0800*U*00401*{group_no}*0*P*>"
        body = [f"AK1*AW*{group_no}", f"AK2*947*{set_no}", "AK5*A", "AK9*A*1*1*1"]
        segments = [f"ISA*{control}", f"GS*FA*SITE*US*20260302*080000*{group_no}*X*004010", "ST*997*0001", *body]
        segments += ["SE*6*0001", f"GE*1*{group_no}", f"IEA*1*{group_no}"]
        text = "".join(f"{segment}~" for segment in segments)
        (self.folder / "answers" / f"{group_no}.edi").write_text(text, encoding="ascii")


def _elements(segment: str) -> list[str]:
    return segment.split("*")


def _archived(page: Page) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(page.content)) as archive:
        return [archive.read(name).decode() for name in archive.namelist()]


@pytest.fixture(scope="session")
def postgres_admin(postgres_url: str) -> Iterator[Engine]:
    """A server's administrator, with a database of its own for the rig."""
    admin = create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("drop database if exists site_under_test"))
        connection.execute(text("create database site_under_test"))
    yield admin
    with admin.connect() as connection:
        connection.execute(text("drop database site_under_test with (force)"))


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Rig]:
    """The rig of the transport that the test is parametrised with."""
    made: Rig
    match request.param:
        case "memory":
            made = MemoryRig(clock)
        case "http":
            made = HttpRig(clock, request.getfixturevalue("server"))
        case "json_rpc":
            made = RpcRig(clock, request.getfixturevalue("server"))
        case "sqlite":
            made = SqliteRig(tmp_path, clock)
        case "postgresql":
            admin = request.getfixturevalue("postgres_admin")
            url = admin.url.set(database="site_under_test").render_as_string(hide_password=False)
            made = PostgresRig(clock, url, admin)
        case "edi":
            made = EdiRig(tmp_path, clock)
        case "x12":
            made = X12Rig(tmp_path, clock)
        case _:
            made = FilesRig(tmp_path, clock)
    yield made
    made.stop()


LINES = Contract(
    name="lines",
    version=1,
    about="One row per line of the site under test.",
    key=("line_id",),
    columns=(
        Column("line_id", ColumnType.TEXT, "Its number."),
        Column("sku", ColumnType.TEXT, "What it is of."),
        Column("qty", ColumnType.QUANTITY, "How much.", minimum=0),
        Column("changed_at", ColumnType.INSTANT, "When it changed last.", required=False),
    ),
)
MAPPING = "select landed_row_no, line_id, sku, qty, changed as changed_at from landed"
POLICY = CertificationPolicy(
    timed_pulls=2, time_limit_seconds=0.3, slack_seconds=1.5, effect_within_seconds=5, poll_seconds=0.01
)
EXAMPLE = WriteExample(
    change=ExampleMessage(message="qty.set", payload={"line_id": "L1", "qty": "7"}, precondition={"qty": "5"}),
    undo=ExampleMessage(message="qty.set", payload={"line_id": "L1", "qty": "5"}, precondition={"qty": "7"}),
)


@pytest.fixture(scope="session")
def operations() -> Sequence[SqlModel]:
    """The tables in which landing keeps its counts."""
    return read_models(Path(__file__).parents[3] / "sql" / "00_operations")


@pytest.fixture
def certify(operations: Sequence[SqlModel]) -> Callable[..., tuple[CheckResult, ...]]:
    """Run checks of the suite on a rig, all of them unless some are named, and return what they said."""

    def connect_to(rig: Rig, declaration: SystemDeclaration, references: References) -> Any:
        if isinstance(rig, MemoryRig):
            return rig.system
        numbers = MemoryControlNumbers(rig.clock)
        return connect_declared(declaration, references, rig.clock, control_numbers=numbers)

    def run(
        rig: Rig,
        *check_ids: str,
        mapping: str = MAPPING,
        example: WriteExample | None = EXAMPLE,
        policy: CertificationPolicy = POLICY,
        connect: Callable[..., Any] = connect_to,
        **otherwise: Any,
    ) -> tuple[CheckResult, ...]:
        declaration = rig.declaration.model_copy(update=otherwise)
        model = SqlModel(name="snap_site__lines", header={}, body=mapping, path=Path("snap_site__lines.sql"))
        subject = Subject(
            declaration=declaration,
            declaration_name="site.yaml",
            declaration_sha256="0" * 64,
            distributor="test",
            references=rig.references,
            connect=partial(connect, rig),
            sink_of=lambda system: system.sink(),
            feeds={"lines": CanonicalFeed("site", "lines", LINES, layout_of(declaration.entities["lines"]), model)},
            entities=("lines",),
            reference=ReferenceData(nodes={}, units=(), calendars={}, feeds=()),
            operations=operations,
            clock=rig.clock,
        )
        checks = [check for check in CHECKS if not check_ids or check.check_id in check_ids]
        corrections = example_corrections(example, "site", "key-1", lambda one: one) if example else None
        with on_the_bench(subject, policy, example=corrections, wait=lambda _: rig.work()) as examination:
            return results_of(examination, checks)

    return run
