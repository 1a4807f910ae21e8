"""Findings as they come from the lake: an Arrow table with the columns of `Finding`, in any order."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pyarrow as pa

from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.errors import BadDataError

_COLUMNS = tuple(field.name for field in fields(Finding))
_ABSENT_IS_EMPTY = frozenset(
    {
        "node",
        "order_id",
        "message",
        "target_role",
        "payload",
        "precondition",
        "judgement_reason",
        "currency",
        "steps_done",
        "parent_code",
        "parent_business_key",
        "parent_node",
    }
)


def findings_of(table: pa.Table) -> list[Finding]:
    """Return one finding for each row of `rec_findings`.

    A null is read as an empty text where `Finding` means "none" by one.

    Raises:
        BadDataError: A column is missing or a value cannot be a finding's.
    """
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise BadDataError(
            "The findings lack columns.",
            expected=", ".join(_COLUMNS),
            found=f"no {', '.join(missing)}",
            remedy="correct the model that writes rec_findings",
        )
    columns = [_values(table, name) for name in _COLUMNS]
    return [Finding(*row) for row in zip(*columns, strict=True)]


def _values(table: pa.Table, name: str) -> list[object]:
    values: list[object] = table.column(name).to_pylist()
    try:
        if name == "verdict":
            return [Verdict(str(value)) for value in values]
        if name == "severity":
            return [Severity(str(value)) for value in values]
        if name in _ABSENT_IS_EMPTY:
            return ["" if value is None else value for value in values]
        if values and isinstance(values[0], datetime):
            return [value.astimezone(UTC) if isinstance(value, datetime) else value for value in values]
    except ValueError as error:
        raise BadDataError(
            f"A finding's {name} is not one of the vocabulary.", found=str(error), remedy="correct the rule's SQL file"
        ) from error
    return values
