"""Whether the system answers, and whether what it gives is whole."""

from __future__ import annotations

from fulfillment_pipelines.certification.examination import Examination
from fulfillment_pipelines.certification.verdicts import Finding, failed, passed


def answers(examination: Examination, _: str) -> Finding:
    """The system is reachable and accepts the credentials."""
    with examination.bench.plain() as system:
        system.check()
    return passed("It answers and accepts the credentials.")


def comes_whole(examination: Examination, entity: str) -> Finding:
    """A pull is complete, and has as many rows as the system says."""
    pulled = examination.clean(entity)
    snapshot = pulled.snapshot
    rows = pulled.decoded.landed_rows
    declared = "not told" if snapshot.declared_rows is None else snapshot.declared_rows
    evidence = {"rows received": rows, "rows declared by the system": declared, "as of": snapshot.as_of.isoformat()}
    if not snapshot.complete:
        return failed(snapshot.problem, **evidence)
    if snapshot.declared_rows is not None and snapshot.declared_rows != rows:
        return failed(f"The system declares {snapshot.declared_rows} rows and {rows} came.", **evidence)
    return passed(f"{rows} rows came, and nothing is missing.", **evidence)
