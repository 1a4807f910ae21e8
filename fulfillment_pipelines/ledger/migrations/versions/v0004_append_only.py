"""Append-only for real: the database itself refuses to change what was recorded, except while old rows are archived.

A migration that rebuilds one of these tables on SQLite (`batch_alter_table`) drops its triggers, and must make them
anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEYS: Mapping[str, str] = {
    "audit_log": "sequence",
    "receipt": "receipt_id",
    "approval": "approval_id",
    "case_event": "event_id",
}

# SQLite does not fire delete triggers for `insert or replace`, so that a row which exists is refused there too.
_SQLITE = (
    """
    create trigger %(table)s_is_not_updated before update on %(table)s
    when not exists (select 1 from archiving_guard)
    begin
        select raise(abort, '%(table)s is append-only: a row that was recorded is never updated');
    end
    """,
    """
    create trigger %(table)s_is_not_deleted before delete on %(table)s
    when not exists (select 1 from archiving_guard)
    begin
        select raise(abort, '%(table)s is append-only: a row that was recorded is never deleted');
    end
    """,
    """
    create trigger %(table)s_is_not_replaced before insert on %(table)s
    when exists (select 1 from %(table)s where %(key)s = new.%(key)s)
    begin
        select raise(abort, '%(table)s is append-only: a row that was recorded is never replaced');
    end
    """,
)

_POSTGRESQL_FUNCTION = """
    create function refuse_change_of_record() returns trigger language plpgsql as $$
    begin
        if tg_op <> 'TRUNCATE' and exists (select 1 from archiving_guard) then
            return case when tg_op = 'DELETE' then old else new end;
        end if;
        raise exception using
            errcode = 'integrity_constraint_violation',
            message = tg_table_name || ' is append-only: a row that was recorded is never '
                || case tg_op when 'UPDATE' then 'updated' else 'deleted' end;
    end
    $$
"""
_POSTGRESQL = (
    """
    create trigger %(table)s_is_not_changed before update or delete on %(table)s
    for each row execute function refuse_change_of_record()
    """,
    """
    create trigger %(table)s_is_not_emptied before truncate on %(table)s
    for each statement execute function refuse_change_of_record()
    """,
)


def upgrade() -> None:
    """Create the guard and the triggers."""
    op.create_table(
        "archiving_guard",
        sa.Column("guard_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_by", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["closed_by"],
            ["archiving_guard.guard_id"],
            name=op.f("fk_archiving_guard_closed_by"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("guard_id", name=op.f("pk_archiving_guard")),
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if not on_sqlite:
        op.execute(sa.text(_POSTGRESQL_FUNCTION))
    for table, key in _KEYS.items():
        for statement in _SQLITE if on_sqlite else _POSTGRESQL:
            _execute(statement, {"table": table, "key": key})


def downgrade() -> None:
    """Drop the triggers and the guard."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    names = ("updated", "deleted", "replaced") if on_sqlite else ("changed", "emptied")
    statement = "drop trigger %(table)s_is_not_%(what)s" + ("" if on_sqlite else " on %(table)s")
    for table in _KEYS:
        for what in names:
            _execute(statement, {"table": table, "what": what})
    if not on_sqlite:
        op.execute(sa.text("drop function refuse_change_of_record()"))
    op.drop_table("archiving_guard")


def _execute(statement: str, names: Mapping[str, str]) -> None:
    op.execute(sa.DDL(statement, context=names))  # type: ignore[no-untyped-call] # SQLAlchemy does not annotate it
