"""Tell whether an answer says anything that the answer before it did not say, without reading its rows."""

from __future__ import annotations

import hashlib
import json

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Snapshot


def fingerprint(snapshot: Snapshot, records_path: str) -> str:
    """Return a hash of the records of a snapshot; the same while they are.

    Args:
        snapshot: The answer.
        records_path: Where the records are in a JSON page, in dots.
    """
    digest = hashlib.sha256(b"complete" if snapshot.complete else b"partial")
    for page in snapshot.pages:
        digest.update(_records(page, records_path))
    return digest.hexdigest()[:16]


def _records(page: Page, records_path: str) -> bytes:
    """Return the bytes that are the same while the records are: a JSON page also says when it was asked for."""
    if page.format is not PageFormat.JSON:
        return page.content
    try:
        found = json.loads(page.content)
        for name in records_path.split(".") if records_path else ():
            found = found[name]
    except (ValueError, KeyError, TypeError):
        return page.content
    return json.dumps(found, sort_keys=True).encode()
