"""Build the canonical tables from the feeds: `sql/20_canonical` over `feed_*`, whole or for changed keys only.

`feed_<contract>` is the union of all feeds that keep a contract, so that a new system needs no change of any
canonical model. Everything runs in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.canonical.row_checks import empty_select
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.snapshots.merging import EVERY_KEY
from fulfillment_pipelines.sql_models import SqlModel, in_reading_order, retarget
from fulfillment_pipelines.warehouse import Connection, create_view, delete_rows, insert_rows, replace_rows, scalar

CAME: Final = "came_"
"""Before a table's name: the temp table of the rows that a build for changed keys has put into it."""

_PREFIX: Final = "canon_"
_CHANGED: Final = "create or replace temp table changed_keys as from ops_changed_keys"
_CHANGED_CONTRACTS: Final = "select distinct contract from changed_keys"
_CHANGED_COUNTS: Final = """
    select
        contract,
        case when count(*) filter (where source_key = $every_key) = 0 then count(*) end as changed_rows
    from changed_keys
    group by contract
"""
_ROW_COUNT: Final = "select count(*) from target"
_REMADE_FROM_ONE_IN: Final = 20
# A partner's number that stands for another item changes the lines that use it, though their rows stand as they did.
_NOTE_RENAMED_LINES: Final = """
    insert into changed_keys by name
    select
        renamed.snapshot_id, lines.system, 'order_lines' as contract, lines.source_key, lines.order_id, lines.node,
        lines.sku
    from canon_order_lines as lines
    inner join (
        select foreign_id, max(snapshot_id) as snapshot_id
        from changed_keys
        where contract = 'cross_references'
        group by foreign_id
    ) as renamed on lines.foreign_sku = renamed.foreign_id
"""
# So does an order that becomes another customer's, whose numbers stand for other items.
_NOTE_LINES_OF_ORDERS: Final = """
    insert into changed_keys by name
    select
        orders.snapshot_id, lines.system, 'order_lines' as contract, lines.source_key, lines.order_id, lines.node,
        lines.sku
    from canon_order_lines as lines
    inner join (
        select system, order_id, max(snapshot_id) as snapshot_id
        from changed_keys
        where contract = 'orders'
        group by system, order_id
    ) as orders on lines.system = orders.system and lines.order_id = orders.order_id
    where lines.foreign_sku is not null
"""
_NOTES: Final = {"cross_references": _NOTE_RENAMED_LINES, "orders": _NOTE_LINES_OF_ORDERS}
_DELETE_CHANGED: Final = """
    (system, source_key) in (select gone.system, gone.source_key from gone where gone.contract = $contract)
"""


class CanonicalModels:
    """The canonical tables of one distributor.

    Args:
        models: The files of `sql/20_canonical`.
        feeds: The declared feeds.

    Raises:
        ConfigurationError: A model belongs to no contract, or a contract has no model.
    """

    def __init__(self, models: Sequence[SqlModel], feeds: Sequence[FeedReference]) -> None:
        self._models = {_contract_of(model): model for model in in_reading_order(models)}
        self._feeds = feeds
        missing = sorted(set(CONTRACTS) - set(self._models))
        if missing:
            raise ConfigurationError(
                f"No canonical model for the contracts {', '.join(missing)}.",
                expected="one file canon_<contract>.sql in sql/20_canonical for each contract",
                remedy="add the file, or remove the contract",
            )

    @property
    def models(self) -> tuple[SqlModel, ...]:
        """The models, each named after the table it makes and behind those that it reads."""
        return tuple(self._models.values())

    @property
    def spoken(self) -> frozenset[str]:
        """Names of the tables of which any declared feed speaks; the others stay empty."""
        return frozenset(_PREFIX + feed.contract for feed in self._feeds)

    @property
    def versions(self) -> Mapping[str, str]:
        """With what each table is made: the words of its model and the feeds it is the union of."""
        return {model.name: _version(model, self._own(contract)) for contract, model in self._models.items()}

    def note_changes(self, transaction: Connection, *, has_lines: bool = True) -> frozenset[str]:
        """Put what has changed since the last reconcile into `changed_keys`; return the contracts it is of.

        Args:
            transaction: The lake's cursor within the caller's transaction.
            has_lines: Whether there is a canonical table of order lines, which other changes may reach.
        """
        transaction.execute(_CHANGED)
        changed = _changed_contracts(transaction)
        for contract in changed & _NOTES.keys() if has_lines else ():
            transaction.execute(_NOTES[contract])
        return _changed_contracts(transaction)

    def build(self, transaction: Connection, existing: frozenset[str], *, changed: frozenset[str]) -> None:
        """Replace what has changed in the canonical tables.

        A table of which no feed speaks is made empty once, and left alone from then on.

        Args:
            transaction: The lake's cursor within the caller's transaction.
            existing: The lake's tables; a feed that was never admitted has none.
            changed: Contracts of the keys in `changed_keys`.
        """
        for contract, model in self._models.items():
            if contract in changed:
                self._build_one(transaction, CONTRACTS[contract], model, existing, changed_only=True)

    def rebuild(self, transaction: Connection, existing: frozenset[str], *, is_current: bool) -> None:
        """Make every canonical table what its feeds say.

        A table whose feeds have brought nothing since it was made is left as it is, and of one of which few rows have
        changed these are replaced: writing a table costs more than all that is asked of it.

        Args:
            transaction: The lake's cursor within the caller's transaction.
            existing: The lake's tables.
            is_current: Whether they were made with the present models and reference data; else all are made anew.
        """
        if not is_current:
            self._build_all(transaction, existing)
            return
        changed = self.note_changes(transaction, has_lines="canon_order_lines" in existing)
        counts = dict(transaction.execute(_CHANGED_COUNTS, {"every_key": EVERY_KEY}).fetchall())
        whole = {contract for contract, count in counts.items() if count is None}
        if whole & _NOTES.keys():
            whole.add("order_lines")
        for contract, model in self._models.items():
            is_kept = model.name in existing and contract not in whole
            if is_kept and contract not in changed:
                continue
            changed_only = is_kept and _is_small_part(transaction, model.name, counts[contract])
            self._build_one(transaction, CONTRACTS[contract], model, existing, changed_only=changed_only)

    def _build_all(self, transaction: Connection, existing: frozenset[str]) -> None:
        for contract, model in self._models.items():
            if model.name not in existing or self._own(contract):
                self._build_one(transaction, CONTRACTS[contract], model, existing, changed_only=False)

    def _build_one(
        self,
        transaction: Connection,
        contract: Contract,
        model: SqlModel,
        existing: frozenset[str],
        *,
        changed_only: bool,
    ) -> None:
        feeds = [feed for feed in self._own(contract.name) if _table(feed) in existing]
        view = _feed_union(contract, feeds, changed_only=changed_only)
        create_view(transaction, "feed_" + contract.name, view.sql(dialect="duckdb"))
        if not changed_only:
            replace_rows(transaction, model.name, model.body, existing=existing)
            return
        delete_rows(transaction, model.name, _DELETE_CHANGED, "changed_keys", {"contract": contract.name})
        transaction.execute("create or replace temp table " + CAME + model.name + " as " + model.body)
        insert_rows(transaction, model.name, "from " + CAME + model.name)

    def _own(self, contract: str) -> list[FeedReference]:
        return [feed for feed in self._feeds if feed.contract == contract]


def _is_small_part(transaction: Connection, table: str, changed_rows: int) -> bool:
    rows = scalar(transaction, retarget(_ROW_COUNT, {"target": table}))
    return changed_rows * _REMADE_FROM_ONE_IN <= rows


def _changed_contracts(transaction: Connection) -> frozenset[str]:
    return frozenset(contract for (contract,) in transaction.execute(_CHANGED_CONTRACTS).fetchall())


def _version(model: SqlModel, feeds: Sequence[FeedReference]) -> str:
    told = "".join(sorted(f"\n{feed.system}.{feed.entity}.{feed.role}.{feed.node}" for feed in feeds))
    return hashlib.sha256((model.version + told).encode()).hexdigest()[:12]


def _feed_union(contract: Contract, feeds: Sequence[FeedReference], *, changed_only: bool) -> exp.Query:
    if not feeds:
        nothing = exp.maybe_parse(empty_select(contract), into=exp.Select, dialect="duckdb").subquery("nothing")
        return _labelled(exp.select("*").from_(nothing), system="", role="", node="")
    selects: list[exp.Query] = []
    for feed in feeds:
        rows = exp.select("*").from_(_table(feed))
        if changed_only:
            rows = rows.where(
                exp.column("source_key").isin(
                    query=exp.select("source_key")
                    .from_("changed_keys")
                    .where(exp.column("contract").eq(contract.name), exp.column("system").eq(feed.system))
                )
            )
        selects.append(_labelled(rows, system=feed.system, role=feed.role, node=feed.node))
    return selects[0] if len(selects) == 1 else exp.union(*selects, distinct=False)


def _labelled(rows: exp.Select, *, system: str, role: str, node: str) -> exp.Select:
    labels: Mapping[str, str] = {"system": system, "role": role, "feed_node": node}
    for name, value in labels.items():
        rows = rows.select(exp.Literal.string(value).as_(name))
    return rows


def _table(feed: FeedReference) -> str:
    return f"snap_{feed.system}__{feed.entity}"


def _contract_of(model: SqlModel) -> str:
    name = model.name.removeprefix(_PREFIX)
    if name not in CONTRACTS:
        raise ConfigurationError(
            f"{model.path.name} belongs to no contract.",
            expected=", ".join(_PREFIX + contract for contract in CONTRACTS),
            found=model.name,
            remedy="name the file after its contract",
        )
    return name
