"""Build the canonical tables from the feeds: `sql/20_canonical` over `feed_*`, whole or for changed keys only.

`feed_<contract>` is the union of all feeds that keep a contract, so that a new system needs no change of any
canonical model. Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.canonical.row_checks import empty_select
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, create_view, ensure_table, insert_rows, replace_rows

_PREFIX: Final = "canon_"
_CHANGED: Final = """
    create or replace temp table changed_rows as
    select distinct system, contract, source_key from ops_changed_keys
"""
_DELETE_CHANGED: Final = """
    delete from target
    where exists (
        select 1 from changed_rows
        where changed_rows.contract = $contract
            and changed_rows.system = target.system
            and changed_rows.source_key = target.source_key
    )
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
        self._models = {_contract_of(model): model for model in models}
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
        """The models, each named after the table it makes."""
        return tuple(self._models.values())

    def build(self, transaction: Connection, existing: frozenset[str], *, changed_only: bool) -> None:
        """Bring every canonical table up to date with its feeds.

        Args:
            transaction: The lake's cursor within the caller's transaction.
            existing: The lake's tables; a feed that was never admitted has none.
            changed_only: Only for the keys of `ops_changed_keys`.
        """
        if changed_only:
            transaction.execute(_CHANGED)
        for name, model in self._models.items():
            self._build_one(transaction, CONTRACTS[name], model, existing, changed_only=changed_only)

    def _build_one(
        self,
        transaction: Connection,
        contract: Contract,
        model: SqlModel,
        existing: frozenset[str],
        *,
        changed_only: bool,
    ) -> None:
        view = _feed_union(contract, [feed for feed in self._feeds if _table(feed) in existing], changed_only)
        create_view(transaction, "feed_" + contract.name, view.sql(dialect="duckdb"))
        if not changed_only:
            replace_rows(transaction, model.name, model.body, existing=existing)
            return
        ensure_table(transaction, model.name, model.body, existing=existing)
        transaction.execute(retarget(_DELETE_CHANGED, {"target": model.name}), {"contract": contract.name})
        insert_rows(transaction, model.name, model.body)


def _feed_union(contract: Contract, feeds: Sequence[FeedReference], changed_only: bool) -> exp.Query:
    own = [feed for feed in feeds if feed.contract == contract.name]
    if not own:
        nothing = exp.maybe_parse(empty_select(contract), into=exp.Select, dialect="duckdb").subquery("nothing")
        return _labelled(exp.select("*").from_(nothing), system="", role="", node="")
    selects: list[exp.Query] = []
    for feed in own:
        rows = exp.select("*").from_(_table(feed))
        if changed_only:
            rows = rows.where(
                exp.column("source_key").isin(
                    query=exp.select("source_key")
                    .from_("changed_rows")
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
