"""What the platform itself has done, as tables that rules and marts read: `ops_corrections` and `ops_cases`.

They are held in the process's stage schema, like reference data: the ledger is their home. What a row means is said
in `ledger.history`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import pyarrow as pa

from fulfillment_pipelines.ledger.history import CaseHistory, CorrectionHistory
from fulfillment_pipelines.warehouse import Warehouse, stage_table

LOOKBACK: Final = timedelta(days=7)
"""How far back corrections of cases that are over are told; longer than any window that a rule may look at."""

_ARROW_TYPES: Final[Mapping[type, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    Decimal: pa.decimal128(18, 2),
    datetime: pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class PlatformRecords:
    """What is known at the moment of a run.

    Attributes:
        corrections: Corrections that still matter.
        cases: All cases there were; only a full run looks at them.
    """

    corrections: Sequence[CorrectionHistory] = ()
    cases: Sequence[CaseHistory] = ()

    def load(self, warehouse: Warehouse) -> None:
        """Put the records into the stage schema of this process."""
        with warehouse.reading() as cursor:
            for name, table in (
                ("ops_corrections", _columns(CorrectionHistory, self.corrections)),
                ("ops_cases", _columns(CaseHistory, self.cases)),
            ):
                stage_table(cursor, name, table)


NO_RECORDS: Final = PlatformRecords()
"""Of a platform that has done nothing yet."""


def _columns(row_type: type, rows: Sequence[Any]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([getattr(row, name) for row in rows], _ARROW_TYPES[_without_none(hint)])
            for name, hint in get_type_hints(row_type).items()
        }
    )


def _without_none(hint: Any) -> type:
    """Return the type of a field that may also be None."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    found: type = kinds[0] if kinds else hint
    return found
