"""What each asset says of itself: group, owner, kinds, description, tags, schema, freshness, what it is made from.

Everything is derived from declarations, contracts and SQL headers. What is made when belongs to the steps.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import dagster as dg

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.vocabulary import Column, Contract
from fulfillment_pipelines.orchestration.catalogue import Catalogue, prose, rule_asset, statement
from fulfillment_pipelines.reconcile.rules import Rule
from fulfillment_pipelines.sql_models import SqlModel

CASES: Final = "exception_cases"
CORRECTIONS: Final = "corrections"

_INTEGRATION: Final = "Integration"
_GOVERNANCE: Final = "Governance"
_SHORTEST_FRESHNESS: Final = timedelta(minutes=1)
_CANONICAL_PREFIX: Final = "canon_"


def team(owner: str) -> str:
    """Return the owner of an asset from the team a rule's header names."""
    return "team:" + re.sub(r"[^a-z0-9]+", "_", owner.lower()).strip("_")


def reconcile_specs(catalogue: Catalogue) -> list[dg.AssetSpec]:
    """Return the assets of the step that pulls and reconciles, in the order in which they are made."""
    return [
        *(_feed_spec(catalogue, feed) for feed in catalogue.feeds),
        *(_table_spec(catalogue, model, "operations", _INTEGRATION) for model in catalogue.operations),
        *(_table_spec(catalogue, model, "canonical", _INTEGRATION) for model in catalogue.canonical),
        _table_spec(catalogue, catalogue.matches, "reconcile", _GOVERNANCE),
        *(_rule_spec(catalogue, rule) for rule in catalogue.rules),
        *(_table_spec(catalogue, model, "reconcile", _GOVERNANCE) for model in catalogue.reconciled),
        *(_table_spec(catalogue, model, "marts", _GOVERNANCE) for model in catalogue.marts),
    ]


def decision_specs() -> list[dg.AssetSpec]:
    """Return the assets of the step that decides and delivers."""
    return [
        dg.AssetSpec(
            CASES,
            deps=["rec_findings", "rec_rule_runs"],
            group_name="exceptions",
            owners=[team(_GOVERNANCE)],
            kinds={"python", "sql"},
            description="One case per exception code, business key and node, with owner, deadlines and history. "
            "A case ends only when a later snapshot proves the cure.",
        ),
        dg.AssetSpec(
            CORRECTIONS,
            deps=[CASES],
            group_name="exceptions",
            owners=[team(_GOVERNANCE)],
            kinds={"python", "sql"},
            description="What was proposed, approved and delivered to the systems to cure a case. "
            "Delivery is at least once, with one effect per idempotency key.",
        ),
    ]


def table_schema(columns: Iterable[tuple[str, str]], contract: Contract | None = None) -> dg.TableSchema:
    """Return a schema as Dagster shows it.

    Args:
        columns: Name and type of each column.
        contract: What the columns of that name must satisfy.
    """
    promised = {column.name: column for column in contract.columns} if contract else {}
    about = {**_common_meanings(), **{name: column.about for name, column in promised.items()}}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type=kind,
                description=about.get(name),
                constraints=_constraints(promised[name]) if name in promised else None,
            )
            for name, kind in columns
        ]
    )


def contract_behind(catalogue: Catalogue, asset: str) -> Contract | None:
    """Return the contract that an asset's rows keep; None for what is derived from several."""
    of_feeds = {feed.table: feed.contract for feed in catalogue.feeds}
    return of_feeds.get(asset) or CONTRACTS.get(asset.removeprefix(_CANONICAL_PREFIX))


@lru_cache(maxsize=1)
def _common_meanings() -> Mapping[str, str]:
    """Return what a column means that means the same in every contract: what derived tables may say of it."""
    meanings: dict[str, set[str]] = {}
    for contract in CONTRACTS.values():
        for column in contract.columns:
            meanings.setdefault(column.name, set()).add(column.about)
    return MappingProxyType({name: about.pop() for name, about in meanings.items() if len(about) == 1})


def _feed_spec(catalogue: Catalogue, feed: CanonicalFeed) -> dg.AssetSpec:
    declaration = catalogue.declarations[feed.system]
    transport = declaration.transport.kind
    columns = ((column.name, column.type.value) for column in feed.contract.columns)
    return dg.AssetSpec(
        feed.table,
        group_name=feed.system,
        owners=[team(_INTEGRATION)],
        kinds={"duckdb", "sql", transport},
        description=_described(feed.mapping, f"{feed.contract.about} As {declaration.title} says it."),
        metadata={**_table_metadata(feed.table), "dagster/column_schema": table_schema(columns, feed.contract)},
        code_version=f"{feed.mapping.version}.{feed.contract.version}",
        tags={"system": feed.system, "role": declaration.role.value, "node": declaration.node or ""},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=max(timedelta(seconds=declaration.freshness_seconds), _SHORTEST_FRESHNESS)
        ),
        skippable=True,
    )


def _table_spec(catalogue: Catalogue, model: SqlModel, group: str, owner: str) -> dg.AssetSpec:
    contract = contract_behind(catalogue, model.name)
    about = contract.about.replace("in one system", "in each system") if contract else _sentence(model.header["grain"])
    return dg.AssetSpec(
        model.name,
        deps=sorted(catalogue.upstream(model.name)),
        group_name=group,
        owners=[team(owner)],
        kinds={"duckdb", "sql"},
        description=_described(model, f"{about} {prose(model)}".strip()),
        metadata=_table_metadata(model.name),
        code_version=model.version,
    )


def _rule_spec(catalogue: Catalogue, rule: Rule) -> dg.AssetSpec:
    name = rule_asset(rule)
    return dg.AssetSpec(
        name,
        deps=sorted(catalogue.upstream(name)),
        group_name="rules",
        owners=[team(rule.owner)],
        kinds={"duckdb", "sql"},
        description=_described(
            rule.model,
            f"**{rule.code} {rule.name}**: {_sentence(rule.title)} {prose(rule.model)}\n\n"
            f"One row per {rule.grain}. Source: {_sentence(rule.source)}",
        ),
        metadata={"feeds": ", ".join(f"{need.role}.{need.contract}" for need in rule.feeds)},
        code_version=rule.model.version,
        tags={
            "code": rule.code,
            "severity": rule.severity.value,
            "scope": rule.scope.value,
            "correction_class": rule.correction_class.value,
        },
    )


def _table_metadata(table: str) -> dict[str, Any]:
    return {"dagster/table_name": f"lake.main.{table}"}


def _described(model: SqlModel, text: str) -> str:
    return f"{text}\n\n```sql\n{statement(model)}\n```"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _constraints(column: Column) -> dg.TableColumnConstraints:
    other = []
    if column.codes:
        other.append("one of " + ", ".join(column.codes))
    if column.minimum is not None:
        other.append(f"at least {column.minimum}")
    return dg.TableColumnConstraints(nullable=not column.required, other=other)
