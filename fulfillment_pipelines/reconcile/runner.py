"""Run the rules: everything, or only what changed; one transaction, the same rows either way.

The order of a run is `Reconciler._run_full` and `_run_incremental`, read from top to bottom. What the tables mean is in
their SQL files; how an incremental run computes and writes a part of them is in `incremental` and `conclusions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.engines import DuckDbEngine, Engine, Selecting
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.affected import Affected
from fulfillment_pipelines.reconcile.conclusions import Verdicts, keep_previous, write_findings
from fulfillment_pipelines.reconcile.editions import (
    editions_of,
    forget_all,
    forget_outdated,
    is_current,
    is_outdated,
    keep_editions,
)
from fulfillment_pipelines.reconcile.incremental import IncrementalRun, whole
from fulfillment_pipelines.reconcile.leading_models import LeadingModels
from fulfillment_pipelines.reconcile.matching import DocumentMatcher, MatchingPolicy
from fulfillment_pipelines.reconcile.matching.matcher import TABLE as MATCHES
from fulfillment_pipelines.reconcile.model_groups import FINDINGS, read_groups
from fulfillment_pipelines.reconcile.platform_records import NO_RECORDS, PlatformRecords
from fulfillment_pipelines.reconcile.reach import Reach, scope_of
from fulfillment_pipelines.reconcile.rule_headers import load_headers
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind
from fulfillment_pipelines.reconcile.shown import Shown
from fulfillment_pipelines.reconcile.timing import TimingPolicy, load_timing
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.snapshots.merging import everything_changed
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import (
    Connection,
    SqlError,
    Warehouse,
    clear_rows,
    create_view,
    ensure_table,
    insert_rows,
    joining_as_written,
    lake_tables,
    replace_rows,
    rows_in_files,
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
_DIFFERENCES: Final = """
    select
        $code as code, business_key, node, cast(scope_key as varchar) as scope_key, order_id, line_no, expected_value,
        actual_value, delta_qty, value_at_risk_amount, currency, condition_since, breaks_at, message, target_role,
        cast(payload as varchar) as payload, cast(precondition as varchar) as precondition, judgement_reason,
        cast(evidence as varchar) as evidence
"""
# A rule whose rows all have the severity of its header gives none.
_SEVERITY: Final = ", severity"
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
_VERDICT_COUNTS: Final = "select verdict, cast(sum(line_count) as bigint) from mart_line_verdicts group by verdict"

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
        revisited: Business keys of the findings that are other than before in any way; None where all were revisited.
    """

    is_full: bool
    now_at: datetime
    verdicts: Mapping[Verdict, int]
    findings: int
    unexplained: int
    violations: tuple[Violation, ...]
    revisited: frozenset[str] | None = None


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
        engine: Where a full run works out ledgers, rules, marts and checks; an incremental run stays in DuckDB.
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
        engine: Engine | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._canonical = canonical
        self._reference = reference
        self.rules = tuple(rules)
        self._tolerances = tolerances
        self._timing = timing
        self._models = read_groups(sql, self.rules)
        self._existing: frozenset[str] = frozenset()
        self._engine = engine or DuckDbEngine()
        self._selecting: Selecting
        self._matcher = DocumentMatcher(sql / "30_reconcile" / "matching", matching)
        self._editions = {
            **editions_of(self._models.written, _NEW_DIFFERENCES, tolerances, reference),
            **canonical.versions,
            **self._matcher.versions,
            "timing": repr(timing),
        }

    @cached_property
    def _reach(self) -> Reach:
        """What a change reaches; only an incremental run asks, and all rules must be parsed to tell."""
        return self._models.reach(self._canonical.spoken)

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

    def must_be_full(self) -> bool:
        """Return whether the next run makes everything anew, whatever it is asked for."""
        with self._warehouse.reading() as cursor:
            return is_outdated(cursor, lake_tables(cursor), self._editions) or everything_changed(cursor)

    def _run(self, transaction: Connection, now: datetime, *, full: bool, progress: Progress) -> Reconciliation:
        self._existing = forget_outdated(transaction, lake_tables(transaction), self._editions)
        transaction.execute(_NEW_DIFFERENCES)
        progress("canonical tables")
        full = full or not is_current(self._existing) or everything_changed(transaction)
        planned = joining_as_written(transaction) if full else nullcontext()
        with planned, (self._engine if full else DuckDbEngine()).running(transaction) as self._selecting:
            run = self._run_full if full else self._run_incremental
            found = run(transaction, now, progress)
        clear_rows(transaction, "ops_changed_keys")
        if found.violations:
            forget_all(transaction)
        return found

    def _run_full(self, transaction: Connection, now: datetime, progress: Progress) -> Reconciliation:
        """Make everything anew."""
        self._keep_previous(transaction)
        self._canonical.rebuild(transaction, self._existing, is_current=is_current(self._existing))
        self._matcher.run(transaction, self._existing, full=True)
        for model in (*self._models.leading, *self._models.scoped):
            self._rebuild(transaction, model, now)
        for rule in _by_scope(self.rules):
            progress(rule.code)
            self._run_rule(transaction, rule)
        replace_rows(transaction, "rec_differences", "from new_differences", existing=self._existing)
        progress("verdicts")
        for model in (*self._models.whole, *self._models.marts):
            self._rebuild(transaction, model, now)
        replace_rows(transaction, "rec_rules", "from ref_rules", existing=self._existing)
        keep_editions(transaction, self._existing)
        return self._summarise(transaction, now, self._violations(transaction, self._models.checks))

    def _run_incremental(self, transaction: Connection, now: datetime, progress: Progress) -> Reconciliation:
        """Revisit what the changes since the last run reach; what only a full run learns stays as it is."""
        contracts = self._canonical.note_changes(transaction)
        row_counts = rows_in_files(transaction)
        affected = Affected(transaction, self._reach, contracts, row_counts)
        affected.note_before()
        leading = LeadingModels(transaction, self._models.leading, contracts)
        self._canonical.build(transaction, self._existing, changed=contracts)
        unmatched = Shown(transaction, self._reach, {})
        unmatched.leave_empty({MATCHES} if row_counts.get(MATCHES) == 0 else ())
        has_moved_matches = self._matcher.run(transaction, self._existing, full=False)
        unmatched.close()
        affected.note()
        changed = {f"canon_{contract}" for contract in contracts} | ({MATCHES} if has_moved_matches else set())
        run = IncrementalRun(
            transaction,
            self._reach,
            changed,
            lambda model: self._parameters(model, now),
            row_counts=row_counts,
        )
        run.shown.leave_empty(self._models.read & run.empty)
        keep_previous(run)
        with _told((*self._models.leading, *self._models.scoped)):
            leading.write(run)
            run.write_models(self._models.scoped)
        for rule in _by_scope(self.rules):
            if run.asks(rule):
                progress(rule.code)
                self._run_rule(transaction, rule, run)
        run.keep_differences()
        progress("verdicts")
        revisited = self._conclude(run)
        progress("checks")
        run.shown.show(ScopeKind.ORDER, frozenset[str]().union(*(check.tables for check in self._models.narrow_checks)))
        violations = self._violations(transaction, (*self._models.narrow_checks, *self._models.small_checks))
        run.shown.close()
        progress("publish")
        return self._summarise(transaction, now, violations, revisited=revisited)

    def _conclude(self, run: IncrementalRun) -> frozenset[str]:
        """Write findings, verdicts and marts; return the business keys of the findings that have moved."""
        revisited = write_findings(run, self._models.named(FINDINGS))
        for model in self._models.whole:
            if model.name != FINDINGS and scope_of(model) is None:
                self._write_moved(run, model)
        verdicts = Verdicts(run, self._existing)
        verdicts.write(self._models.concluding)
        for mart in self._models.marts:
            if "adds" in mart.header:
                verdicts.carry_forward(mart)
        verdicts.close()
        for mart in self._models.marts:
            if "adds" not in mart.header:
                self._write_moved(run, mart)
        return revisited

    def _write_moved(self, run: IncrementalRun, model: SqlModel) -> None:
        if model.header.get("refresh") != "full" and run.is_moved(model.tables):
            run.write_whole(model)

    def _keep_previous(self, transaction: Connection) -> None:
        """Keep what the last run said of feeds and findings: how long a state lasts is counted from there."""
        for name, (kept, empty) in _PREVIOUS.items():
            create_view(transaction, "earlier", kept if name in self._existing else empty)
            previous = "previous_" + name.removeprefix("rec_")
            transaction.execute(retarget("create or replace temp table target as from earlier", {"target": previous}))

    def _run_rule(self, transaction: Connection, rule: Rule, run: IncrementalRun | None = None) -> None:
        parameters = dict(self._tolerances.values(rule.tolerances))
        with _told((rule.model,)):
            select = self._selecting(rule.model, parameters)
            severity = _SEVERITY if "severity" in rule.model.columns else ""
            rows = run.own_rows(select.statement, rule.scope) if run else whole(select.statement)
            statement = _DIFFERENCES + severity + rows
            insert_rows(transaction, "new_differences", statement, {**select.parameters, "code": rule.code})

    def _parameters(self, model: SqlModel, now: datetime) -> Mapping[str, Any]:
        parameters: dict[str, Any] = {"now_at": now} if "now_at" in model.parameters else {}
        return {**parameters, **self._tolerances.values(model.parameters - {"now_at"})}

    def _rebuild(self, transaction: Connection, model: SqlModel, now: datetime) -> None:
        parameters = self._parameters(model, now)
        with _told((model,)):
            # Wherever the rows come from, the types of a table's columns are DuckDB's.
            ensure_table(transaction, model.name, model.body, parameters, existing=self._existing)
            select = self._selecting(model, parameters)
            replace_rows(transaction, model.name, select.statement, select.parameters, existing=(model.name,))

    def _summarise(
        self,
        transaction: Connection,
        now: datetime,
        violations: Sequence[Violation],
        *,
        revisited: frozenset[str] | None = None,
    ) -> Reconciliation:
        counts = dict(transaction.execute(_VERDICT_COUNTS).fetchall())
        return Reconciliation(
            is_full=revisited is None,
            now_at=now,
            verdicts={verdict: counts.get(verdict.value, 0) for verdict in Verdict},
            findings=scalar(transaction, "select count(*) from rec_findings"),
            unexplained=scalar(transaction, "select count(*) from rec_unexplained"),
            violations=tuple(violations),
            revisited=revisited,
        )

    def _violations(self, transaction: Connection, checks: Sequence[SqlModel]) -> list[Violation]:
        found = []
        for check in checks:
            select = self._selecting(check, {})
            rows = transaction.execute(select.statement, select.parameters).fetchall()
            if rows:
                found.append(Violation(check.name, check.required("title"), len(rows), str(rows[0])))
        return found


def _by_scope(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules scope by scope, so that what a scope is shown is put up once."""
    return [rule for scope in ScopeKind for rule in rules if rule.scope is scope]


@contextmanager
def _told(models: Sequence[SqlModel]) -> Iterator[None]:
    """Tell which model does not run."""
    try:
        yield
    except SqlError as error:
        names = ", ".join(model.path.name for model in models)
        raise ConfigurationError(
            f"{names} does not run.",
            expected="a select over the canonical names, with the columns that its folder's other files give",
            found=str(error).splitlines()[0],
            remedy="correct the SQL; `fulfillment rules test` runs each rule on its own rows",
        ) from error
