"""Run the rules: everything, or only what changed; one transaction, the same rows either way.

The order of a run is `Reconciler._run`, read from top to bottom. What the tables mean is in their SQL files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile import affected
from fulfillment_pipelines.reconcile.editions import editions_of, forget_outdated, is_current, keep_editions
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import SqlModel, read_model, read_models, retarget
from fulfillment_pipelines.warehouse import (
    Connection,
    SqlError,
    Warehouse,
    create_view,
    ensure_table,
    insert_rows,
    lake_tables,
    replace_rows,
    scalar,
)

_NEW_DIFFERENCES: Final = """
    create or replace temp table new_differences (
        code varchar,
        business_key varchar,
        node varchar,
        scope_key varchar,
        order_id varchar,
        line_no bigint,
        expected_value varchar,
        actual_value varchar,
        delta_qty decimal(18, 4),
        value_at_risk_amount decimal(18, 2),
        currency varchar,
        condition_since timestamptz,
        breaks_at timestamptz,
        message varchar,
        target_role varchar,
        payload varchar,
        precondition varchar,
        judgement_reason varchar,
        evidence varchar
    )
"""
_DIFFERENCES: Final = """
    select
        $code as code, business_key, node, cast(scope_key as varchar) as scope_key, order_id, line_no, expected_value,
        actual_value, delta_qty, value_at_risk_amount, currency, condition_since, breaks_at, message, target_role,
        cast(payload as varchar) as payload, cast(precondition as varchar) as precondition, judgement_reason,
        cast(evidence as varchar) as evidence
    from rule_rows
"""
_PREVIOUS: Final = {
    "rec_feeds": (
        "select system, entity, state, problem_since from rec_feeds",
        "select '' as system, '' as entity, '' as state, now() as problem_since where false",
    ),
    "rec_findings": (
        "select code, business_key, node, condition_since, watermark_at, snapshots_seen from rec_findings",
        """
        select
            '' as code, '' as business_key, '' as node, now() as condition_since, now() as watermark_at,
            1 as snapshots_seen
        where false
        """,
    ),
}
_VERDICT_COUNTS: Final = "select verdict, count(*) from rec_line_verdicts group by verdict"

Progress = Callable[[str], None]
"""Told the name of each step as it begins."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant of `sql/checks` that does not hold: how many rows break it, and the first of them."""

    check: str
    title: str
    rows: int
    first: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one run found.

    Attributes:
        is_full: Whether every key was revisited.
        verdicts: Order lines by verdict.
        findings: Rows of `rec_findings`.
        unexplained: Residuals that no finding explains; the promise is zero.
        violations: Invariants that do not hold.
    """

    is_full: bool
    now_at: datetime
    verdicts: Mapping[Verdict, int]
    findings: int
    unexplained: int
    violations: tuple[Violation, ...]


class Reconciler:
    """The reconciliation of one distributor.

    Args:
        warehouse: The lake.
        sql: The folder that holds the SQL folders.
        canonical: Brings the canonical tables up to date.
        reference: Nodes, units, business days and declared feeds.
        rules: The rules that apply to the declared systems.
        tolerances: Configured values.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        sql: Path,
        *,
        canonical: CanonicalModels,
        reference: ReferenceData,
        rules: Sequence[Rule],
        tolerances: Tolerances,
    ) -> None:
        self._warehouse = warehouse
        self._canonical = canonical
        self._reference = reference
        self.rules = tuple(rules)
        self._tolerances = tolerances
        self._folder = sql / "30_reconcile"
        self._marts = read_models(sql / "40_marts")
        self._checks = read_models(sql / "checks")
        self._existing: frozenset[str] = frozenset()
        words = (*canonical.models, *read_models(self._folder), *self._marts, *(rule.model for rule in self.rules))
        self._editions = editions_of(words, _NEW_DIFFERENCES, tolerances, reference)

    def reconcile(self, now: datetime, *, full: bool, progress: Progress = lambda _: None) -> Reconciliation:
        """Bring canonical tables, ledgers, findings, verdicts and marts up to date in one transaction.

        Args:
            now: The moment at which feeds are judged fresh or stale.
            full: Revisit every key; otherwise those that changed since the last run.
            progress: Told each step.

        Raises:
            ConfigurationError: A model or rule does not run.
        """
        self._reference.load(self._warehouse, now)
        self._load_rules()
        return self._warehouse.write(lambda transaction: self._run(transaction, now, full=full, progress=progress))

    def _run(self, transaction: Connection, now: datetime, *, full: bool, progress: Progress) -> Reconciliation:
        self._existing = lake_tables(transaction)
        self._prepare(transaction)
        self._existing = forget_outdated(transaction, self._existing, self._editions)
        full = full or not is_current(self._existing)
        progress("canonical tables")
        if not full:
            affected.begin(transaction)
        self._canonical.build(transaction, self._existing, changed_only=not full)
        if not full:
            affected.note(transaction)
        self._judge_feeds(transaction, now)
        for scope in (ScopeKind.STOCK, ScopeKind.ORDER, ScopeKind.CUSTOMER, ScopeKind.FEED):
            self._run_scope(transaction, scope, full=full or scope is ScopeKind.FEED, progress=progress)
        self._keep_differences(transaction, full=full)
        progress("verdicts")
        self._conclude(transaction, now)
        transaction.execute("delete from ops_changed_keys")
        return self._summarise(transaction, now, is_full=full)

    def _prepare(self, transaction: Connection) -> None:
        """Keep what the last run said of feeds and findings: how long a state lasts is counted from there."""
        for name, (kept, empty) in _PREVIOUS.items():
            create_view(transaction, "earlier", kept if name in self._existing else empty)
            previous = "previous_" + name.removeprefix("rec_")
            transaction.execute(retarget("create or replace temp table target as from earlier", {"target": previous}))
        transaction.execute(_NEW_DIFFERENCES)

    def _judge_feeds(self, transaction: Connection, now: datetime) -> None:
        self._rebuild(transaction, read_model(self._folder / "rec_feeds.sql"), now)

    def _run_scope(self, transaction: Connection, scope: ScopeKind, *, full: bool, progress: Progress) -> None:
        """Write the ledger of the scope, then let its rules speak, over everything or over the affected keys."""
        rules = [rule for rule in self.rules if rule.scope is scope]
        ledgers = [read_model(self._folder / f"{name}.sql") for name, of in affected.LEDGERS.items() if of is scope]
        read = frozenset[str]().union(*(model.tables for model in (*ledgers, *(rule.model for rule in rules))))
        hidden = () if full else affected.narrow(transaction, scope, read - affected.LEDGERS.keys())
        for ledger in ledgers:
            self._write_ledger(transaction, ledger, scope, full=full)
            if not full:
                hidden += affected.narrow(transaction, scope, read & {ledger.name})
        for rule in rules:
            progress(rule.code)
            self._run_rule(transaction, rule)
        affected.widen(transaction, hidden)

    def _write_ledger(self, transaction: Connection, model: SqlModel, scope: ScopeKind, *, full: bool) -> None:
        if full:
            replace_rows(transaction, model.name, model.body, existing=self._existing)
        else:
            affected.forget_rows(transaction, model.name, scope)
            insert_rows(transaction, "lake.main." + model.name, model.body)

    def _run_rule(self, transaction: Connection, rule: Rule) -> None:
        parameters = dict(self._tolerances.values(rule.tolerances))
        try:
            transaction.execute("create or replace temp table rule_rows as " + rule.model.body, parameters)
            insert_rows(transaction, "new_differences", _DIFFERENCES, {"code": rule.code})
        except SqlError as error:
            raise _does_not_run(rule.model, error) from error

    def _keep_differences(self, transaction: Connection, *, full: bool) -> None:
        """Put what the rules said in the place of what they said before, of the same keys."""
        ensure_table(transaction, "rec_differences", "from new_differences", existing=self._existing)
        if full:
            transaction.execute("delete from rec_differences")
        else:
            for scope in ScopeKind:
                codes = [rule.code for rule in self.rules if rule.scope is scope]
                affected.forget_differences(transaction, codes, scope)
        insert_rows(transaction, "rec_differences", "from new_differences")

    def _conclude(self, transaction: Connection, now: datetime) -> None:
        for name in ("rec_findings", "rec_rule_runs", "rec_unexplained", "rec_line_verdicts"):
            self._rebuild(transaction, read_model(self._folder / f"{name}.sql"), now)
        replace_rows(transaction, "rec_rules", "from ref_rules", existing=self._existing)
        for mart in self._marts:
            self._rebuild(transaction, mart, now)
        keep_editions(transaction, self._existing)

    def _rebuild(self, transaction: Connection, model: SqlModel, now: datetime) -> None:
        parameters: dict[str, Any] = {"now_at": now} if "now_at" in model.parameters else {}
        parameters |= self._tolerances.values(model.parameters - {"now_at"})
        try:
            replace_rows(transaction, model.name, model.body, parameters, existing=self._existing)
        except SqlError as error:
            raise _does_not_run(model, error) from error

    def _summarise(self, transaction: Connection, now: datetime, *, is_full: bool) -> Reconciliation:
        counts = dict(transaction.execute(_VERDICT_COUNTS).fetchall())
        return Reconciliation(
            is_full=is_full,
            now_at=now,
            verdicts={verdict: counts.get(verdict.value, 0) for verdict in Verdict},
            findings=scalar(transaction, "select count(*) from rec_findings"),
            unexplained=scalar(transaction, "select count(*) from rec_unexplained"),
            violations=tuple(self._violations(transaction)),
        )

    def _violations(self, transaction: Connection) -> list[Violation]:
        found = []
        for check in self._checks:
            rows = transaction.execute(check.body).fetchall()
            if rows:
                found.append(Violation(check.name, check.required("title"), len(rows), str(rows[0])))
        return found

    def _load_rules(self) -> None:
        """Put the rules' headers into the stage schema, for the models that join with them."""
        with self._warehouse.reading() as cursor:
            for name, table in _rule_tables(self.rules).items():
                cursor.register("rule_headers", table)
                cursor.execute("create or replace table memory.main." + name + " as from rule_headers")


def _rule_tables(rules: Sequence[Rule]) -> Mapping[str, pa.Table]:
    text = pa.string()
    needs = [(rule.code, need.role.value, need.contract) for rule in rules for need in rule.feeds]
    edges = [(rule.code, edge) for rule in rules for edge in rule.explains]
    return {
        "ref_rules": pa.table(
            {
                "code": pa.array([rule.code for rule in rules], text),
                "name": pa.array([rule.name for rule in rules], text),
                "title": pa.array([rule.title for rule in rules], text),
                "severity": pa.array([rule.severity.value for rule in rules], text),
                "owner": pa.array([rule.owner for rule in rules], text),
                "correction_class": pa.array([rule.correction_class.value for rule in rules], text),
                "confirm_snapshots": pa.array([rule.confirm_snapshots for rule in rules], pa.int64()),
                "is_planned": pa.array([rule.is_planned for rule in rules], pa.bool_()),
                "rule_version": pa.array([rule.model.version for rule in rules], text),
            }
        ),
        "ref_rule_feeds": pa.table(
            {
                "code": pa.array([need[0] for need in needs], text),
                "role": pa.array([need[1] for need in needs], text),
                "contract": pa.array([need[2] for need in needs], text),
            }
        ),
        "ref_rule_explains": pa.table(
            {
                "code": pa.array([edge[0] for edge in edges], text),
                "edge": pa.array([edge[1] for edge in edges], text),
            }
        ),
    }


def _does_not_run(model: SqlModel, error: SqlError) -> ConfigurationError:
    return ConfigurationError(
        f"{model.path.name} does not run.",
        expected="a select over the canonical names, with the columns that its folder's other files give",
        found=str(error).splitlines()[0],
        remedy="correct the SQL; `fulfillment rules test` runs each rule on its own rows",
    )
