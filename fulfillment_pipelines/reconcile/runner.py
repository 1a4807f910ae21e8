"""Run the rules: everything, or only what changed; one transaction, the same rows either way.

The order of a run is `Reconciler._run`, read from top to bottom. What the tables mean is in their SQL files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.affected import Affected
from fulfillment_pipelines.reconcile.editions import editions_of, forget_outdated, is_current, keep_editions
from fulfillment_pipelines.reconcile.matching import DocumentMatcher, MatchingPolicy
from fulfillment_pipelines.reconcile.platform_records import NO_RECORDS, PlatformRecords
from fulfillment_pipelines.reconcile.reach import Reach, scope_of
from fulfillment_pipelines.reconcile.rule_headers import load_headers
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind
from fulfillment_pipelines.reconcile.timing import TimingPolicy, load_timing
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import SqlModel, in_reading_order, read_models, retarget
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
        evidence varchar,
        severity varchar
    )
"""
# A rule whose rows all have the severity of its header gives none.
_ADD_SEVERITY: Final = "alter table rule_rows add column if not exists severity varchar"
_DIFFERENCES: Final = """
    select
        $code as code, business_key, node, cast(scope_key as varchar) as scope_key, order_id, line_no, expected_value,
        actual_value, delta_qty, value_at_risk_amount, currency, condition_since, breaks_at, message, target_role,
        cast(payload as varchar) as payload, cast(precondition as varchar) as precondition, judgement_reason,
        cast(evidence as varchar) as evidence, severity
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
        timing: How learned lags decide what is a matter of timing; None leaves every rule its own default.
        matching: How documents without an exact reference are matched; None leaves them unmatched.
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
        matching: MatchingPolicy | None = None,
        timing: TimingPolicy | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._canonical = canonical
        self._reference = reference
        self.rules = tuple(rules)
        self._tolerances = tolerances
        self._timing = timing
        derived = in_reading_order(read_models(sql / "30_reconcile"))
        self._scoped = tuple(model for model in derived if scope_of(model))
        self._whole = tuple(model for model in derived if not scope_of(model))
        self._marts = read_models(sql / "40_marts")
        self._checks = read_models(sql / "checks")
        self._existing: frozenset[str] = frozenset()
        words = (*derived, *self._marts, *(rule.model for rule in self.rules))
        self._matcher = DocumentMatcher(sql / "30_reconcile" / "matching", matching)
        self._editions = {
            **editions_of(words, _NEW_DIFFERENCES, tolerances, reference),
            **canonical.versions,
            **self._matcher.versions,
            "timing": repr(timing),
        }

    @cached_property
    def _reach(self) -> Reach:
        """What a change reaches; only an incremental run asks, and all rules must be parsed to tell."""
        return Reach(self._scoped, self.rules, self._canonical.spoken)

    def reconcile(
        self,
        now: datetime,
        *,
        full: bool,
        records: PlatformRecords = NO_RECORDS,
        progress: Progress = lambda _: None,
    ) -> Reconciliation:
        """Bring canonical tables, ledgers, findings, verdicts and marts up to date in one transaction.

        Args:
            now: The moment at which feeds are judged fresh or stale.
            full: Revisit every key; otherwise those that changed since the last run.
            records: What the platform itself has done, for the rules that judge it.
            progress: Told each step.

        Raises:
            ConfigurationError: A model or rule does not run.
        """
        self._reference.load(self._warehouse, now)
        records.load(self._warehouse)
        load_timing(self._warehouse, self._timing)
        load_headers(self._warehouse, self.rules, self._reference.feeds)
        return self._warehouse.write(lambda transaction: self._run(transaction, now, full=full, progress=progress))

    def _run(self, transaction: Connection, now: datetime, *, full: bool, progress: Progress) -> Reconciliation:
        self._existing = lake_tables(transaction)
        self._prepare(transaction)
        self._existing = forget_outdated(transaction, self._existing, self._editions)
        full = full or not is_current(self._existing)
        progress("canonical tables")
        affected = self._canonise(transaction, full=full)
        self._rebuild(transaction, self._model("rec_feeds"), now)
        for model in self._scoped:
            self._write_model(transaction, model, affected)
        for scope in ScopeKind:
            self._run_rules(transaction, scope, affected, progress)
        self._keep_differences(transaction, affected)
        progress("verdicts")
        self._conclude(transaction, now, full=full)
        transaction.execute("delete from ops_changed_keys")
        return self._summarise(transaction, now, is_full=full)

    def _canonise(self, transaction: Connection, *, full: bool) -> Affected | None:
        """Bring the canonical tables up to date; return the keys an incremental run revisits, None for all."""
        if full:
            self._canonical.build(transaction, self._existing, changed=None)
            self._matcher.run(transaction, self._existing, full=True)
            return None
        changed = self._canonical.note_changes(transaction)
        affected = Affected(transaction, self._reach, changed)
        affected.note_before()
        self._canonical.build(transaction, self._existing, changed=changed)
        self._matcher.run(transaction, self._existing, full=False)
        affected.note()
        return affected

    def _prepare(self, transaction: Connection) -> None:
        """Keep what the last run said of feeds and findings: how long a state lasts is counted from there."""
        for name, (kept, empty) in _PREVIOUS.items():
            create_view(transaction, "earlier", kept if name in self._existing else empty)
            previous = "previous_" + name.removeprefix("rec_")
            transaction.execute(retarget("create or replace temp table target as from earlier", {"target": previous}))
        transaction.execute(_NEW_DIFFERENCES)

    def _write_model(self, transaction: Connection, model: SqlModel, affected: Affected | None) -> None:
        """Write a ledger: all of it, or its rows of the affected keys."""
        scope = scope_of(model)
        parameters = self._tolerances.values(model.parameters)
        try:
            if affected is None or scope is None:
                replace_rows(transaction, model.name, model.body, parameters, existing=self._existing)
                return
            with affected.showing(scope):
                affected.rewrite(model, scope, parameters)
        except SqlError as error:
            raise _does_not_run(model, error) from error

    def _run_rules(
        self, transaction: Connection, scope: ScopeKind, affected: Affected | None, progress: Progress
    ) -> None:
        """Let the rules of a scope speak, over everything or over the affected keys."""
        with affected.showing(scope) if affected else nullcontext():
            for rule in self.rules:
                if rule.scope is scope:
                    progress(rule.code)
                    self._run_rule(transaction, rule, affected)

    def _run_rule(self, transaction: Connection, rule: Rule, affected: Affected | None) -> None:
        parameters = dict(self._tolerances.values(rule.tolerances))
        try:
            transaction.execute("create or replace temp table rule_rows as " + rule.model.body, parameters)
            transaction.execute(_ADD_SEVERITY)
            if affected:
                affected.keep_own("rule_rows", rule.scope)
            insert_rows(transaction, "new_differences", _DIFFERENCES, {"code": rule.code})
        except SqlError as error:
            raise _does_not_run(rule.model, error) from error

    def _keep_differences(self, transaction: Connection, affected: Affected | None) -> None:
        """Put what the rules said in the place of what they said before, of the same keys."""
        ensure_table(transaction, "rec_differences", "from new_differences", existing=self._existing)
        if affected is None:
            transaction.execute("delete from rec_differences")
        else:
            for scope in ScopeKind:
                affected.forget_differences([rule.code for rule in self.rules if rule.scope is scope], scope)
        insert_rows(transaction, "rec_differences", "from new_differences")

    def _model(self, name: str) -> SqlModel:
        return next(model for model in self._whole if model.name == name)

    def _conclude(self, transaction: Connection, now: datetime, *, full: bool) -> None:
        """Write what is always written whole; what only a full run learns stays as the last one has left it."""
        for model in (*self._whole, *self._marts):
            if model.name != "rec_feeds" and (full or model.header.get("refresh") != "full"):
                self._rebuild(transaction, model, now)
        replace_rows(transaction, "rec_rules", "from ref_rules", existing=self._existing)
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


def _does_not_run(model: SqlModel, error: SqlError) -> ConfigurationError:
    return ConfigurationError(
        f"{model.path.name} does not run.",
        expected="a select over the canonical names, with the columns that its folder's other files give",
        found=str(error).splitlines()[0],
        remedy="correct the SQL; `fulfillment rules test` runs each rule on its own rows",
    )
