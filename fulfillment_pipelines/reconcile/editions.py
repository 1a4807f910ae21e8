"""With which words the lake's derived tables were made: a model, tolerance or seed that changes makes them anew.

Derived tables follow from the feeds, so one whose model has changed is dropped and written again by a full run;
nothing is migrated. A rule that is new, has changed or is gone asks for a full run in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Connection, drop_table, replace_rows

_TABLE: Final = "rec_editions"
_CHANGED: Final = """
    select coalesce(made.name, wanted.name) as name
    from rec_editions as made
    full outer join wanted_editions as wanted on made.name = wanted.name
    where made.version is distinct from wanted.version
"""


def editions_of(
    models: Iterable[SqlModel], differences: str, tolerances: Tolerances, reference: ReferenceData
) -> Mapping[str, str]:
    """Return the version of everything derived tables are made with, by name.

    Args:
        models: Canonical models, ledgers, verdict models and marts, each named after its table, and the rules.
        differences: What `rec_differences` is made with.
        tolerances: Configured values: with others, the same rule says something else.
        reference: Nodes, units and declared feeds.
    """
    return {
        **{model.name: model.version for model in models},
        "rec_differences": _hash(differences),
        "tolerances": _hash(tolerances.model_dump_json()),
        "reference": _hash(repr((sorted(reference.nodes.items()), reference.units, reference.feeds))),
    }


def forget_outdated(transaction: Connection, existing: frozenset[str], wanted: Mapping[str, str]) -> frozenset[str]:
    """Drop the tables that were made with other words; return the tables that remain.

    When anything has changed, fewer tables remain than there were, or `rec_editions` is not among them: a full run
    must follow.
    """
    changed = _outdated(transaction, existing, wanted)
    if _TABLE not in existing or not changed:
        return existing
    for table in changed & existing:
        drop_table(transaction, table)
    return existing - changed - {_TABLE}


def is_outdated(connection: Connection, existing: frozenset[str], wanted: Mapping[str, str]) -> bool:
    """Return whether anything was made with other words, or is not to be trusted: a full run must follow."""
    return _TABLE not in existing or bool(_outdated(connection, existing, wanted))


def forget_all(transaction: Connection) -> None:
    """Have the next run make everything anew, whoever asks for it: what stands now broke a promise."""
    drop_table(transaction, _TABLE)


def is_current(existing: frozenset[str]) -> bool:
    """Return whether everything was made with the present words, as `forget_outdated` has left it."""
    return _TABLE in existing


def keep_editions(transaction: Connection, existing: frozenset[str]) -> None:
    """Write down with which words the tables are made now."""
    replace_rows(transaction, _TABLE, "from wanted_editions", existing=existing)


def _outdated(connection: Connection, existing: frozenset[str], wanted: Mapping[str, str]) -> set[str]:
    names = pa.table({"name": pa.array(list(wanted), pa.string()), "version": pa.array(wanted.values(), pa.string())})
    connection.register("wanted_editions", names)
    return {name for (name,) in connection.execute(_CHANGED).fetchall()} if _TABLE in existing else set()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
