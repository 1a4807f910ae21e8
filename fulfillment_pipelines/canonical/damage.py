"""Find out whether a snapshot that is read in place is damaged between the ends of its pages.

Who reads a large snapshot of Parquet reads it in parts, and comes upon what is damaged at any moment. Only then is it
looked through here, from one end to the other; what becomes of it belongs to `admission`.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp, select

from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.scanning import scanned_pages
from fulfillment_pipelines.warehouse import Connection, SqlError


def damage_of(cursor: Connection, landed: LandedSnapshot, layout: PageLayout) -> str:
    """Return what is wrong with pages that are read in place, in words; empty where they can be read."""
    pages = scanned_pages(landed, layout, fewest_rows=0)
    if pages is None:
        return ""
    rows = exp.Subquery(this=sqlglot.parse_one(pages.select(), read="duckdb"), alias=exp.to_identifier("landed"))
    every_value = select(exp.func("bit_xor", exp.func("hash", exp.column("landed")))).from_(rows)
    try:
        pages.look_through()
        # Two libraries read these pages, and one may see what the other passes over.
        cursor.execute(every_value.sql(dialect="duckdb")).fetchall()
    except (BadDataError, SqlError) as error:
        return str(error)
    return ""
