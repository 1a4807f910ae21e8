"""What an incremental run concludes: findings, verdicts, sums, and whether the promises hold for what it looked at.

Findings are judged anew each time, since the moment at which the systems were read moves all of them; a verdict on an
order line only where the line, a finding about it or a feed's trust has changed. Sums over all lines are carried
forward from the rows that have changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fulfillment_pipelines.reconcile.incremental import IncrementalRun
from fulfillment_pipelines.reconcile.row_changes import carried_forward, note_moved, sums_of, write_anew
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import delete_rows, insert_rows, replace_rows, scalar

_CONCLUDED: Final = "concluded_orders"
_EARLIER_FINDINGS: Final = "create or replace temp table earlier_rec_findings as from lake.main.rec_findings"
_PREVIOUS_FINDINGS: Final = """
    create or replace temp table previous_findings as
    select code, business_key, node, condition_since, watermark_at, snapshots_seen from earlier_rec_findings
"""
_PREVIOUS_FEEDS: Final = """
    create or replace temp table previous_feeds as
    select system, entity, state, problem_since from lake.main.rec_feeds
"""
_REVISITED: Final = "select distinct business_key from moved_findings"
_MOSTLY_MOVED: Final = """
    select (select count(*) from moved_findings) > (select count(*) from present_rec_findings)
"""
_FORGET_FINDINGS: Final = """
    (code, business_key, node) in (select (code, business_key, node) from gone)
"""
_WRITE_FINDINGS: Final = """
    select present_rec_findings.*
    from present_rec_findings
    semi join moved_findings
        on present_rec_findings.code = moved_findings.code
        and present_rec_findings.business_key = moved_findings.business_key
        and present_rec_findings.node = moved_findings.node
"""
_TRUST_MOVED: Final = """
    select count(*)
    from earlier_rec_feeds
    full outer join present_rec_feeds
        on earlier_rec_feeds.system = present_rec_feeds.system and earlier_rec_feeds.entity = present_rec_feeds.entity
    where earlier_rec_feeds.state is distinct from present_rec_feeds.state
"""
_CONCLUDE: Final = """
    create or replace temp table concluded_orders as
    with

    moved as (
        select order_id, line_no, code, verdict, business_key
        from (
            select *, 1 as signed_count from earlier_rec_findings
            union all
            select *, -1 from present_rec_findings
        )
        group by order_id, line_no, code, verdict, business_key
        having sum(signed_count) <> 0
    )

    select key from affected_orders
    union
    select order_id as key from moved where order_id <> ''
    union
    select order_id as key
    from lake.main.rec_order_intake
    where reference_key in (select business_key from moved where code = 'INT-05')
    union
    (from earlier_rec_quarantined_orders except from present_rec_quarantined_orders)
    union
    (from present_rec_quarantined_orders except from earlier_rec_quarantined_orders)
"""
_MORE_ORDERS: Final = "select count(*) from concluded_orders where key not in (select key from affected_orders)"
_OTHER_ROWS: Final = """
    create or replace temp table rows_before as
    from earlier_rows
    union all by name
    from shown where own_id not in (select key from affected_orders)
"""


_EARLIER_ROWS: Final = "create or replace temp table earlier_rows as from lake.main.target"


def keep_previous(run: IncrementalRun) -> None:
    """Keep what the last run said of feeds and findings: how long a state lasts is counted from there."""
    for statement in (_EARLIER_FINDINGS, _PREVIOUS_FINDINGS, _PREVIOUS_FEEDS):
        run.transaction.execute(statement)


def write_findings(run: IncrementalRun, model: SqlModel) -> frozenset[str]:
    """Judge all differences; return the business keys of the findings that are other than before in any way."""
    transaction = run.transaction
    run.shown.show_instead("rec_differences", "present_differences")
    transaction.execute(
        "create or replace temp table present_rec_findings as " + model.body, dict(run.parameters(model))
    )
    note_moved(transaction, "moved_findings", earlier="earlier_rec_findings", present="present_rec_findings")
    revisited = frozenset(key for (key,) in transaction.execute(_REVISITED).fetchall())
    run.shown.show_instead("rec_findings", "present_rec_findings")
    if not revisited:
        return revisited
    run.changed.add(model.name)
    if scalar(transaction, _MOSTLY_MOVED):
        write_anew(transaction, model.name, earlier="earlier_rec_findings", present="present_rec_findings")
    else:
        delete_rows(transaction, model.name, _FORGET_FINDINGS, "moved_findings")
        insert_rows(transaction, model.name, _WRITE_FINDINGS)
    return revisited


class Verdicts:
    """The verdicts on order lines, and the sums over them, of one incremental run.

    Args:
        run: The run; findings are written.
        existing: The lake's tables.
    """

    def __init__(self, run: IncrementalRun, existing: frozenset[str]) -> None:
        self._run = run
        self._existing = existing
        self._shown = run.shown
        self._is_whole = scalar(run.transaction, _TRUST_MOVED) > 0

    def write(self, models: Iterable[SqlModel]) -> None:
        """Write the models of scope `order` that rest on the findings."""
        if self._is_whole:
            self._run.shown.show_all()
            for model in models:
                self._rebuild(model)
            return
        self._run.transaction.execute(_CONCLUDE)
        if scalar(self._run.transaction, _MORE_ORDERS):
            self._shown = self._run.shown.beside({ScopeKind.ORDER: _CONCLUDED}, "concluded")
        for model in models:
            self._run.write_model(model, ScopeKind.ORDER, self._shown)

    def carry_forward(self, mart: SqlModel) -> None:
        """Bring a mart that only adds up rows of orders to what their rows are now."""
        if self._is_whole:
            self._rebuild(mart)
            return
        if not self._run.is_moved(mart.tables):
            return
        transaction = self._run.transaction
        self._shown.show(ScopeKind.ORDER, mart.tables)
        transaction.execute("create or replace temp table rows_come as " + mart.body)
        for table in sorted(mart.tables & self._run.earlier.keys()):
            self._show_before(table)
        transaction.execute("create or replace temp table rows_gone as " + mart.body)
        self._shown.show_all()
        sums = sums_of(mart)
        groups = sorted(mart.columns - {name for name, _ in sums})
        transaction.execute(retarget(_EARLIER_ROWS, {"target": mart.name}))
        statement = carried_forward("earlier_rows", "rows_gone", "rows_come", groups, sums)
        transaction.execute("create or replace temp table present_rows as " + statement)
        write_anew(transaction, mart.name, earlier="earlier_rows", present="present_rows")

    def close(self) -> None:
        """Show again what the run as a whole shows."""
        self._shown.show_all()

    def _show_before(self, table: str) -> None:
        """Show the rows that a table had of the orders in question."""
        before = f"before_{table}"
        names = {
            "rows_before": before,
            "earlier_rows": self._run.earlier[table],
            "shown": self._shown.rows_of(ScopeKind.ORDER, table),
        }
        key = "scope_key" if self._run.reach.has_column(table, "scope_key") else "order_id"
        if table == "rec_line_verdicts":
            before = self._run.earlier[table]
        else:
            self._run.transaction.execute(retarget(_OTHER_ROWS, names, {"own_id": key}))
        self._shown.show_for_now(table, before)

    def _rebuild(self, model: SqlModel) -> None:
        parameters = self._run.parameters(model)
        replace_rows(self._run.transaction, model.name, model.body, parameters, existing=self._existing)
        self._run.shown.show_as_it_is(model.name)
        self._run.changed.add(model.name)
