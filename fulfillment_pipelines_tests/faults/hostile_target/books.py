"""The target's books: what it holds, and every effect that it ever had, in a SQLite file that outlives the process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists effect (
    effect_id integer primary key, object text not null, idempotency_key text not null,
    is_ours integer not null, is_undone integer not null default 0
);
create index if not exists effect_by_object on effect (object);
create table if not exists invoice (
    invoice_no integer primary key, object text not null, qty text not null, effect_id integer not null
);
create index if not exists invoice_by_object on invoice (object);
create table if not exists stock (object text primary key, atp text not null, version integer not null);
create table if not exists answer (idempotency_key text primary key, status integer not null, body text not null);
"""


class Books:
    """Opens the file and keeps it open; one writer."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.executescript(_TABLES)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Write everything of the block, or nothing."""
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def clear(self) -> None:
        """Forget everything."""
        with self.change():
            for table in ("effect", "invoice", "stock", "answer"):
                self._connection.execute(f"delete from {table}")

    def answered(self, key: str) -> tuple[int, Any] | None:
        """Return how a key was answered; None where it is new."""
        found = self._connection.execute("select status, body from answer where idempotency_key = ?", (key,)).fetchone()
        return None if found is None else (found[0], json.loads(found[1]))

    def remember(self, key: str, status: int, body: Any) -> None:
        """Keep the answer to a key."""
        self._connection.execute("insert or ignore into answer values (?, ?, ?)", (key, status, json.dumps(body)))

    def had_effect(self, name: str, key: str, *, is_ours: bool = True) -> int:
        """Count one effect on an object and return its number."""
        added = self._connection.execute(
            "insert into effect (object, idempotency_key, is_ours) values (?, ?, ?)", (name, key, is_ours)
        )
        return int(added.lastrowid or 0)

    def book_invoice(self, name: str, qty: str, key: str, *, is_ours: bool = True) -> int:
        """Write one more invoice and return its number."""
        effect = self.had_effect(name, key, is_ours=is_ours)
        added = self._connection.execute(
            "insert into invoice (object, qty, effect_id) values (?, ?, ?)", (name, qty, effect)
        )
        return int(added.lastrowid or 0)

    def undo_invoice(self, invoice_no: int) -> None:
        """Take an invoice back, as a batch does that failed in the end."""
        with self.change():
            self._connection.execute(
                "update effect set is_undone = 1 "
                "where effect_id = (select effect_id from invoice where invoice_no = ?)",
                (invoice_no,),
            )
            self._connection.execute("delete from invoice where invoice_no = ?", (invoice_no,))

    def invoices(self, name: str) -> list[dict[str, Any]]:
        """Return the invoices of an object that stand."""
        rows = self._connection.execute("select invoice_no, qty from invoice where object = ?", (name,))
        return [{"invoice_no": invoice_no, "qty": qty} for invoice_no, qty in rows]

    def stock(self, name: str) -> tuple[str, int] | None:
        """Return value and version of a stock record; None where there is none."""
        found = self._connection.execute("select atp, version from stock where object = ?", (name,)).fetchone()
        return None if found is None else (found[0], found[1])

    def set_stock(self, name: str, atp: str) -> None:
        """Set the value of a stock record, whoever does."""
        self._connection.execute(
            "insert into stock values (?, ?, 1) "
            "on conflict (object) do update set atp = excluded.atp, version = version + 1",
            (name, atp),
        )

    def tally(self) -> list[dict[str, Any]]:
        """Return how many effects each object has had by us, how many of them stand, and how many by others."""
        rows = self._connection.execute(
            "select object, sum(is_ours), sum(is_ours and not is_undone), sum(not is_ours), "
            "count(distinct idempotency_key) from effect group by object order by object"
        )
        return [
            {"object": name, "effects": ours, "standing": standing, "others": others, "keys": keys}
            for name, ours, standing, others, keys in rows
        ]
