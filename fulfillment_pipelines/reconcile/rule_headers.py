"""What the headers of the rules declare, as tables that models join with: `ref_rules` and what belongs to it.

They are held in the process's stage schema. What an entry means is said in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.reconcile.rules import NO_MORE, Rule
from fulfillment_pipelines.warehouse import Warehouse


def load_headers(warehouse: Warehouse, rules: Sequence[Rule], declared: Sequence[FeedReference]) -> None:
    """Put the rules' headers into the stage schema, for the models that join with them."""
    version = ([(rule.code, rule.model.version) for rule in rules], list(declared))
    warehouse.stage_once("rule headers", version, lambda: _tables(rules, declared))


def _tables(rules: Sequence[Rule], declared: Sequence[FeedReference]) -> Mapping[str, pa.Table]:
    """Return a table for each entry that is a list, and one for those that every rule has once."""
    needs = [(rule.code, need.role.value, need.contract) for rule in rules for need in rule.compared(declared)]
    edges = [(rule.code, edge) for rule in rules for edge in rule.explains]
    causes = [(rule.code, code, position) for rule in rules for position, code in enumerate(rule.follows)]
    steps = [
        (rule.code, "" if message == NO_MORE else message, ",".join(rule.steps[:position]))
        for rule in rules
        for position, message in enumerate(rule.steps)
    ]
    return {
        "ref_rules": _headers(rules),
        "ref_rule_feeds": _pairs(needs, "code", "role", "contract"),
        "ref_rule_explains": _pairs(edges, "code", "edge"),
        "ref_rule_follows": _pairs(causes, "code", "parent_code", "position"),
        "ref_rule_steps": _pairs(steps, "code", "message", "steps_done"),
    }


def _headers(rules: Sequence[Rule]) -> pa.Table:
    text = pa.string()
    return pa.table(
        {
            "code": pa.array([rule.code for rule in rules], text),
            "name": pa.array([rule.name for rule in rules], text),
            "title": pa.array([rule.title for rule in rules], text),
            "severity": pa.array([rule.severity.value for rule in rules], text),
            "owner": pa.array([rule.owner for rule in rules], text),
            "correction_class": pa.array([rule.correction_class.value for rule in rules], text),
            "confirm_snapshots": pa.array([rule.confirm_snapshots for rule in rules], pa.int64()),
            "is_planned": pa.array([rule.is_planned for rule in rules], pa.bool_()),
            "lag": pa.array([rule.lag for rule in rules], text),
            "names_case": pa.array([rule.names_case for rule in rules], pa.bool_()),
            "rule_version": pa.array([rule.model.version for rule in rules], text),
        }
    )


def _pairs(rows: Sequence[tuple[str | int, ...]], *names: str) -> pa.Table:
    """Return rows of texts under these names; a `position` is a number."""
    return pa.table(
        {
            name: pa.array([row[index] for row in rows], pa.int64() if name == "position" else pa.string())
            for index, name in enumerate(names)
        }
    )
