"""Keep the rows that break their contract, as they were sent, beside the lake's good ones; let go of what is mended.

Which rows those are is decided by `row_checks`; that they are counted with their snapshot is up to `admission`.
"""

from __future__ import annotations

import json
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.canonical.row_checks import checks_of, failing_select
from fulfillment_pipelines.canonical.staging import StagedRows, show_landed
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot
from fulfillment_pipelines.snapshots.landing import Manifest
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.warehouse import Connection, create_view, delete_rows, insert_rows, scalar

_QUARANTINE: Final = """
    create or replace temp table quarantined_rows as
    select
        failing.landed_row_no,
        failing.source_key,
        failing.order_id,
        failing.node,
        failing.sku,
        failing.uom,
        array_to_string(
            list_filter($check_ids, lambda check_id, position: (failing.failed_mask >> (position - 1)) & 1 = 1), ', '
        ) as failed_checks,
        cast(to_json(landed) as varchar) as record
    from failing
    join landed on failing.landed_row_no = landed.landed_row_no
    union all by name
    select landed_row_no, failed_checks, record from unreadable_rows
"""

_MENDED: Final = "select source_key from good_rows"
_RELEASE: Final = """
    system = $system and entity = $entity and as_of <= $as_of
    and ($is_whole or source_key in (select source_key from gone))
"""

_RECORD_QUARANTINE: Final = """
    select
        $snapshot_id as snapshot_id, $system as system, $entity as entity, cast($as_of as timestamptz) as as_of,
        landed_row_no, source_key, order_id, node, sku, uom, failed_checks, record
    from quarantined_rows
"""


def release(transaction: Connection, manifest: Manifest) -> None:
    """Let go of what a snapshot mends: everything of its feed when it is whole, else the keys that are good now.

    What a later snapshot has put there stays: an earlier one knows nothing of it.
    """
    names = {"system": manifest.system, "entity": manifest.entity, "as_of": manifest.as_of}
    create_view(transaction, "mended_keys", _MENDED)
    told = {**names, "is_whole": manifest.whole}
    delete_rows(transaction, "ops_open_quarantine", _RELEASE, "mended_keys", told)


def quarantine(
    transaction: Connection, manifest: Manifest, rows: StagedRows, contract: Contract, *, name: str, is_late: bool
) -> tuple[int, bool]:
    """Put the rows of `checked_rows` that fail into quarantine, with the lines that are no records.

    Args:
        transaction: The lake's cursor within the caller's transaction.
        manifest: Of the snapshot.
        rows: What was staged of it.
        contract: What its rows are held to.
        name: Of the feed in the stage.
        is_late: Whether a whole snapshot of a later moment is in the lake: what breaks in this one is kept, and is
            no longer open.

    Returns:
        How many rows, and whether all their keys are known.
    """
    show_landed(transaction, rows, name)
    transaction.register("unreadable_rows", _unreadable_rows(rows.decoded))
    create_view(transaction, "failing", failing_select(contract))
    transaction.execute(_QUARANTINE, {"check_ids": [check.check_id for check in checks_of(contract)]})
    row = {
        "system": manifest.system,
        "entity": manifest.entity,
        "snapshot_id": manifest.snapshot_id,
        "as_of": manifest.as_of,
    }
    for table in ("ops_quarantine",) if is_late else ("ops_quarantine", "ops_open_quarantine"):
        insert_rows(transaction, table, _RECORD_QUARANTINE, row)
    without_key = scalar(transaction, "select count(*) from quarantined_rows where source_key is null")
    return scalar(transaction, "select count(*) from quarantined_rows"), without_key == 0


def _unreadable_rows(decoded: DecodedSnapshot) -> pa.Table:
    lines = decoded.unreadable
    return pa.table(
        {
            ROW_NUMBER: pa.array([line.line_no for line in lines], pa.int64()),
            "failed_checks": pa.array([f"page:readable ({line.problem})" for line in lines], pa.string()),
            "record": pa.array([json.dumps({"page": line.page, "text": line.text}) for line in lines], pa.string()),
        }
    )
